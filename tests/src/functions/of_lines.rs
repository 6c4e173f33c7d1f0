use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Surrogate, Weighting, entmax,
    nn::{SoftArgmaxConfig, StraightThroughOneHotConfig},
    refined_argmax, sign_one_hot, soft_argmax, soft_argmax_moments, soft_argmax_over, soft_argmin,
    soft_argmin_over, soft_top_k, softmax, straight_through_argmax, straight_through_one_hot,
    straight_through_top_k,
};

use super::{Function, function, weights::*};
use crate::oracle_top_k;

/// Functions along the last of three dimensions.
pub const OF_LINES: [Function; 29] = [
    function(
        "soft_argmax",
        |x, _| soft_argmax(x, 2, BETA),
        |x, _| mean_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax, within",
        |x, _| soft_argmax(x, 2, within_line()),
        |x, _| mean_of_line(within, x),
    ),
    function(
        "soft_argmax, above",
        |x, _| soft_argmax(x, 2, above_line()),
        |x, _| mean_of_line(above, x),
    ),
    function(
        "soft_argmax, given",
        |x, _| soft_argmax(x, 2, Weighting::given()),
        |x, _| mean_of_line(given, x),
    )
    .of_probabilities(),
    function(
        "soft_argmin",
        |x, _| soft_argmin(-x, 2, BETA),
        |x, _| mean_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax_over",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, BETA)
        },
        |x, _| vec![moments(&by_softmax(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_over, within",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, within_line())
        },
        |x, _| vec![moments(&within(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_over, above",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, above_line())
        },
        |x, _| vec![moments(&above(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmin_over",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmin_over(-x, bins, 2, BETA)
        },
        |x, _| vec![moments(&by_softmax(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_moments, mean",
        |x, _| soft_argmax_moments(x, 2, BETA).mean,
        |x, _| mean_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax_moments, variance",
        |x, _| soft_argmax_moments(x, 2, BETA).variance,
        |x, _| variance_of_line(by_softmax, x),
    ),
    function(
        "soft_argmax_moments, within, variance",
        |x, _| soft_argmax_moments(x, 2, within_line()).variance,
        |x, _| variance_of_line(within, x),
    ),
    function(
        "soft_argmax_moments, above, variance",
        |x, _| soft_argmax_moments(x, 2, above_line()).variance,
        |x, _| variance_of_line(above, x),
    ),
    function("softmax", |x, _| softmax(x, 2, BETA), by_softmax),
    function("entmax", |x, _| entmax(x, 2, ALPHA, BETA), by_entmax),
    function(
        "soft_argmax, entmax",
        |x, _| soft_argmax(x, 2, entmax_line()),
        |x, _| mean_of_line(by_entmax, x),
    ),
    function(
        "soft_argmax, entmax, within",
        |x, _| soft_argmax(x, 2, entmax_line().within(RADIUS)),
        |x, _| mean_of_line(within_by_entmax, x),
    ),
    function(
        "soft_argmax_over, entmax",
        |x, _| {
            let bins = bins(x.dims()[2], &x.device());
            soft_argmax_over(x, bins, 2, entmax_line())
        },
        |x, _| vec![moments(&by_entmax(x, [1, x.len()]), |i| bin(i, x.len()))[0]],
    ),
    function(
        "soft_argmax_moments, entmax, variance",
        |x, _| soft_argmax_moments(x, 2, entmax_line()).variance,
        |x, _| variance_of_line(by_entmax, x),
    ),
    function(
        "straight_through_one_hot, softmax",
        |x, _| straight_through_one_hot(x, 2, Surrogate::Softmax { beta: BETA }),
        |x, _| first_maximum(x),
    )
    .with_surrogate(),
    function(
        "straight_through_top_k, softmax",
        |x, _| straight_through_top_k(x, 3, 2, Surrogate::Softmax { beta: BETA }),
        |x, _| oracle_top_k::top_k(x, 3),
    )
    .with_surrogate(),
    function(
        "soft_top_k",
        |x, _| {
            let half = x.dims()[2] / 2;
            soft_top_k(x, half, 2, BETA)
        },
        |x, _| oracle_top_k::soft_top_k(x, x.len() / 2, BETA),
    ),
    function(
        "straight_through_argmax",
        |x, _| straight_through_argmax(x, 2, BETA),
        |x, _| mean_of_line(by_first_maximum, x),
    )
    .with_surrogate(),
    function(
        "refined_argmax",
        |x, _| refined_argmax(x, 2),
        |x, _| refined_or_nan(x, [1, x.len()])[..1].to_vec(),
    ),
    function(
        "sign_one_hot",
        |x, _| sign_one_hot(x, 2),
        |x, _| {
            let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let nan = x.iter().any(|x| x.is_nan());
            let one = |&x: &f64| if nan { f64::NAN } else { f64::from(x == max) };
            x.iter().map(one).collect()
        },
    )
    .with_surrogate(),
    function(
        "SoftArgmax",
        |x, _| {
            let config = SoftArgmaxConfig::new().with_weighting(above_line());
            config.with_dim(2).init(&x.device()).forward(x)
        },
        |x, _| mean_of_line(above, x),
    ),
    function(
        "SoftArgmax, learnt",
        |x, _| {
            let config = SoftArgmaxConfig::new().with_weighting(Weighting::softmax(1.0));
            let config = config.with_dim(2).with_learnable(true);
            config.init(&x.device()).forward(x)
        },
        |x, _| mean_of_line(by_learnt_softmax, x),
    ),
    function(
        "SoftArgmax, entmax, learnt",
        |x, _| {
            let config = SoftArgmaxConfig::new().with_weighting(Weighting::entmax(ALPHA, 1.0));
            let config = config.with_dim(2).with_learnable(true);
            config.init(&x.device()).forward(x)
        },
        |x, _| mean_of_line(by_learnt_entmax, x),
    ),
    function(
        "StraightThroughOneHot",
        |x, _| {
            let config = StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: BETA });
            config.with_dim(2).init(&x.device()).forward(x)
        },
        |x, _| first_maximum(x),
    )
    .with_surrogate(),
];

fn mean_of_line(weights: Weights, x: &[f64]) -> Vec<f64> {
    vec![moments(&weights(x, [1, x.len()]), |i| i as f64)[0]]
}

fn variance_of_line(weights: Weights, x: &[f64]) -> Vec<f64> {
    vec![moments(&weights(x, [1, x.len()]), |i| i as f64)[1]]
}

/// Bins from 1 to 2, whose number `n` is a power of two or not.
fn bin(i: usize, n: usize) -> f64 {
    f64::from(1.0 + i as f32 / n as f32)
}

fn bins(n: usize, device: &Device) -> Tensor<1> {
    let bins: Vec<f32> = (0..n).map(|i| bin(i, n) as f32).collect();
    Tensor::from_data(TensorData::new(bins, [n]), (device, DType::F32))
}

fn first_maximum(x: &[f64]) -> Vec<f64> {
    let ranks = x
        .iter()
        .map(|x| if x.is_nan() { f64::INFINITY } else { *x });
    let max = ranks.clone().fold(f64::NEG_INFINITY, f64::max);
    let first = ranks.clone().position(|x| x == max);
    (0..x.len()).map(|i| f64::from(first == Some(i))).collect()
}
