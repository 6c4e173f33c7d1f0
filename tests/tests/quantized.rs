//! Quantised scores give what their dequantised values give.
#![cfg(feature = "flex")]

use burn::tensor::{
    Device, Tensor,
    quantization::{QuantScheme, QuantStore},
};
use burn_argmax::{
    Coordinates, Estimator, Noise, Surrogate, Weighting, entmax, gaussian_bins, gumbel_softmax,
    losses,
    nn::{
        SampledOneHotConfig, SoftArgmaxConfig, SpatialSoftArgmaxConfig, StraightThroughOneHotConfig,
    },
    peaks, refined_argmax, refined_spatial_argmax, render_gaussian, sampled_argmax,
    sampled_one_hot, sampled_top_k, sign_one_hot, soft_argmax, soft_argmax_moments,
    soft_argmax_over, soft_argmin, soft_argmin_over, soft_top_k, softmax, spatial_soft_argmax,
    spatial_soft_argmax_around, spatial_soft_argmax_moments, spatial_softmax,
    straight_through_argmax, straight_through_one_hot, straight_through_select,
    straight_through_spatial_argmax, straight_through_top_k, two_hot,
};
use burn_argmax_tests::{
    check::assert_exact,
    data::{tensor, uniform, values},
};

const UNITS: Coordinates = Coordinates::CellCenters;

fn quantized<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let values = uniform(5, shape.iter().product());
    let scheme = QuantScheme::default().with_store(QuantStore::Native);
    tensor(&values, shape, &Device::flex()).quantize_dynamic(&scheme)
}

/// An operator with its name.
type Named<const D: usize, const R: usize> = (&'static str, fn(Tensor<D>) -> Tensor<R>);

fn agree<const D: usize, const R: usize>(shape: [usize; D], operators: &[Named<D, R>]) {
    for (name, operator) in operators {
        println!("{name}");
        let x = quantized(shape);
        let want = values(operator(x.clone().dequantize()));
        assert_exact(&values(operator(x)), &want);
    }
}

/// The first entry of each row.
fn first(x: Tensor<2>) -> Tensor<2> {
    x.slice([0..6, 0..1])
}

#[test]
fn lines() {
    let learnt = |x: Tensor<2>| {
        let config = SoftArgmaxConfig::new().with_learnable(true);
        config.init(&x.device()).forward(x)
    };
    let learnt_one_hot = |x: Tensor<2>| {
        let config = StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: 1.0 });
        config.with_learnable(true).init(&x.device()).forward(x)
    };
    agree(
        [6, 40],
        &[
            ("soft_argmax", |x: Tensor<2>| soft_argmax(x, 1, 2.0)),
            ("soft_argmin", |x| soft_argmin(x, 1, 2.0)),
            ("soft_argmax_over", |x| {
                soft_argmax_over(x.clone(), x, 1, 2.0)
            }),
            ("soft_argmin_over", |x| {
                soft_argmin_over(x.clone(), x, 1, 2.0)
            }),
            ("moments", |x| soft_argmax_moments(x, 1, 2.0).variance),
            ("within", |x| {
                soft_argmax(x, 1, Weighting::softmax(2.0).within(3))
            }),
            ("above", |x| {
                soft_argmax(x, 1, Weighting::softmax(2.0).above(0.0))
            }),
            ("straight_through_one_hot", |x| {
                straight_through_one_hot(x, 1, Surrogate::Identity)
            }),
            ("sign_one_hot", |x| sign_one_hot(x, 1)),
            ("softmax", |x| softmax(x, 1, 2.0)),
            ("entmax", |x| entmax(x, 1, 1.5, 2.0)),
            ("entmax weights", |x| {
                soft_argmax(x, 1, Weighting::entmax(1.5, 2.0))
            }),
            ("straight_through_argmax", |x| {
                straight_through_argmax(x, 1, 1.0)
            }),
            ("refined_argmax", |x| refined_argmax(x, 1)),
            ("straight_through_top_k", |x| {
                straight_through_top_k(x, 3, 1, Surrogate::Identity)
            }),
            ("sampled_top_k", |x| {
                sampled_top_k(x, 3, 1, Surrogate::Identity, Noise::Seed(4))
            }),
            ("soft_top_k", |x| soft_top_k(x, 3, 1, 0.5)),
            ("straight_through_select", |x| {
                let codebook = quantized([40, 5]);
                straight_through_select(x, codebook, 1, Surrogate::Identity)
            }),
            ("sampled_one_hot", |x| {
                sampled_one_hot(x, 1, Estimator::ReinMax { beta: 1.0 }, Noise::Seed(1))
            }),
            ("sampled_argmax", |x| {
                sampled_argmax(x, 1, Noise::Seed(2)).float()
            }),
            ("gumbel_softmax", |x| {
                gumbel_softmax(x, 1, 2.0, Noise::Seed(3))
            }),
            ("two_hot", |x| two_hot(first(x), 1, 7)),
            ("gaussian_bins", |x| gaussian_bins(first(x), 1, 7, 0.75)),
            ("histogram_loss", |x| {
                losses::histogram_loss(x.clone(), x, 1)
            }),
            ("expected_distance_loss", |x| {
                losses::expected_distance_loss(x.clone(), first(x), 1, 1.0)
            }),
            ("entmax_loss", |x| {
                let target = Tensor::zeros([6, 1], &x.device());
                losses::entmax_loss(x, target, 1, 1.5)
            }),
            ("SampledOneHot", |x| {
                SampledOneHotConfig::new(Estimator::Identity)
                    .init()
                    .forward(x)
            }),
            ("SoftArgmax", |x| {
                SoftArgmaxConfig::new().init(&x.device()).forward(x)
            }),
            ("SoftArgmax, learnt", learnt),
            ("StraightThroughOneHot, learnt", learnt_one_hot),
        ],
    );
}

