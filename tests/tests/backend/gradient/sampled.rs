use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Estimator, Noise, gumbel_noise, gumbel_softmax, sampled_argmax, sampled_one_hot, softmax,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{extreme_lines, tensor, uniform, values, widen},
    device::{UNLISTED, computes},
    gradient::gradient,
    oracle,
    oracle_noise::gumbels,
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;

const ESTIMATORS: [Estimator; 6] = [
    Estimator::Identity,
    Estimator::Softmax { beta: 1.5 },
    Estimator::GumbelSoftmax { beta: 0.7 },
    Estimator::ReinMax { beta: 1.2 },
    Estimator::GumbelRao {
        beta: 2.0,
        samples: 3,
    },
    Estimator::Gapped {
        beta: 1.5,
        gap: 1.0,
    },
];

/// Shapes, each with the dimension of the choice: rows of every path, few columns, many, and long lines.
const SHAPES: [([usize; 3], usize); 8] = [
    ([40, 1, 7], 2),
    ([5, 3, 100], 2),
    ([3, 2, 1001], 2),
    ([2, 1, 131_072], 2),
    ([7, 33, 5], 1),
    ([2, 300, 20], 1),
    ([1, 6000, 17], 1),
    ([70_000, 1, 3], 0),
];

/// Of every backend alike.
#[test]
fn the_noise_of_a_seed() {
    let Some(device) = device() else { return };
    for (seed, count) in [(0, 1), (7, 100_003), (u64::MAX - 5, 1000)] {
        let noise: Tensor<1> = gumbel_noise([count], Noise::Seed(seed), &device);
        assert_within(&values(noise), &gumbels(seed, count), |g| {
            3e-6 * g.abs().max(1.0)
        });
    }
    let [one, other] = [0, 1].map(|_| gumbel_noise::<1>([100], Noise::Device, &device));
    assert_ne!(values(one), values(other));
}

/// What is drawn is the first maximum of the scores and their noise, wherever a line lies.
#[test]
fn a_draw_is_the_maximum_with_noise() {
    let Some(device) = device() else { return };
    for (shape, dim) in SHAPES {
        println!("{shape:?} along {dim}");
        let count = shape.iter().product();
        let scores = uniform(91, count);
        let x = tensor(&scores, shape, &device);
        let noisy: Vec<f64> = widen(&scores)
            .iter()
            .zip(gumbels(3, count))
            .map(|(x, g)| x + g)
            .collect();
        let one_hot = sampled_one_hot(x.clone(), dim, Estimator::Identity, Noise::Seed(3));
        let index = sampled_argmax(x.clone(), dim, Noise::Seed(3));
        let index: Vec<i64> = index.into_data().iter().collect();
        let one_hot = values(one_hot);
        let of_lines = rows(&noisy, shape, dim);
        assert_eq!(index.len(), of_lines.len());
        // In the order of the lines: that of the reduced tensor.
        for ((noisy, one_hot), index) in of_lines.iter().zip(rows(&one_hot, shape, dim)).zip(index)
        {
            let drawn: Vec<usize> = (0..noisy.len()).filter(|&i| one_hot[i] != 0.0).collect();
            assert_eq!(drawn, [index as usize]);
            assert_eq!(one_hot[drawn[0]], 1.0);
            let max = noisy.iter().copied().fold(f64::MIN, f64::max);
            // Two that rounding makes equal may be taken for each other.
            assert!(noisy[drawn[0]] >= max - 1e-5, "{} {max}", noisy[drawn[0]]);
        }
    }
}

/// A view has the noise of its copy.
#[test]
fn views() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(92, 60 * 50), [60, 50], &device);
    let view = x.clone().swap_dims(0, 1);
    let copy = tensor(
        &values(view.clone())
            .iter()
            .map(|&x| x as f32)
            .collect::<Vec<_>>(),
        [50, 60],
        &device,
    );
    for estimator in ESTIMATORS {
        for dim in [0, 1] {
            let draw = |x| sampled_one_hot(x, dim, estimator, Noise::Seed(4));
            assert_exact(&values(draw(view.clone())), &values(draw(copy.clone())));
        }
    }
}

/// Draws over the probability of each of five, by Pearson's test at one in a million.
#[test]
fn frequencies() {
    let Some(device) = device() else { return };
    const DRAWS: usize = 40_000;
    let scores = [0.0f32, 1.0, -2.0, 0.5, -INF];
    let x = tensor(&scores, [1, 5], &device).expand([DRAWS, 5]);
    let drawn = sampled_one_hot(x, 1, Estimator::Identity, Noise::Seed(20));
    let counts = values(drawn.sum_dim(0));
    let p = oracle::softmax(&widen(&scores), 1.0);
    let statistic: f64 = (0..4)
        .map(|i| (counts[i] - p[i] * DRAWS as f64).powi(2) / (p[i] * DRAWS as f64))
        .sum();
    assert!(statistic < 30.7, "{counts:?}, {statistic}");
    assert_eq!(counts[4], 0.0);
}

