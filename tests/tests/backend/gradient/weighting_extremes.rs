use burn::tensor::{DType, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Weighting, soft_argmax, soft_argmax_moments, soft_argmax_over, spatial_soft_argmax,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{side_by_side, tensor, uniform, values, widen},
    device::computes,
    gradient::gradient,
    oracle_weighting::{
        Case,
        Weights::{self, Above},
    },
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;

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
