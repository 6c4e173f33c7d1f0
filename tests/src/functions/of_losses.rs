use burn::tensor::{Int, Tensor};
use burn_argmax::{
    losses::{entmax_loss, expected_distance_loss, histogram_loss},
    two_hot,
};

use super::{Function, function, weights::*};
use crate::oracle_entmax;

/// Losses of lines along the last of three dimensions, with the same target for all.
pub const OF_LOSSES: [Function; 5] = [
    function(
        "histogram_loss",
        |x, _| {
            let target = two_hot(place_beside(&x), 2, x.dims()[2]);
            histogram_loss(x, target, 2)
        },
        |x, _| {
            let [low, high] = [place(x.len()).floor(), place(x.len()).ceil()];
            let share = place(x.len()) - low;
            let of_low = (1.0 - share) * cross_entropy(x, low as usize);
            vec![of_low + share * cross_entropy(x, high as usize)]
        },
    ),
    function(
        "entmax_loss",
        |x, _| {
            let target = index_beside(&x);
            entmax_loss(x, target, 2, ALPHA)
        },
        |x, _| {
            let p = oracle_entmax::entmax(x, ALPHA, 1.0);
            let of_target = x[x.len() / 5];
            let each = p.iter().zip(x).filter(|(p, _)| **p != 0.0);
            let distance: f64 = each.map(|(p, x)| p * (x - of_target)).sum();
            let powers: f64 = p.iter().map(|p| p.powf(ALPHA)).sum();
            vec![distance + (1.0 - powers) / (ALPHA * (ALPHA - 1.0))]
        },
    ),
    function(
        "entmax_loss, softmax",
        |x, _| {
            let target = index_beside(&x);
            entmax_loss(x, target, 2, 1.0)
        },
        |x, _| vec![cross_entropy(x, x.len() / 5)],
    ),
    function(
        "expected_distance_loss",
        |x, _| {
            let target = place_beside(&x);
            expected_distance_loss(x, target, 2, BETA)
        },
        |x, sizes| vec![distance(&by_softmax(x, sizes))],
    ),
    function(
        "expected_distance_loss, entmax",
        |x, _| {
            let target = place_beside(&x);
            expected_distance_loss(x, target, 2, entmax_line())
        },
        |x, sizes| vec![distance(&by_entmax(x, sizes))],
    ),
];

/// Between two entries that are no masks.
fn place(n: usize) -> f64 {
    (n / 5) as f64 + 0.25
}

fn place_beside(x: &Tensor<3>) -> Tensor<3> {
    let [_, rows, n] = x.dims();
    Tensor::full(
        [1, rows, 1],
        place(n),
        (&x.device(), burn::tensor::DType::F32),
    )
}

fn index_beside(x: &Tensor<3>) -> Tensor<3, Int> {
    let [_, rows, n] = x.dims();
    Tensor::full([1, rows, 1], (n / 5) as i64, &x.device())
}

/// Less the logarithm of the probability of an entry.
fn cross_entropy(x: &[f64], at: usize) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if x.iter().any(|x| x.is_nan()) || max.is_infinite() {
        return f64::NAN;
    }
    let sum: f64 = x.iter().map(|x| (x - max).exp()).sum();
    sum.ln() - (x[at] - max)
}

fn distance(p: &[f64]) -> f64 {
    moments(p, |i| (i as f64 - place(p.len())).abs())[0]
}