/// A score 10 above 100,000 others is drawn with a probability of 0.1805: uniforms of 24 bits would do so far
/// more often.
#[test]
fn tails() {
    let Some(device) = device() else { return };
    let (draws, n) = (400, 100_001);
    let mut scores = vec![0.0; n];
    scores[n / 3] = 10.0;
    let mut wins = 0;
    for seed in 0..10 {
        let x = tensor(&scores, [1, n], &device).expand([draws / 10, n]);
        let index = sampled_argmax(x, 1, Noise::Seed(21 + seed)).into_data();
        wins += index.iter::<i64>().filter(|&i| i == n as i64 / 3).count();
    }
    let expected = 0.1805 * draws as f64;
    assert!(
        (wins as f64 - expected).abs() < 5.0 * (expected * 0.82).sqrt(),
        "{wins}"
    );
}

/// The vector-Jacobian product of a softmax at probabilities.
fn jacobian(s: &[f64], v: &[f64]) -> Vec<f64> {
    let mean: f64 = s.iter().zip(v).map(|(s, v)| s * v).sum();
    s.iter().zip(v).map(|(s, v)| s * (v - mean)).collect()
}

/// What an estimator gives for a row, from its noise. But for the conditional noise of Gumbel-Rao, which is
/// tested by its mean.
fn estimated(estimator: Estimator, x: &[f64], noise: &[f64], u: &[f64]) -> Option<Vec<f64>> {
    let noisy: Vec<f64> = x.iter().zip(noise).map(|(x, g)| x + g).collect();
    let drawn = oracle::one_hot(&noisy);
    let scaled = |values: Vec<f64>, factor: f64| values.iter().map(|v| v * factor).collect();
    Some(match estimator {
        Estimator::Identity => u.to_vec(),
        Estimator::Softmax { beta } => scaled(jacobian(&oracle::softmax(x, beta), u), beta),
        Estimator::GumbelSoftmax { beta } => {
            scaled(jacobian(&oracle::softmax(&noisy, beta), u), beta)
        }
        Estimator::ReinMax { beta } => {
            let p = oracle::softmax(x, beta);
            let middle: Vec<f64> = p.iter().zip(drawn).map(|(p, d)| (p + d) / 2.0).collect();
            let second = jacobian(&oracle::softmax(x, 1.0), u);
            let first = jacobian(&middle, u);
            first
                .iter()
                .zip(second)
                .map(|(a, b)| 2.0 * a - b / 2.0)
                .collect()
        }
        Estimator::Gapped { beta, gap } => {
            let max = x.iter().copied().fold(f64::MIN, f64::max);
            let moved = x.iter().zip(drawn);
            let moved = moved.map(|(x, d)| if d == 1.0 { max } else { x.min(max - gap) });
            let moved: Vec<f64> = moved.collect();
            scaled(jacobian(&oracle::softmax(&moved, beta), u), beta)
        }
        _ => return None,
    })
}

#[test]
fn gradients_of_estimators() {
    let Some(device) = device() else { return };
    for dtype in [DType::F32, DType::F64, DType::F16] {
        if !computes(&device, dtype) {
            continue;
        }
        let (count, n) = (30, 70);
        let of_dtype = |seed| {
            let data = TensorData::new(uniform(seed, count * n), [count, n]).convert_dtype(dtype);
            Tensor::<2>::from_data(data, (&device, dtype))
        };
        let (x, upstream) = (of_dtype(93), of_dtype(94));
        let (scores, u) = (values(x.clone()), values(upstream.clone()));
        let noise = gumbels(5, count * n);
        let tolerance = match dtype {
            DType::F64 => 1e-6,
            DType::F16 => 1e-3,
            _ => 1e-5,
        };
        for estimator in ESTIMATORS {
            println!("{estimator:?} in {dtype:?}");
            let leaf = x.clone().require_grad();
            let drawn = sampled_one_hot(leaf.clone(), 1, estimator, Noise::Seed(5));
            assert_eq!(drawn.dtype(), dtype);
            let slopes = values(leaf.grad(&(drawn * upstream.clone()).backward()).unwrap());
            for row in 0..count {
                let of = |values: &[f64]| values[row * n..][..n].to_vec();
                let Some(want) = estimated(estimator, &of(&scores), &of(&noise), &of(&u)) else {
                    continue;
                };
                let scale = largest(&want);
                assert_within(&of(&slopes), &want, |_| tolerance * scale);
            }
        }
        let leaf = x.clone().require_grad();
        let soft = gumbel_softmax(leaf.clone(), 1, 0.7, Noise::Seed(5));
        let slopes = values(
            leaf.grad(&(soft.clone() * upstream.clone()).backward())
                .unwrap(),
        );
        for row in 0..count {
            let of = |values: &[f64]| values[row * n..][..n].to_vec();
            let noisy: Vec<f64> = of(&scores)
                .iter()
                .zip(of(&noise))
                .map(|(x, g)| x + g)
                .collect();
            let want = oracle::softmax(&noisy, 0.7);
            assert_within(&of(&values(soft.clone())), &want, |p| tolerance * p + 1e-7);
            let estimator = Estimator::GumbelSoftmax { beta: 0.7 };
            let want = estimated(estimator, &of(&scores), &of(&noise), &of(&u)).unwrap();
            let scale = largest(&want);
            assert_within(&of(&slopes), &want, |_| tolerance * scale);
        }
    }
}

