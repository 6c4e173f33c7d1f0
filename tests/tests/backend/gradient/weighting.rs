use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Weighting, soft_argmax, soft_argmax_moments, soft_argmax_over, soft_argmin,
    spatial_soft_argmax, spatial_soft_argmax_moments,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_index, assert_within, largest},
    data::{extreme_lines, side_by_side, tensor, uniform, values, widen, widths},
    device::computes,
    gradient::gradient,
    oracle_weighting::{
        Case,
        Weights::{self, Above, Given, Softmax},
    },
    rows::rows,
};

use super::device;

const TOLERANCE: f64 = 2e-4;
const INF: f32 = f32::INFINITY;

/// Every weighting, at levels below, among and above scores from -4 to 4, near and far from the
/// maximum.
fn cases(n: usize) -> Vec<Case> {
    let weights = [
        Softmax(0.7),
        Above(0.7, 0.0),
        Above(3.0, 3.5),
        Above(2.0, -5.0),
        Above(60.0, 0.3),
        Above(1e-3, 1.0),
        Above(1.0, 4.5),
    ];
    let radii = [None, Some(1), Some(4), Some(n / 2 + 1), Some(usize::MAX)];
    let cases = weights.into_iter().flat_map(|weights| {
        let radii = radii.into_iter();
        radii.map(move |radius| Case { weights, radius })
    });
    cases.collect()
}

/// Scores that are no logits: the weights are given.
fn masses(lines: usize, n: usize) -> Vec<f32> {
    let mut masses: Vec<f32> = uniform(33, lines * n).iter().map(|x| x + 4.0).collect();
    for line in masses.chunks_mut(n) {
        line[n / 2] = -INF;
        line[n - 1] = 1.5;
    }
    masses
}

/// The expected index of every line and its gradient, whatever lies beside it.
#[track_caller]
fn assert_lines(lines: &[f32], n: usize, case: Case, device: &Device) {
    let count = lines.len() / n;
    let upstream = uniform(31, count);
    let (index, slopes): (Vec<f64>, Vec<Vec<f64>>) = widen(lines)
        .chunks(n)
        .zip(widen(&upstream))
        .map(|(line, g)| {
            let (index, slopes) = case.expected(line, &[n]);
            (index[0], slopes[0].iter().map(|slope| slope * g).collect())
        })
        .unzip();
    for width in widths(count) {
        println!("{count} lines of {n}, {width} side by side, {case:?}");
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(lines, n, width), shape, device);
        let op = |x: Tensor<3>| soft_argmax(x, 1, case.weighting());
        assert_index(&values(op(x.clone())), &index, n);
        let upstream = tensor(&upstream, [count / width, 1, width], device);
        let want = side_by_side(&slopes.concat(), n, width);
        let of_leaf = gradient(x.clone(), upstream.clone(), op);
        // In place of logits that nothing else holds.
        let in_place = gradient(x, upstream, |x| op(x * 1.0));
        for got in [of_leaf, in_place].map(values) {
            for (got, want) in rows(&got, shape, 1).iter().zip(rows(&want, shape, 1)) {
                // What is next to nothing beside a sharp peak may be lost.
                let scale = largest(&want).max(1e-6);
                assert_within(got, &want, |_| TOLERANCE * scale);
            }
        }
    }
}

#[test]
fn lines() {
    let Some(device) = device() else { return };
    for n in [2, 5, 10, 16, 33, 300, 1025] {
        for case in cases(n) {
            assert_lines(&uniform(34, 10 * n), n, case, &device);
        }
        for radius in [None, Some(2)] {
            let case = Case {
                weights: Given,
                radius,
            };
            assert_lines(&masses(10, n), n, case, &device);
        }
    }
}

/// Lines that threads share, and lines in pieces.
#[test]
fn many_and_long() {
    let Some(device) = device() else { return };
    let weights = [Softmax(0.7), Above(0.7, 0.0), Above(30.0, 1.0)];
    for (count, n) in [(20_000, 10), (600, 600), (5, 70_003)] {
        for weights in weights {
            for radius in [None, Some(3)] {
                let case = Case { weights, radius };
                assert_lines(&uniform(35, count * n), n, case, &device);
            }
        }
        let case = Case {
            weights: Given,
            radius: None,
        };
        assert_lines(&masses(count, n), n, case, &device);
    }
}

