use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Weighting, entmax, soft_argmax};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{SHORT, extreme_lines, side_by_side, tensor, uniform, values, widen, widths},
    device::computes,
    golden::{Case, Ours, cases},
    gradient::gradient,
    oracle_entmax::{entmax as oracle, entmax_gradient},
    rounding::Rounding,
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;
/// Sparsemax, two others, and two near the softmax.
const ALPHAS: [f64; 5] = [2.0, 1.5, 1.7, 1.2, 1.01];

/// The probabilities of lines and their gradient, whatever lies beside a line.
#[track_caller]
fn assert_lines(lines: &[f32], n: usize, alpha: f64, beta: f64, device: &Device) {
    let count = lines.len() / n;
    let upstream = uniform(62, lines.len());
    let (mut want, mut slopes) = (Vec::new(), Vec::new());
    for (line, g) in widen(lines).chunks(n).zip(widen(&upstream).chunks(n)) {
        want.extend(oracle(line, alpha, beta));
        slopes.extend(entmax_gradient(line, alpha, beta, g));
    }
    for width in widths(count) {
        println!("{count} lines of {n}, {width} side by side, alpha {alpha}, beta {beta}");
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(lines, n, width), shape, device);
        let got = values(entmax(x.clone(), 1, alpha, beta));
        for (got, want) in
            rows(&got, shape, 1)
                .iter()
                .zip(rows(&side_by_side(&want, n, width), shape, 1))
        {
            // Near the threshold a weight is a small difference.
            let scale = largest(&want);
            assert_within(got, &want, |p| 3e-5 * p + 1e-6 * scale);
        }
        let upstream = tensor(&side_by_side(&upstream, n, width), shape, device);
        let got = values(gradient(x, upstream, |x| entmax(x, 1, alpha, beta)));
        let slopes = side_by_side(&slopes, n, width);
        for (got, want) in rows(&got, shape, 1).iter().zip(rows(&slopes, shape, 1)) {
            let scale = largest(&want);
            assert_within(got, &want, |_| 5e-4 * scale + 1e-7);
        }
    }
}

#[test]
fn lines() {
    let Some(device) = device() else { return };
    for (size, n) in SHORT.into_iter().enumerate() {
        for (i, alpha) in ALPHAS.into_iter().enumerate() {
            // Every pair of the two, at every third size.
            let beta = [0.0, 0.3, 4.0][(size + i) % 3];
            let mut lines = uniform(61, 20 * n);
            if n > 2 {
                lines[1] = -INF;
            }
            assert_lines(&lines, n, alpha, beta, &device);
        }
    }
}

/// Lines that threads share, and long ones.
#[test]
fn many_and_long() {
    let Some(device) = device() else { return };
    for (count, n) in [(20_000, 10), (600, 600), (5, 70_003)] {
        for alpha in [1.5, 1.3] {
            assert_lines(&uniform(63, count * n), n, alpha, 1.3, &device);
        }
    }
}

/// The weights sum to 1, and each is that of its score above one threshold.
#[test]
fn optimality() {
    let Some(device) = device() else { return };
    for n in [2, 3, 17, 1000, 100_000] {
        let random = uniform(64, n);
        let kinds: [(&str, Vec<f32>); 6] = [
            ("random", random.clone()),
            ("flat", vec![-7.25; n]),
            ("nearly flat", random.iter().map(|x| 1e-4 * x).collect()),
            (
                "a peak",
                (0..n)
                    .map(|i| if i == n / 2 { 60.0 } else { 0.0 })
                    .collect(),
            ),
            (
                "masks",
                (0..n)
                    .map(|i| if i % 2 == 0 { -INF } else { random[i] })
                    .collect(),
            ),
            ("ties", random.iter().map(|x| x.round()).collect()),
        ];
        for (kind, row) in kinds {
            for alpha in [1.0, 1.25, 1.5, 2.0] {
                println!("{kind}, {n}, alpha {alpha}");
                let p = values(entmax(tensor(&row, [1, n], &device), 1, alpha, 1.0));
                let want = oracle(&widen(&row), alpha, 1.0);
                let sum: f64 = p.iter().sum();
                assert_within(&[sum], &[1.0], |_| 2e-6);
                let scale = largest(&want);
                assert_within(&p, &want, |p| 2e-6 * p + 1e-6 * scale);
                if kind == "a peak" && alpha > 1.0 {
                    assert_exact(&p, &want);
                    assert_eq!(largest(&want), 1.0);
                }
            }
        }
    }
}