/// The estimators' gradients for each draw of one row, by seeds that draw it.
fn of_each_draw(
    scores: &[f32],
    estimator: Estimator,
    slope_of_loss: impl Fn(usize) -> Vec<f32>,
    device: &Device,
) -> Vec<Vec<f64>> {
    let n = scores.len();
    let x = tensor(scores, [1, n], device);
    let draws = (0..n).map(|wanted| {
        let seed = (0..1000)
            .find(|&seed| {
                let drawn = sampled_argmax(x.clone(), 1, Noise::Seed(seed)).into_data();
                drawn.iter::<i64>().next() == Some(wanted as i64)
            })
            .expect("a seed that draws it");
        let upstream = tensor(&slope_of_loss(wanted), [1, n], device);
        values(gradient(x.clone(), upstream, |x| {
            sampled_one_hot(x, 1, estimator, Noise::Seed(seed))
        }))
    });
    draws.collect()
}

/// Over all draws, by their probabilities: without bias for losses that are linear, and quadratic.
#[test]
fn expected_gradients() {
    let Some(device) = device() else { return };
    let scores = [0.3f32, -0.8, 0.9, 0.1];
    let linear = [1.0, -2.0, 0.5, 3.0];
    let quadratic = [
        [0.5, 1.0, -1.0, 0.25],
        [1.0, -2.0, 0.75, 0.0],
        [-1.0, 0.75, 1.5, 2.0],
        [0.25, 0.0, 2.0, -1.0],
    ];
    let p = oracle::softmax(&widen(&scores), 1.0);
    // Of a quadratic loss at a one-hot.
    let loss = |i: usize| linear[i] + quadratic[i][i];
    for (estimator, has_squares) in [
        (Estimator::Softmax { beta: 1.0 }, false),
        (Estimator::ReinMax { beta: 1.0 }, false),
        (Estimator::ReinMax { beta: 1.0 }, true),
    ] {
        println!("{estimator:?}, quadratic: {has_squares}");
        let slope = |i: usize| -> Vec<f32> {
            let factor = if has_squares { 2.0 } else { 0.0 };
            let slopes = (0..4).map(|j| linear[j] + factor * quadratic[i][j]);
            slopes.map(|slope| slope as f32).collect()
        };
        let losses: Vec<f64> = (0..4)
            .map(|i| if has_squares { loss(i) } else { linear[i] })
            .collect();
        let want = jacobian(&p, &losses);
        let draws = of_each_draw(&scores, estimator, slope, &device);
        let got: Vec<f64> = (0..4)
            .map(|j| (0..4).map(|i| p[i] * draws[i][j]).sum())
            .collect();
        assert_within(&got, &want, |_| 1e-6);
    }
}

/// Gumbel-Rao has the mean of the Gumbel-softmax, and no larger variance.
#[test]
fn rao_blackwell() {
    let Some(device) = device() else { return };
    const DRAWS: usize = 20_000;
    let scores = [0.3f32, -0.8, 0.9, 0.1];
    let moments = |estimator: Estimator, seed: u64| {
        let x = tensor(&scores.repeat(DRAWS), [DRAWS, 4], &device);
        let upstream = tensor(&[1.0, -2.0, 0.5, 3.0].repeat(DRAWS), [DRAWS, 4], &device);
        let slopes = values(gradient(x, upstream, |x| {
            sampled_one_hot(x, 1, estimator, Noise::Seed(seed))
        }));
        let mean = |power: i32, j: usize| {
            slopes.chunks(4).map(|row| row[j].powi(power)).sum::<f64>() / DRAWS as f64
        };
        [0, 1, 2, 3].map(|j| [mean(1, j), mean(2, j) - mean(1, j).powi(2)])
    };
    let beta = 2.0;
    let plain = moments(Estimator::GumbelSoftmax { beta }, 31);
    for samples in [1, 8] {
        let averaged = moments(Estimator::GumbelRao { beta, samples }, 32);
        for (plain, averaged) in plain.iter().zip(&averaged) {
            println!("{samples}: {plain:.4?} {averaged:.4?}");
            let error = ((plain[1] + averaged[1]) / DRAWS as f64).sqrt();
            assert!((plain[0] - averaged[0]).abs() < 5.0 * error);
            // Of one sample it is the same distribution.
            let largest = if samples == 1 { 1.1 } else { 0.9 };
            assert!(averaged[1] < largest * plain[1]);
        }
    }
}