/// Masks, huge scores and ties, beside lines that have no weights at all.
#[test]
fn extreme() {
    let Some(device) = device() else { return };
    let n = 40;
    let lines = extreme_lines(10, n);
    for case in [
        Case {
            weights: Softmax(0.7),
            radius: Some(3),
        },
        Case {
            weights: Above(0.7, 0.5),
            radius: None,
        },
        Case {
            weights: Above(0.7, 0.5),
            radius: Some(3),
        },
    ] {
        let x = tensor(&lines, [10, n], &device).require_grad();
        let index = soft_argmax(x.clone(), 1, case.weighting());
        let got = values(index.clone());
        let gradient = values(x.grad(&index.sum().backward()).unwrap());
        let rows = lines.chunks(n).zip(gradient.chunks(n)).enumerate();
        for (row, (line, gradient)) in rows {
            let broken = line.iter().any(|x| x.is_nan() || *x == INF);
            if broken || line.iter().all(|x| *x == -INF) {
                assert!(got[row].is_nan(), "{case:?}, row {row}: {}", got[row]);
                for (x, g) in line.iter().zip(gradient) {
                    assert!(if *x == -INF { *g == 0.0 } else { g.is_nan() });
                }
                continue;
            }
            let (index, slopes) = case.expected(&widen(line), &[n]);
            assert_index(&got[row..=row], &index, n);
            let scale = largest(&slopes[0]).max(1e-30);
            assert_within(gradient, &slopes[0], |_| TOLERANCE * scale);
        }
        // Nothing is left behind where nothing comes upstream.
        let x = tensor(&lines, [10, n], &device).require_grad();
        let index = soft_argmax(x.clone(), 1, case.weighting());
        let nothing = values(x.grad(&(index * 0.0).sum().backward()).unwrap());
        let sound = nothing[3 * n..4 * n].iter();
        assert!(sound.clone().all(|g| *g == 0.0));
    }
}

#[test]
fn maps() {
    let Some(device) = device() else { return };
    assert_maps([2, 3, 70], &device);
    assert_maps([2, 2, 9, 40], &device);
    assert_maps([1, 2, 5, 6, 19], &device);
    // A map in pieces, whose rows fit no vector.
    assert_maps([1, 2, 130, 257], &device);
}

#[track_caller]
fn assert_maps<const D: usize>(shape: [usize; D], device: &Device) {
    let (maps, sizes) = (shape[0] * shape[1], &shape[2..]);
    let (positions, axes) = (sizes.iter().product::<usize>(), D - 2);
    let scores = uniform(36, maps * positions);
    let masses: Vec<f32> = scores.iter().map(|x| x + 4.0).collect();
    let upstream = uniform(37, maps * axes);
    let mut cases: Vec<(Case, &[f32])> = Vec::new();
    for weights in [Softmax(0.7), Above(0.7, 0.0), Above(30.0, 1.0), Given] {
        let scores = match weights {
            Given => &masses,
            _ => &scores,
        };
        let radii = [None, Some(1), Some(4), Some(1000)].into_iter();
        cases.extend(radii.map(|radius| (Case { weights, radius }, &scores[..])));
    }
    for (case, scores) in cases {
        println!("{shape:?} {case:?}");
        let x = tensor(scores, shape, device);
        let op = |x: Tensor<D>| spatial_soft_argmax(x, case.weighting(), Coordinates::Index);
        let got = values(op(x.clone()));
        let upstream_of = tensor(&upstream, [shape[0], shape[1], axes], device);
        let gradient = |scale: fn(Tensor<D>) -> Tensor<D>| {
            let x = x.clone().require_grad();
            let loss = (op(scale(x.clone())) * upstream_of.clone()).sum();
            values(x.grad(&loss.backward()).unwrap())
        };
        let (of_scores, in_place) = (gradient(|x| x), gradient(|x| x * 1.0));
        for map in 0..maps {
            let place = map * positions..(map + 1) * positions;
            let (mean, slopes) = case.expected(&widen(&scores[place.clone()]), sizes);
            assert_within(&got[map * axes..][..axes], &mean, |_| 2e-5);
            let want: Vec<f64> = (0..positions)
                .map(|j| {
                    let axes = slopes.iter().zip(&upstream[map * axes..]);
                    axes.map(|(slope, g)| slope[j] * f64::from(*g)).sum()
                })
                .collect();
            let scale = largest(&want).max(1e-30);
            for got in [&of_scores, &in_place] {
                assert_within(&got[place.clone()], &want, |_| TOLERANCE * scale);
            }
        }
    }
}

