use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Noise, Surrogate, entmax, gumbel_noise, sampled_one_hot, sampled_top_k, soft_top_k,
    straight_through_one_hot, straight_through_top_k,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_panics, assert_rows, assert_within, largest},
    data::{extreme_lines, side_by_side, tensor, uniform, values, widen, widths},
    device::{UNLISTED, computes},
    gradient::gradient,
    oracle_noise::gumbels,
    oracle_top_k,
    rows::rows,
};

use super::device;

const SURROGATES: [Surrogate; 2] = [Surrogate::Identity, Surrogate::Softmax { beta: 1.5 }];

#[test]
fn marks_of_extreme_lines() {
    let Some(device) = device() else { return };
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        if computes(&device, dtype) {
            for n in [9, 64, 1025] {
                assert_marks_of_extreme_lines(n, dtype, &device);
            }
        }
    }
}

#[track_caller]
fn assert_marks_of_extreme_lines(n: usize, dtype: DType, device: &Device) {
    let lines = 20;
    let scores = extreme_lines(lines, n);
    for width in widths(lines) {
        let shape = [lines / width, n, width];
        let data = TensorData::new(side_by_side(&scores, n, width), shape);
        let x = Tensor::<3>::from_data(data.convert_dtype(dtype), (device, dtype));
        let scores = rows(&values(x.clone()), shape, 1);
        for k in [1, 2, n / 2, n] {
            let marks = straight_through_top_k(x.clone(), k, 1, Surrogate::Identity);
            let marks = rows(&values(marks), shape, 1);
            for (row, marks) in scores.iter().zip(marks) {
                assert_exact(&marks, &oracle_top_k::top_k(row, k));
            }
        }
    }
}

#[test]
fn of_long_lines_and_many_ties() {
    let Some(device) = device() else { return };
    for (n, levels) in [(100_003, 7.0), (131_072, 1e4), (65_537, 0.0)] {
        let scores: Vec<f32> = uniform(3, 2 * n)
            .iter()
            .map(|x| (x * levels).round())
            .collect();
        for dim in [0, 1] {
            let shape = if dim == 0 { [n, 2] } else { [2, n] };
            let x: Tensor<2> = tensor(&side_by_side(&scores, n, 2 - dim), shape, &device);
            let k = n / 3;
            let marks = straight_through_top_k(x.clone(), k, dim, Surrogate::Identity);
            let weights = soft_top_k(x, k, dim, 0.3);
            let results = [marks, weights].map(|tensor| rows(&values(tensor), shape, dim));
            for (line, row) in scores.chunks(n).enumerate() {
                let row = widen(row);
                assert_exact(&results[0][line], &oracle_top_k::top_k(&row, k));
                let want = oracle_top_k::soft_top_k(&row, k, 0.3);
                assert_within(&results[1][line], &want, |_| 3e-6);
            }
        }
    }
}

/// Whatever k is, the gradient is that of the one-hot.
#[test]
fn gradients_of_the_surrogates() {
    let Some(device) = device() else { return };
    let n = 64;
    let x: Tensor<2> = tensor(&extreme_lines(10, n), [10, n], &device);
    let mut upstream = uniform(4, 10 * n);
    upstream[n..2 * n].fill(0.0);
    let upstream: Tensor<2> = tensor(&upstream, [10, n], &device);
    for surrogate in SURROGATES {
        let of =
            |op: &dyn Fn(Tensor<2>) -> Tensor<2>| values(gradient(x.clone(), upstream.clone(), op));
        let want = of(&|x| straight_through_one_hot(x, 1, surrogate));
        assert_exact(&of(&|x| straight_through_top_k(x, 5, 1, surrogate)), &want);
        assert_exact(
            &of(&|x| sampled_top_k(x, 5, 1, surrogate, Noise::Seed(1))),
            &want,
        );
    }
}