/// Masks, broken rows, and nothing from upstream.
#[test]
fn extremes() {
    let Some(device) = device() else { return };
    let (count, n) = (10, 40);
    let lines = extreme_lines(count, n);
    let x = tensor(&lines, [count, n], &device);
    for estimator in ESTIMATORS {
        for silent in [false, true] {
            println!("{estimator:?}, silent: {silent}");
            let upstream = lines.iter().enumerate().map(|(i, &x)| match (x, silent) {
                (x, _) if x == -INF && !UNLISTED => INF,
                (_, true) => 0.0,
                _ => (i % 7) as f32 - 3.0,
            });
            let upstream = tensor(&upstream.collect::<Vec<_>>(), [count, n], &device);
            let drawn = values(sampled_one_hot(x.clone(), 1, estimator, Noise::Seed(6)));
            for (scores, drawn) in lines.chunks(n).zip(drawn.chunks(n)) {
                assert_eq!(drawn.iter().filter(|&&d| d == 1.0).count(), 1);
                assert_eq!(drawn.iter().filter(|&&d| d == 0.0).count(), n - 1);
                let place = drawn.iter().position(|&d| d == 1.0).unwrap();
                assert!(
                    scores[place] > -INF
                        || scores.iter().all(|&x| x == -INF)
                        || scores[place].is_nan()
                );
            }
            if estimator == Estimator::Identity {
                continue;
            }
            let slopes = values(gradient(x.clone(), upstream, |x| {
                sampled_one_hot(x, 1, estimator, Noise::Seed(6))
            }));
            for (line, (scores, slopes)) in lines.chunks(n).zip(slopes.chunks(n)).enumerate() {
                let is_broken = [1, 2, 7, 8].contains(&line);
                for (x, slope) in scores.iter().zip(slopes) {
                    if *x == -INF || silent {
                        assert_eq!(*slope, 0.0, "line {line}");
                    } else if is_broken {
                        assert!(slope.is_nan() || UNLISTED && !x.is_finite(), "line {line}");
                    } else {
                        assert!(slope.is_finite(), "line {line}");
                    }
                }
            }
        }
    }
}

#[test]
fn an_empty_batch() {
    let Some(device) = device() else { return };
    let x = || tensor(&[], [0, 3], &device).require_grad();
    for estimator in ESTIMATORS {
        let leaf = x();
        let drawn = sampled_one_hot(leaf.clone(), 1, estimator, Noise::Device);
        assert_eq!(leaf.grad(&drawn.backward()).unwrap().dims(), [0, 3]);
    }
    assert_eq!(sampled_argmax(x(), 1, Noise::Device).dims(), [0, 1]);
    assert_eq!(gumbel_softmax(x(), 1, 1.0, Noise::Device).dims(), [0, 3]);
}

/// As `beta` grows the relaxed draw is the hard one.
#[test]
fn a_relaxed_draw_hardens() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(95, 20 * 30), [20, 30], &device);
    let hard = sampled_one_hot(x.clone(), 1, Estimator::Identity, Noise::Seed(7));
    let soft = gumbel_softmax(x.clone(), 1, 1e6, Noise::Seed(7));
    assert_within(&values(soft), &values(hard), |_| 1e-3);
    let flat = values(gumbel_softmax(x.clone(), 1, 0.0, Noise::Seed(7)));
    assert_within(&flat, &values(softmax(x, 1, 0.0)), |_| 1e-7);
}

/// What comes to a mask has no part, in a row with a NaN either.
#[test]
fn a_mask_of_a_broken_row() {
    let Some(device) = device() else { return };
    for estimator in &ESTIMATORS[1..] {
        for broken in [f32::NAN, INF] {
            println!("{estimator:?}, {broken}");
            let x = tensor(&[broken, -INF, 1.0], [1, 3], &device);
            let upstream = tensor(&[0.0, 1.0, 0.0], [1, 3], &device);
            let draw = |x| sampled_one_hot(x, 1, *estimator, Noise::Seed(6));
            assert_exact(&values(gradient(x, upstream, draw)), &[0.0; 3]);
        }
    }
}