/// The same weights in every function: a line's mean is the mean of its moments, of its indices as
/// bins, of an image of one row, and of its negated costs.
#[test]
fn of_every_function() {
    let Some(device) = device() else { return };
    let n = 50;
    for weights in [Softmax(0.7), Above(0.7, 0.5), Given] {
        for radius in [None, Some(3)] {
            let weighting = Case { weights, radius }.weighting();
            let scores: Vec<f32> = match weights {
                Given => uniform(38, 3 * n).iter().map(|x| x + 4.0).collect(),
                _ => uniform(38, 3 * n),
            };
            let x = || tensor(&scores, [1, 3, n], &device);
            let want = values(soft_argmax(x(), 2, weighting));
            let indices: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let bins = tensor(&indices, [n], &device);
            let moments = soft_argmax_moments(x(), 2, weighting);
            let spatial = spatial_soft_argmax_moments(x(), weighting, Coordinates::Index);
            let mut means = vec![
                soft_argmax_over(x(), bins, 2, weighting),
                moments.mean,
                spatial_soft_argmax(x(), weighting, Coordinates::Index),
                spatial.mean,
            ];
            if !matches!(weights, Given) {
                means.push(soft_argmin(-x(), 2, weighting));
            }
            for mean in means {
                assert_within(&values(mean), &want, |_| 2e-5);
            }
            let variance = values(moments.variance);
            let bound = radius.map_or(n as f64, |radius| 2.0 * radius as f64);
            for (variance, of_map) in variance.iter().zip(values(spatial.covariance)) {
                assert!((variance - of_map).abs() <= 1e-4 * of_map && *variance < bound * bound);
            }
        }
    }
}

/// A half is rounded once, and a level to the same dtype as the scores.
#[test]
fn half_precision() {
    let Some(device) = device() else { return };
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        if !computes(&device, dtype) {
            continue;
        }
        let n = 200;
        let data = TensorData::new(uniform(39, 4 * n), [4, n]).convert_dtype(dtype);
        let scores: Vec<f64> = data.clone().convert::<f64>().try_into_vec().unwrap();
        // That of a score: it weighs nothing.
        let level = scores[7];
        let unit = match dtype {
            DType::F16 => 2f64.powi(-11),
            DType::BF16 => 2f64.powi(-8),
            _ => 1e-12,
        };
        for weights in [Softmax(0.7), Above(0.7, level), Above(40.0, level)] {
            for radius in [None, Some(5)] {
                let case = Case { weights, radius };
                let x: Tensor<2> = Tensor::from_data(data.clone(), (&device, dtype)).require_grad();
                let index = soft_argmax(x.clone(), 1, case.weighting());
                assert_eq!(index.dtype(), dtype);
                let gradient = values(x.grad(&index.clone().backward()).unwrap());
                let rows = scores.chunks(n).zip(values(index)).enumerate();
                for (row, (line, got)) in rows {
                    let (index, slopes) = case.expected(line, &[n]);
                    assert_within(&[got], &index, |want| unit * want + 1e-4 * unit);
                    let gradient = &gradient[row * n..][..n];
                    // Small halves are coarser.
                    assert_within(gradient, &slopes[0], |want| 2.0 * unit * want.abs() + 2e-7);
                }
            }
        }
    }
}

/// What is faint, far above the level, or has no room for beta.
#[test]
fn above_a_level_of_any_height() {
    let Some(device) = device() else { return };
    let rows: [(&[f32], f64, f64, f64); 8] = [
        (&[0.0, 1e-5, 0.0, 0.0], 1.0, 0.0, 1.0),
        (&[0.0, 1e-20, 3e-20, 0.0], 1.0, 0.0, 1.75),
        (&[0.0, 1e-3, 1e-3, 0.0], 1e-20, 0.0, 1.5),
        (&[7.0, 8.0, 7.0, 7.5], 1e10, 7.0, 1.0),
        (&[0.0, 3e38, 0.0, 0.0], 1.0, 0.0, 1.0),
        (&[-3e38, -2e38, -3e38, -3e38], 1e-38, -2.5e38, 1.0),
        (&[5.0, 5.0, 5.0, 5.0], 1.0, 5.0, 1.5),
        (&[100.0, 100.0, 0.0, 0.0], 5.0, 1.0, 0.5),
    ];
    for (row, beta, level, want) in rows {
        println!("{row:?} {beta} {level}");
        let x = tensor(row, [1, 4], &device).require_grad();
        let index = soft_argmax(x.clone(), 1, Weighting::softmax(beta).above(level));
        assert_within(&values(index.clone()), &[want], |_| 1e-6);
        let gradient = values(x.grad(&index.backward()).unwrap());
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    }
}