#[test]
fn soft_weights_and_their_gradients() {
    let Some(device) = device() else { return };
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        if !computes(&device, dtype) {
            continue;
        }
        let tolerance = match dtype {
            DType::F64 => 1e-13,
            DType::F16 => 1e-3,
            DType::BF16 => 8e-3,
            _ => 1e-6,
        };
        for (shape, dim) in [([7, 40, 3], 1), ([2, 3, 257], 2), ([33, 2, 20], 0)] {
            let of_dtype = |seed| {
                let data = uniform(seed, shape.iter().product());
                Tensor::<3>::from_data(
                    TensorData::new(data, shape).convert_dtype(dtype),
                    (&device, dtype),
                )
            };
            let (x, upstream) = (of_dtype(8), of_dtype(9));
            let scores = rows(&values(x.clone()), shape, dim);
            let upstream_rows = rows(&values(upstream.clone()), shape, dim);
            let n = shape[dim];
            for (k, beta) in [
                (1, 1.0),
                (2, 3.0),
                (n / 2, 0.1),
                (n - 1, 20.0),
                (n, 1.0),
                (3, 0.0),
            ] {
                let weights = soft_top_k(x.clone(), k, dim, beta);
                assert_eq!(weights.dtype(), dtype);
                let weights = rows(&values(weights), shape, dim);
                let slopes = gradient(x.clone(), upstream.clone(), |x| soft_top_k(x, k, dim, beta));
                let slopes = rows(&values(slopes), shape, dim);
                for (line, row) in scores.iter().enumerate() {
                    let want = oracle_top_k::soft_top_k(row, k, beta);
                    assert_within(&weights[line], &want, |y| {
                        tolerance * (1.0 + beta) * y.max(1.0)
                    });
                    let upstream = &upstream_rows[line];
                    let want = oracle_top_k::soft_top_k_gradient(row, k, beta, upstream);
                    let scale = largest(&want);
                    assert_within(&slopes[line], &want, |_| tolerance * scale);
                }
            }
        }
    }
}

/// Of one it is the sparsemax.
#[test]
fn of_one_is_sparsemax() {
    let Some(device) = device() else { return };
    let shape = [6, 500];
    let x: Tensor<2> = tensor(&uniform(12, 3000), shape, &device);
    let upstream: Tensor<2> = tensor(&uniform(13, 3000), shape, &device);
    let want = values(entmax(x.clone(), 1, 2.0, 2.5));
    assert_rows(
        &values(soft_top_k(x.clone(), 1, 1, 2.5)),
        &want,
        shape,
        1,
        1e-6,
    );
    let want = values(gradient(x.clone(), upstream.clone(), |x| {
        entmax(x, 1, 2.0, 2.5)
    }));
    let got = values(gradient(x, upstream, |x| soft_top_k(x, 1, 1, 2.5)));
    assert_rows(&got, &want, shape, 1, 1e-6);
}

#[test]
fn broken_rows_and_masks() {
    let Some(device) = device() else { return };
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let scores = [
        [0.0, nan, 1.0, 2.0],
        [0.0, inf, 1.0, -inf],
        [-inf; 4],
        [-inf, 1.0, -inf, 3.0],
        [-inf, 1.0, -inf, -inf],
        [-inf, 1.0, 1.25, 1.5],
        [1e30, -1e30, 3e38, -3e38],
        [nan, 0.0, 0.0, 0.0],
    ];
    let x: Tensor<2> = tensor(scores.as_flattened(), [8, 4], &device);
    let got = values(soft_top_k(x.clone(), 2, 1, 1.0));
    let nan = f64::NAN;
    let want = [
        [nan; 4],
        [nan; 4],
        [nan; 4],
        [0.0, 1.0, 0.0, 1.0],
        [0.0, 1.0, 0.0, 0.0],
        [0.0, 5.0 / 12.0, 2.0 / 3.0, 11.0 / 12.0],
        [1.0, 0.0, 1.0, 0.0],
        [nan; 4],
    ];
    assert_within(&got, want.as_flattened(), |y| 1e-6 * y);

    let mut upstream = [1.0f32, 2.0, -1.0, 0.5].repeat(8);
    upstream[28..].fill(0.0);
    if !UNLISTED {
        upstream[20] = inf;
    }
    let upstream: Tensor<2> = tensor(&upstream, [8, 4], &device);
    let slopes = values(gradient(x, upstream, |x| soft_top_k(x, 2, 1, 1.0)));
    assert!(slopes[..4].iter().all(|slope| slope.is_nan()));
    assert!(slopes[4..7].iter().all(|slope| slope.is_nan()) && slopes[7] == 0.0);
    assert_exact(&slopes[8..21], &[0.0; 13]);
    assert_within(&slopes[21..24], &[1.5, -1.5, 0.0], |_| 1e-6);
    assert_exact(&slopes[24..], &[0.0; 8]);

    // More upstream than there are numbers for twice.
    let x: Tensor<2> = tensor(&[0.1, 0.0], [1, 2], &device);
    let upstream = tensor(&[3e38, 3e38], [1, 2], &device);
    let slopes = values(gradient(x, upstream, |x| soft_top_k(x, 1, 1, 1.0)));
    if !UNLISTED {
        assert_exact(&slopes, &[0.0; 2]);
    }

    let none = tensor(&[], [0, 4], &device).require_grad();
    for op in [
        |x| soft_top_k(x, 2, 1, 1.0),
        |x| straight_through_top_k(x, 2, 1, Surrogate::Identity),
        |x| sampled_top_k(x, 2, 1, Surrogate::Identity, Noise::Seed(1)),
    ] {
        let got: Tensor<2> = op(none.clone());
        assert_eq!(got.dims(), [0, 4]);
        assert!(none.grad(&got.sum().backward()).is_some());
    }
}

