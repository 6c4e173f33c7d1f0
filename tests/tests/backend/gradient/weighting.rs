use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Coordinates, soft_argmax, soft_argmax_moments, soft_argmax_over, soft_argmin,
    spatial_soft_argmax, spatial_soft_argmax_moments,
};
use burn_argmax_tests::{
    check::{assert_index, assert_within, largest},
    data::{extreme_lines, side_by_side, tensor, uniform, values, widen, widths},
    device::computes,
    gradient::gradient,
    oracle_weighting::{
        Case,
        Weights::{Above, Given, Softmax},
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