/// Where one weight is nearly all, its gradient is as small a difference as the other weights are.
#[test]
fn beside_a_peak() {
    let Some(device) = device() else { return };
    let n = 50;
    let mut line: Vec<f32> = uniform(66, n).iter().map(|x| 4.0 * x - 35.0).collect();
    line[30] = 0.0;
    let mut upstream = vec![0.0; n];
    upstream[30] = 1e20;
    let want = entmax_gradient(&widen(&line), 1.01, 1.0, &widen(&upstream));
    for width in [1, 3, 20] {
        let lines = line.repeat(width);
        let x = tensor(&side_by_side(&lines, n, width), [1, n, width], &device);
        let upstream = side_by_side(&upstream.repeat(width), n, width);
        let upstream = tensor(&upstream, [1, n, width], &device);
        let got = values(gradient(x, upstream, |x| entmax(x, 1, 1.01, 1.0)));
        println!("{width} side by side");
        for got in rows(&got, [1, n, width], 1) {
            assert_within(&got, &want, |slope| 1e-3 * slope.abs());
        }
    }
}

/// Broken lines are NaN but leave nothing where nothing comes from upstream, and spoil nothing beside them.
#[test]
fn extremes() {
    let Some(device) = device() else { return };
    let (count, n) = (10, 40);
    let lines = extreme_lines(count, n);
    for width in widths(count) {
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(&lines, n, width), shape, &device);
        for (alpha, beta) in [(2.0, 0.0), (1.5, 2.0), (1.1, 2.0), (2.0, 1e30)] {
            println!("{width} side by side, alpha {alpha}, beta {beta}");
            let got = values(entmax(x.clone(), 1, alpha, beta));
            for silent in [false, true] {
                // Infinite at masks.
                let upstream = lines.iter().enumerate().map(|(i, &x)| match (x, silent) {
                    (x, _) if x == -INF => INF,
                    (_, true) => 0.0,
                    _ => (i % 7) as f32 - 3.0,
                });
                let upstream: Vec<f32> = upstream.collect();
                let upstream = tensor(&side_by_side(&upstream, n, width), shape, &device);
                let slopes = values(gradient(x.clone(), upstream, |x| entmax(x, 1, alpha, beta)));
                let slopes = rows(&slopes, shape, 1);
                for (line, got) in rows(&got, shape, 1).iter().enumerate() {
                    let scores = &lines[line * n..][..n];
                    let is_broken = [1, 2, 7, 8].contains(&line);
                    if is_broken {
                        assert_exact(got, &vec![f64::NAN; n]);
                    } else {
                        let sum: f64 = got.iter().sum();
                        assert_within(&[sum], &[1.0], |_| 1e-5);
                    }
                    for ((x, p), slope) in scores.iter().zip(got).zip(&slopes[line]) {
                        if *x == -INF {
                            assert!(is_broken || *p == 0.0);
                            assert_eq!(*slope, 0.0);
                        } else if silent {
                            assert_eq!(*slope, 0.0);
                        } else {
                            assert_eq!(slope.is_nan(), is_broken);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn half_and_double_precision() {
    let Some(device) = device() else { return };
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        if !computes(&device, dtype) {
            continue;
        }
        let rounding = Rounding::of(dtype);
        let data = TensorData::new(uniform(65, 30 * 500), [30, 500]).convert_dtype(dtype);
        let x = Tensor::<2>::from_data(data, (&device, dtype)).require_grad();
        let upstream = TensorData::new(uniform(66, 30 * 500), [30, 500]).convert_dtype(dtype);
        let upstream = Tensor::<2>::from_data(upstream, (&device, dtype));
        for alpha in ALPHAS {
            println!("{dtype:?}, alpha {alpha}");
            let p = entmax(x.clone(), 1, alpha, 0.8);
            assert_eq!(p.dtype(), dtype);
            let gradient = x.grad(&(p.clone() * upstream.clone()).backward()).unwrap();
            let [x, g, p, slopes] = [x.clone(), upstream.clone(), p, gradient].map(values);
            let (sums, scale_of) = match dtype {
                DType::F64 => (1e-11, 1e-10),
                _ => (1e-6, 2e-4),
            };
            for row in 0..30 {
                let of = |values: &[f64]| values[row * 500..][..500].to_vec();
                let want = oracle(&of(&x), alpha, 0.8);
                let scale = largest(&want);
                assert_within(&of(&p), &rounding.round(&want), |p| {
                    rounding.ulp(p) + sums * scale
                });
                let want = entmax_gradient(&of(&x), alpha, 0.8, &of(&g));
                let scale = largest(&want);
                assert_within(&of(&slopes), &rounding.round(&want), |slope| {
                    2.0 * rounding.ulp(slope) + scale_of * scale
                });
            }
        }
    }
}

fn run<const D: usize>(case: &Case, device: &Device) -> Ours {
    let x: Tensor<D> = case.x(device);
    let [alpha, beta] = ["alpha", "beta"].map(|name| case.number(name));
    let dim = case.dim.expect("a dimension");
    let y = match case.op.as_str() {
        "entmax" => entmax(x.clone(), dim, alpha, beta),
        _ => soft_argmax(x.clone(), dim, Weighting::entmax(alpha, beta)),
    };
    case.finish(x, y)
}

/// Those of the package entmax, and of the soft-argmax under its probabilities.
#[test]
fn golden() {
    let Some(device) = device() else { return };
    let cases = cases(include_str!("../../../golden/estimators.json"));
    let ops = ["entmax", "soft_argmax under entmax"];
    let cases = cases.iter().filter(|case| ops.contains(&&case.op[..]));
    let mut count = 0;
    for case in cases {
        case.assert(match case.shape.len() {
            2 => run::<2>(case, &device),
            _ => run::<3>(case, &device),
        });
        count += 1;
    }
    assert_eq!(count, 126);
}

/// A faint peak over a wide background, which the plain softmax does not see.
#[test]
fn a_background_has_no_part() {
    let Some(device) = device() else { return };
    let gaussian = |i: usize| 5.0 * (-0.5 * ((i as f32 - 12.3) / 2.0).powi(2)).exp();
    for n in [64, 4096] {
        let line: Vec<f32> = (0..n).map(gaussian).collect();
        let index = |weighting: Weighting| {
            values(soft_argmax(tensor(&line, [1, n], &device), 1, weighting))[0] - 12.3
        };
        assert!(index(Weighting::softmax(1.0)).abs() > 2.0);
        for (alpha, beta) in [(1.5, 1.0), (2.0, 1.0), (1.5, 0.5)] {
            let error = index(Weighting::entmax(alpha, beta));
            println!("{n}: alpha {alpha}, beta {beta}: {error:.5}");
            // The peak is between two pixels, of which one side has more above the threshold.
            assert!(error.abs() < 0.1, "{error}");
        }
    }
}

/// A NaN at the end of a line longer than any block.
#[test]
fn a_nan_far_out() {
    let Some(device) = device() else { return };
    let n = 8_400_000;
    let mut line = vec![0.0; n];
    line[3] = 1.0;
    line[n - 5] = f32::NAN;
    let got = entmax(tensor(&line, [1, n], &device), 1, 1.5, 1.0);
    let first = values(got.slice([0..1, 0..4]));
    assert!(first.iter().all(|p| p.is_nan()), "{first:?}");
}

/// What comes to a score without a weight has no part in the gradient of the others.
#[test]
fn an_infinite_upstream_beyond_the_threshold() {
    let Some(device) = device() else { return };
    for broken in [INF, f32::NAN] {
        let x = tensor(&[0.0, 8.9, 9.0], [1, 3], &device);
        let upstream = tensor(&[broken, -3.0, 1.0], [1, 3], &device);
        let got = values(gradient(x, upstream, |x| entmax(x, 1, 2.0, 1.0)));
        assert_within(&got, &[0.0, -2.0, 2.0], |_| 1e-5);
    }
}