/// Times no beta a mask is no farther away than any other score.
#[test]
fn masks_of_flat_weights() {
    let Some(device) = device() else { return };
    let x: Tensor<2> = tensor(&[0.0, f32::NEG_INFINITY, 1.0, 2.0], [1, 4], &device);
    let share = 2.0 / 3.0;
    assert_within(
        &values(soft_top_k(x, 2, 1, 0.0)),
        &[share, 0.0, share, share],
        |_| 1e-6,
    );
}

/// The noise that is documented, of which each draw is the best that are left.
#[test]
fn draws() {
    let Some(device) = device() else { return };
    let (count, n) = (40, 65);
    let shape = [count, n];
    let scores = uniform(21, count * n);
    let x: Tensor<2> = tensor(&scores, shape, &device);
    let noisy = scores
        .iter()
        .zip(gumbels(17, count * n))
        .map(|(x, g)| f64::from(*x) + g);
    let noisy: Vec<f64> = noisy.collect();
    let got = sampled_top_k(x.clone(), 6, 1, Surrogate::Identity, Noise::Seed(17));
    for (noisy, got) in noisy.chunks(n).zip(values(got).chunks(n)) {
        assert_exact(got, &oracle_top_k::top_k(noisy, 6));
    }
    let one = sampled_top_k(x.clone(), 1, 1, Surrogate::Identity, Noise::Seed(17));
    let want = sampled_one_hot(x, 1, burn_argmax::Estimator::Identity, Noise::Seed(17));
    assert_exact(&values(one), &values(want));
    let noise = gumbel_noise::<2>(shape, Noise::Seed(17), &device);
    assert_eq!(noise.dims(), shape);
}

/// In each dtype, on long lines and broken ones: the same as of the wide scores, and a mask only where nothing else is
/// left.
#[test]
fn draws_of_any_scores() {
    let Some(device) = device() else { return };
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        if !computes(&device, dtype) {
            continue;
        }
        for (lines, n) in [(10, 64), (10, 100_003)] {
            let data = TensorData::new(extreme_lines(lines, n), [lines, n]).convert_dtype(dtype);
            let x = Tensor::<2>::from_data(data, (&device, dtype));
            let wide = match dtype {
                DType::F64 => dtype,
                _ => DType::F32,
            };
            let draw = |x| sampled_top_k(x, 5, 1, Surrogate::Identity, Noise::Seed(6));
            let drawn = draw(x.clone());
            assert_eq!(drawn.dtype(), dtype);
            let drawn = values(drawn);
            assert_exact(&drawn, &values(draw(x.clone().cast(wide))));
            for (row, drawn) in values(x).chunks(n).zip(drawn.chunks(n)) {
                assert_eq!(drawn.iter().sum::<f64>(), 5.0);
                let masks = |row: &[f64]| row.iter().filter(|x| **x == f64::NEG_INFINITY).count();
                let of_masks = (0..n).filter(|&i| drawn[i] == 1.0 && row[i] == f64::NEG_INFINITY);
                assert_eq!(of_masks.count(), 5usize.saturating_sub(n - masks(row)));
            }
        }
    }
    let apart: Tensor<2> = tensor(&[3e38, f32::NEG_INFINITY, -3e38], [1, 3], &device);
    let drawn = sampled_top_k(apart, 2, 1, Surrogate::Identity, Noise::Seed(1));
    assert_exact(&values(drawn), &[1.0, 0.0, 1.0]);
}