#[test]
fn maps() {
    agree(
        [2, 3, 8, 9],
        &[
            ("spatial_soft_argmax", |x: Tensor<4>| {
                spatial_soft_argmax(x, 2.0, Coordinates::Index)
            }),
            ("spatial_soft_argmax, units", |x| {
                spatial_soft_argmax(x, 2.0, UNITS)
            }),
            ("within", |x| {
                spatial_soft_argmax(x, Weighting::softmax(2.0).within(2), UNITS)
            }),
            ("above", |x| {
                spatial_soft_argmax(x, Weighting::softmax(2.0).above(0.0), UNITS)
            }),
            ("moments", |x| {
                spatial_soft_argmax_moments(x, 2.0, UNITS).mean
            }),
            ("straight_through_spatial_argmax", |x| {
                straight_through_spatial_argmax(x, 1.0, UNITS)
            }),
            ("refined_spatial_argmax", |x| {
                refined_spatial_argmax(x, UNITS)
            }),
            ("SpatialSoftArgmax", |x| {
                SpatialSoftArgmaxConfig::new(UNITS)
                    .init(&x.device())
                    .forward(x)
            }),
            ("SpatialSoftArgmax, learnt", |x| {
                let config = SpatialSoftArgmaxConfig::new(UNITS).with_learnable(true);
                config.init(&x.device()).forward(x)
            }),
        ],
    );
    agree(
        [2, 3, 8, 9],
        &[
            ("peaks", |x: Tensor<4>| peaks(x, 4, 1).positions),
            ("around", |x| {
                let centers = quantized([2, 3, 4, 2]);
                spatial_soft_argmax_around(x, centers, 2, 2.0, UNITS)
            }),
        ],
    );
    agree(
        [2, 3, 8, 9],
        &[("softmax", |x: Tensor<4>| spatial_softmax(x, 2.0))],
    );
    agree(
        [2, 3, 8, 9],
        &[("variance", |x: Tensor<4>| losses::variance_loss(x, 2.0))],
    );
}

#[test]
fn coordinates() {
    agree(
        [2, 3, 2],
        &[
            ("euclidean", |x: Tensor<3>| {
                losses::euclidean_loss(x.clone(), x + 1.0)
            }),
            ("l1", |x| losses::l1_loss(x.clone(), x + 1.0)),
            ("mse", |x| losses::mse_loss(x.clone(), x + 1.0)),
        ],
    );
    agree(
        [2, 3, 2],
        &[("render_gaussian", |x: Tensor<3>| -> Tensor<4> {
            render_gaussian(x, &[8, 9], 1.5, UNITS)
        })],
    );
    agree(
        [2, 3],
        &[("average", |x: Tensor<2>| losses::average_loss(x, None))],
    );
}
