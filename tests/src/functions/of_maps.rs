use burn::tensor::Tensor;
use burn_argmax::{
    Coordinates, Weighting, losses, nn::SpatialSoftArgmaxConfig, refined_spatial_argmax,
    spatial_soft_argmax, spatial_soft_argmax_moments, spatial_softmax,
    straight_through_spatial_argmax,
};

use super::{Function, Sizes, function, weights::*};

const SIGMA: f64 = 2.0;

/// Rows as maps `[1, rows, height, width]`.
fn maps(x: Tensor<3>, [height, width]: Sizes) -> Tensor<4> {
    let rows = x.dims()[1];
    x.reshape([1, rows, height, width])
}

fn covariance_of_map(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let p = by_softmax(x, sizes);
    let at = |i: usize| [index(i % sizes[1], 0), index(i / sizes[1], 0)];
    let mean = [0, 1].map(|axis| moments(&p, |i| at(i)[axis])[0]);
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let product = |i, (a, b): (usize, usize)| (at(i)[a] - mean[a]) * (at(i)[b] - mean[b]);
    pairs
        .map(|pair| {
            p.iter()
                .enumerate()
                .map(|(i, p)| p * product(i, pair))
                .sum()
        })
        .to_vec()
}

/// The variances of a map less that of the target, squared.
fn variance_of_map(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let p = given(x, sizes);
    let [_, x] = moments(&p, |i| index(i % sizes[1], 0));
    let [_, y] = moments(&p, |i| index(i / sizes[1], 0));
    vec![
        [x, y]
            .map(|variance| (variance - SIGMA * SIGMA).powi(2))
            .iter()
            .sum(),
    ]
}

/// Functions of maps of two dimensions.
pub const OF_MAPS: [Function; 16] = [
    function(
        "straight_through_spatial_argmax",
        |x, sizes| straight_through_spatial_argmax(maps(x, sizes), BETA, Coordinates::CellCenters),
        |x, sizes| mean_of_map(by_first_maximum, x, sizes, cell_centers),
    )
    .with_surrogate(),
    function(
        "refined_spatial_argmax",
        |x, sizes| refined_spatial_argmax(maps(x, sizes), Coordinates::Index),
        refined_or_nan,
    ),
    function(
        "spatial_soft_argmax",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), BETA, Coordinates::Index),
        |x, sizes| mean_of_map(by_softmax, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax, corners",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), BETA, Coordinates::AlignCorners),
        |x, sizes| mean_of_map(by_softmax, x, sizes, align_corners),
    ),
    function(
        "spatial_soft_argmax, within",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), within_line(), Coordinates::CellCenters),
        |x, sizes| mean_of_map(within, x, sizes, cell_centers),
    ),
    function(
        "spatial_soft_argmax, above",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), above_line(), Coordinates::CellCenters),
        |x, sizes| mean_of_map(above, x, sizes, cell_centers),
    ),
    function(
        "spatial_soft_argmax, given",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), Weighting::given(), Coordinates::Index),
        |x, sizes| mean_of_map(given, x, sizes, index),
    )
    .of_probabilities(),
    function(
        "spatial_soft_argmax, entmax",
        |x, sizes| spatial_soft_argmax(maps(x, sizes), entmax_line(), Coordinates::Index),
        |x, sizes| mean_of_map(by_entmax, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax, entmax, within",
        |x, sizes| {
            let weighting = entmax_line().within(RADIUS);
            spatial_soft_argmax(maps(x, sizes), weighting, Coordinates::CellCenters)
        },
        |x, sizes| mean_of_map(within_by_entmax, x, sizes, cell_centers),
    ),
    function(
        "spatial_soft_argmax_moments, entmax, mean",
        |x, sizes| {
            spatial_soft_argmax_moments(maps(x, sizes), entmax_line(), Coordinates::Index).mean
        },
        |x, sizes| mean_of_map(by_entmax, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax_moments, mean",
        |x, sizes| {
            spatial_soft_argmax_moments(maps(x, sizes), above_line(), Coordinates::Index).mean
        },
        |x, sizes| mean_of_map(above, x, sizes, index),
    ),
    function(
        "spatial_soft_argmax_moments, covariance",
        |x, sizes| {
            let rows = x.dims()[1];
            let moments = spatial_soft_argmax_moments(maps(x, sizes), BETA, Coordinates::Index);
            moments.covariance.reshape([1, rows, 4])
        },
        covariance_of_map,
    ),
    function(
        "spatial_softmax",
        |x, sizes| {
            let shape = x.dims();
            spatial_softmax(maps(x, sizes), BETA).reshape(shape)
        },
        by_softmax,
    ),
    function(
        "SpatialSoftArgmax",
        |x, sizes| {
            let config = SpatialSoftArgmaxConfig::new(Coordinates::Index);
            let config = config.with_weighting(within_line());
            config.init(&x.device()).forward(maps(x, sizes))
        },
        |x, sizes| mean_of_map(within, x, sizes, index),
    ),
    function(
        "SpatialSoftArgmax, learnt",
        |x, sizes| {
            let config = SpatialSoftArgmaxConfig::new(Coordinates::Index);
            let config = config
                .with_weighting(Weighting::softmax(1.0))
                .with_learnable(true);
            config.init(&x.device()).forward(maps(x, sizes))
        },
        |x, sizes| mean_of_map(by_learnt_softmax, x, sizes, index),
    ),
    function(
        "variance_loss",
        |x, sizes| {
            let rows = x.dims()[1];
            losses::variance_loss(maps(x, sizes), SIGMA).reshape([1, rows, 1])
        },
        variance_of_map,
    )
    .of_probabilities(),
];

/// x and y, in the units that a function gives them.
fn mean_of_map(
    weights: Weights,
    x: &[f64],
    sizes: Sizes,
    unit: fn(usize, usize) -> f64,
) -> Vec<f64> {
    let p = weights(x, sizes);
    let [height, width] = sizes;
    let [x, _] = moments(&p, |i| unit(i % width, width));
    let [y, _] = moments(&p, |i| unit(i / width, height));
    vec![x, y]
}

fn index(i: usize, _: usize) -> f64 {
    i as f64
}

fn align_corners(i: usize, size: usize) -> f64 {
    2.0 * i as f64 / (size as f64 - 1.0).max(1.0) - if size == 1 { 0.0 } else { 1.0 }
}

fn cell_centers(i: usize, size: usize) -> f64 {
    (2 * i + 1) as f64 / size as f64 - 1.0
}