/// Where one score is far above, the others are drawn by theirs.
#[test]
fn draws_beside_a_score_far_above() {
    let Some(device) = device() else { return };
    const COUNT: usize = 20_000;
    let row = [1e8, 0.0, 1.0, 0.0];
    let x: Tensor<2> = tensor(&row, [1, 4], &device).expand([COUNT, 4]);
    let drawn = values(sampled_top_k(x, 2, 1, Surrogate::Identity, Noise::Seed(8)));
    let of = |index: usize| drawn.chunks(4).filter(|row| row[index] == 1.0).count() as f64;
    let e = std::f64::consts::E;
    let want = e / (2.0 + e) * COUNT as f64;
    assert_eq!(of(0), COUNT as f64);
    // Five deviations.
    assert!((of(2) - want).abs() < 350.0, "{} for {want}", of(2));
}

/// How often each pair of four is drawn, with an offset or without.
#[test]
fn draws_without_replacement() {
    let Some(device) = device() else { return };
    const COUNT: usize = 40_000;
    let weights = [0.1, 0.2, 0.3, 0.4f64];
    for offset in [0.0, 1e5] {
        let row = weights.map(|weight| weight.ln() as f32 + offset);
        let exact = row.map(|score| f64::from(score - offset).exp());
        let sum: f64 = exact.iter().sum();
        let p = exact.map(|weight| weight / sum);
        let x: Tensor<2> = tensor(&row, [1, 4], &device).expand([COUNT, 4]);
        let drawn = values(sampled_top_k(x, 2, 1, Surrogate::Identity, Noise::Seed(3)));
        let mut chi_square = 0.0;
        for a in 0..4 {
            for b in 0..a {
                let pairs = drawn.chunks(4).filter(|row| row[a] + row[b] == 2.0).count();
                let want = p[a] * p[b] / (1.0 - p[a]) + p[b] * p[a] / (1.0 - p[b]);
                let want = want * COUNT as f64;
                chi_square += (pairs as f64 - want).powi(2) / want;
            }
        }
        // Of five degrees of freedom: once in 10,000.
        assert!(chi_square < 25.7, "{chi_square} at {offset}");
    }
}

#[test]
fn how_many_there_are() {
    let Some(device) = device() else { return };
    let x = || tensor(&[1.0, 2.0, 3.0], [1, 3], &device);
    for (k, shown) in [(0, "0"), (4, "4")] {
        let message = format!("k must be from 1 to 3, the size of dim 1, got {shown}");
        let of = |name: &str| format!("{name}: {message}");
        assert_panics(|| soft_top_k(x(), k, 1, 1.0), &[&of("soft_top_k")]);
        let identity = Surrogate::Identity;
        assert_panics(
            || straight_through_top_k(x(), k, 1, identity),
            &[&of("straight_through_top_k")],
        );
        assert_panics(
            || sampled_top_k(x(), k, 1, identity, Noise::Seed(1)),
            &[&of("sampled_top_k")],
        );
    }
    let bad = Surrogate::Softmax { beta: -1.0 };
    let message = "beta must be finite and >= 0, got -1";
    assert_panics(
        || straight_through_top_k(x(), 1, 1, bad),
        &["straight_through_top_k", message],
    );
    assert_panics(
        || sampled_top_k(x(), 1, 1, bad, Noise::Seed(1)),
        &["sampled_top_k", message],
    );
    assert_panics(
        || soft_top_k(x(), 1, 1, f64::NAN),
        &["soft_top_k: beta must be finite"],
    );
}