#[test]
fn masses_that_cancel() {
    let Some(device) = device() else { return };
    let rows = [
        1.0, -1.0, 2.0, -2.0, 0.0, 0.0, 0.0, 0.0, 3.0, -1.0, 0.0, 0.0,
    ];
    let x = tensor(&rows, [3, 4], &device).require_grad();
    let index = soft_argmax(x.clone(), 1, Weighting::given());
    assert_exact(&values(index.clone()), &[f64::NAN, f64::NAN, -0.5]);
    let gradients = index.slice([2..3, 0..1]).sum().backward();
    let gradient = values(x.grad(&gradients).unwrap());
    assert_exact(&gradient[..8], &[0.0; 8]);
    assert_within(&gradient[8..], &[0.25, 0.75, 1.25, 1.75], |_| 1e-6);
}

/// The window of a long line, and of one whose index is no exact `f32`.
#[test]
fn a_window_far_away() {
    let Some(device) = device() else { return };
    let case = Case {
        weights: Weights::Softmax(1.0),
        radius: Some(2),
    };
    for (n, peak) in [(100_003, 90_000), (1 << 20, (1 << 20) - 1)] {
        let mut line = uniform(40, n);
        line[peak] = 5.0;
        let x = tensor(&line, [1, n], &device).require_grad();
        let index = soft_argmax(x.clone(), 1, case.weighting());
        let (want, slopes) = case.expected(&widen(&line), &[n]);
        assert_within(&values(index.clone()), &want, |_| 0.01);
        let gradient = values(x.grad(&index.backward()).unwrap());
        assert_within(&gradient, &slopes[0], |_| 1e-5);
    }
}

/// Long stretches of masks before and after all that is above the level.
#[test]
fn masks_ahead_of_what_is_above_a_level() {
    let Some(device) = device() else { return };
    let case = Case {
        weights: Above(1.0, 0.0),
        radius: None,
    };
    for (n, masked, peak) in [
        (100_000, 0..99_000, 99_990),
        (100_000, 500..100_000, 3),
        (5000, 0..4200, 4993),
    ] {
        let mut lines = vec![0.0; 16 * n];
        for line in lines.chunks_mut(n) {
            line[masked.clone()].fill(-INF);
            line[peak] = 5.0;
        }
        for width in [1, 16] {
            let shape = [16 / width, n, width];
            let x = tensor(&side_by_side(&lines, n, width), shape, &device);
            let got = values(soft_argmax(x.clone(), 1, case.weighting()));
            assert_within(&got, &[peak as f64; 16], |_| 1e-3);
            let moments = soft_argmax_moments(x, 1, case.weighting());
            assert_within(&values(moments.mean), &[peak as f64; 16], |_| 1e-3);
            assert_within(&values(moments.variance), &[0.0; 16], |_| 1e-3);
        }
    }
    for (size, rows) in [(64, 0..32), (300, 0..100), (300, 200..300), (512, 0..128)] {
        let mut map = vec![0.0; size * size];
        map[rows.start * size..rows.end * size].fill(-INF);
        map[(size / 2) * size + 7] = 5.0;
        let x = tensor(&map, [1, 1, size, size], &device);
        let op = |x: Tensor<4>| {
            let y = spatial_soft_argmax(x, case.weighting(), Coordinates::Index);
            y.reshape([1, 1, 1, 2])
        };
        let got = values(op(x.clone()));
        assert_within(&got, &[7.0, (size / 2) as f64], |_| 1e-3);
        let upstream = tensor(&[1.0, 1.0], [1, 1, 1, 2], &device);
        let slopes = values(gradient(x, upstream, op));
        assert!(slopes.iter().all(|slope| slope.is_finite()));
    }
}

/// The 1 that is taken off every weight counts where there are many, however high the peak is.
#[test]
fn a_high_peak_over_many_faint_scores() {
    let Some(device) = device() else { return };
    let n = 65_536;
    for dtype in [DType::F32, DType::F64] {
        if !computes(&device, dtype) {
            continue;
        }
        for height in [31.0, 33.0, 50.0] {
            let mut line: Vec<f32> = uniform(36, n).iter().map(|x| (x + 4.0) / 800.0).collect();
            line[10] = height;
            let case = Case {
                weights: Above(1.0, 0.0),
                radius: None,
            };
            let (want, _) = case.expected(&widen(&line), &[n]);
            let data = TensorData::new(line, [1, n]).convert_dtype(dtype);
            let x = Tensor::<2>::from_data(data, (&device, dtype));
            let got = values(soft_argmax(x, 1, case.weighting()));
            let tolerance = match dtype {
                DType::F64 => 1e-3 * (want[0] - 10.0).abs() + 1e-14,
                _ => 2e-6,
            };
            assert_within(&got, &want, |_| tolerance);
        }
    }
}

