use burn::tensor::Tensor;
use burn_argmax::{
    Estimator, Noise, gumbel_noise, gumbel_softmax, sampled_argmax, sampled_one_hot, softmax,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{ESTIMATORS, extreme_lines, side_by_side, tensor, uniform, values, widen},
    device::UNLISTED,
    gradient::gradient,
    oracle,
    oracle_noise::gumbels,
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;

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

/// Of scores with a large offset, as often as of those without.
#[test]
fn an_offset_changes_no_draw() {
    let Some(device) = device() else { return };
    let shares = [0.7f32, 0.2, 0.09, 0.01];
    for (shape, dim) in [([20_000, 4, 1], 1), ([500, 4, 40], 1)] {
        for offset in [1e6f32, -1e8, 1e30] {
            // Differences that the offset leaves: steps of its last digit, or none.
            let count = shape[0] * shape[2];
            let line = shares.map(|share| {
                if offset == 1e6 {
                    offset + share.ln()
                } else {
                    offset
                }
            });
            let lines = side_by_side(&line.repeat(count), 4, shape[2]);
            let drawn = values(sampled_one_hot(
                tensor(&lines, shape, &device),
                dim,
                Estimator::Identity,
                Noise::Seed(12),
            ));
            let of_lines = rows(&drawn, shape, dim);
            let p = oracle::softmax(&widen(&line.map(|x| x - line[0])), 1.0);
            for (j, p) in p.iter().enumerate() {
                let got = of_lines.iter().map(|row| row[j]).sum::<f64>() / count as f64;
                let error = (p * (1.0 - p) / count as f64).sqrt();
                assert!((got - p).abs() < 5.0 * error, "{offset}: {got} of {p}");
            }
        }
    }
}
