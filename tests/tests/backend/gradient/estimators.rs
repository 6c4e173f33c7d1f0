use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Estimator, Noise, gumbel_softmax, sampled_argmax, sampled_one_hot};
use burn_argmax_tests::{
    check::{assert_within, largest},
    data::{ESTIMATORS, tensor, uniform, values, widen},
    device::computes,
    gradient::gradient,
    oracle,
    oracle_noise::gumbels,
};

use super::device;

/// The vector-Jacobian product of a softmax at probabilities.
fn jacobian(s: &[f64], v: &[f64]) -> Vec<f64> {
    let mean: f64 = s.iter().zip(v).map(|(s, v)| s * v).sum();
    s.iter().zip(v).map(|(s, v)| s * (v - mean)).collect()
}

/// What an estimator gives for a row, from its noise. Gumbel-Rao, whose noise is conditional, is tested by its
/// mean.
fn estimated(estimator: Estimator, x: &[f64], noise: &[f64], u: &[f64]) -> Vec<f64> {
    let noisy: Vec<f64> = x.iter().zip(noise).map(|(x, g)| x + g).collect();
    let drawn = oracle::one_hot(&noisy);
    let scaled = |values: Vec<f64>, factor: f64| values.iter().map(|v| v * factor).collect();
    match estimator {
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
        other => panic!("no oracle of {other:?}"),
    }
}

#[test]
fn gradients_of_estimators() {
    let Some(device) = device() else { return };
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
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
            DType::BF16 => 8e-3,
            _ => 1e-5,
        };
        for estimator in ESTIMATORS {
            if matches!(estimator, Estimator::GumbelRao { .. }) {
                continue;
            }
            println!("{estimator:?} in {dtype:?}");
            let leaf = x.clone().require_grad();
            let drawn = sampled_one_hot(leaf.clone(), 1, estimator, Noise::Seed(5));
            assert_eq!(drawn.dtype(), dtype);
            let slopes = values(leaf.grad(&(drawn * upstream.clone()).backward()).unwrap());
            for row in 0..count {
                let of = |values: &[f64]| values[row * n..][..n].to_vec();
                let want = estimated(estimator, &of(&scores), &of(&noise), &of(&u));
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
            let want = estimated(estimator, &of(&scores), &of(&noise), &of(&u));
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