#[test]
fn bins_below_a_level_may_be_anything() {
    let Some(device) = device() else { return };
    let x = tensor(&[-1.0, 5.0, -1.0], [1, 3], &device).require_grad();
    let bins = tensor(&[INF, 1.0, f32::NAN], [3], &device);
    let y = soft_argmax_over(x.clone(), bins, 1, Weighting::softmax(1.0).above(0.0));
    assert_exact(&values(y.clone()), &[1.0]);
    assert_exact(&values(x.grad(&y.backward()).unwrap()), &[0.0; 3]);
}

/// Masses so faint that their inverse is out of range: nothing comes of nothing.
#[test]
fn faint_masses_under_no_upstream_gradient() {
    let Some(device) = device() else { return };
    let x = tensor(&[1e-40; 4], [1, 1, 2, 2], &device);
    let upstream = tensor(&[0.0; 2], [1, 1, 1, 2], &device);
    let op = |x: Tensor<4>| {
        let y = spatial_soft_argmax(x, Weighting::given(), Coordinates::Index);
        y.reshape([1, 1, 1, 2])
    };
    assert_exact(&values(gradient(x, upstream, op)), &[0.0; 4]);
}

/// Weights that are given may be negative, cancel within a part of a line, and sum to 0.
#[test]
fn masses_of_both_signs() {
    let Some(device) = device() else { return };
    for n in [9, 1_000, 70_003] {
        let negative = uniform(81, n).into_iter().map(|x| x - 6.0);
        let both = uniform(82, n)
            .into_iter()
            .enumerate()
            .map(|(i, x)| if i % 3 == 0 { 8.0 + x } else { -x.abs() / 4.0 });
        let mut cancelling = vec![0.0; n];
        cancelling[1] = 1.0;
        cancelling[2] = -1.0;
        let nothing = cancelling.clone();
        cancelling[n - 2] = -0.5;
        let lines: Vec<Vec<f32>> = vec![negative.collect(), both.collect(), cancelling, nothing];
        for width in [1, 4] {
            let shape = [4 / width, n, width];
            println!("{n} entries, {width} side by side");
            let x = side_by_side(&lines.concat(), n, width);
            let x = tensor(&x, shape, &device).require_grad();
            let y = soft_argmax(x.clone(), 1, Weighting::given());
            let got = values(y.clone());
            let slopes = values(x.grad(&y.backward()).expect("a gradient"));
            let slopes = rows(&slopes, shape, 1);
            for (row, (&got, slopes)) in lines.iter().zip(got.iter().zip(slopes)) {
                let sum: f64 = row.iter().map(|&x| f64::from(x)).sum();
                let moment = row.iter().enumerate();
                let moment: f64 = moment.map(|(i, &x)| i as f64 * f64::from(x)).sum();
                if sum == 0.0 {
                    assert!(got.is_nan() && slopes.iter().all(|slope| slope.is_nan()));
                    continue;
                }
                let mean = moment / sum;
                assert_within(&[got], &[mean], |mean| 1e-5 * mean.abs().max(n as f64));
                let want: Vec<f64> = (0..n).map(|i| (i as f64 - mean) / sum).collect();
                let scale = largest(&want);
                assert_within(&slopes, &want, |_| 1e-4 * scale);
            }
        }
    }
}

/// The largest number there is may be a mass.
#[test]
fn the_largest_mass() {
    let Some(device) = device() else { return };
    let mut line = [0.0; 9];
    line[6] = f32::MAX;
    let maps = tensor(&line, [1, 1, 3, 3], &device);
    for radius in [None, Some(1)] {
        let given = Weighting::given();
        let given = radius.map_or(given, |radius| given.within(radius));
        assert_exact(
            &values(soft_argmax(tensor(&line, [9], &device), 0, given)),
            &[6.0],
        );
        let at = spatial_soft_argmax(maps.clone(), given, Coordinates::Index);
        assert_exact(&values(at), &[0.0, 2.0]);
    }
}
