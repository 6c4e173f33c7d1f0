//! The composed code on tensors, for the tests and the benchmarks. No part of the public API: it may
//! change in any version.

use burn_core::{backend::Dispatch, tensor::Tensor};

use crate::{
    Coordinates, SpatialSoftArgmaxMoments, Surrogate, Weighting,
    composed::{self, graph},
    functions::{mean_of, moments_by, moments_of},
};

/// [`soft_argmax`](crate::soft_argmax).
pub fn soft_argmax<const D: usize>(
    logits: Tensor<D>,
    dim: usize,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let logits = logits.into_dispatch();
    Tensor::from_dispatch(graph::soft_argmax::<Dispatch>(
        logits,
        dim,
        weighting.into(),
    ))
}

/// The gradient of [`soft_argmax`], by the default body of a backend.
pub fn soft_argmax_gradient<const D: usize>(
    logits: Tensor<D>,
    grad: Tensor<D>,
    dim: usize,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let weighting = weighting.into();
    let (logits, grad) = (logits.into_dispatch(), grad.into_dispatch());
    let (_, state) = composed::soft_argmax_forward::<Dispatch>(logits.clone(), dim, weighting);
    let gradient = composed::soft_argmax_backward::<Dispatch>(logits, state, grad, dim, weighting);
    Tensor::from_dispatch(gradient)
}

/// [`straight_through_one_hot`](crate::straight_through_one_hot).
pub fn straight_through_one_hot<const D: usize>(
    logits: Tensor<D>,
    dim: usize,
    surrogate: Surrogate,
) -> Tensor<D> {
    let logits = logits.into_dispatch();
    let one_hot = graph::straight_through_one_hot::<Dispatch>(logits, dim, surrogate);
    Tensor::from_dispatch(one_hot)
}

/// The gradient of a softmax surrogate, by the default body of a backend.
pub fn softmax_surrogate_gradient<const D: usize>(
    logits: Tensor<D>,
    grad: Tensor<D>,
    dim: usize,
    beta: f64,
) -> Tensor<D> {
    let (logits, grad) = (logits.into_dispatch(), grad.into_dispatch());
    let gradient = composed::softmax_backward::<Dispatch>(logits, grad, dim, beta);
    Tensor::from_dispatch(gradient)
}

/// [`softmax`](crate::softmax).
pub fn softmax<const D: usize>(logits: Tensor<D>, dim: usize, beta: f64) -> Tensor<D> {
    Tensor::from_dispatch(graph::softmax::<Dispatch>(
        logits.into_dispatch(),
        dim,
        beta,
    ))
}

/// [`soft_argmax_over`](crate::soft_argmax_over), for bins of as many dimensions as the scores.
pub fn soft_argmax_over<const D: usize>(
    logits: Tensor<D>,
    bins: Tensor<D>,
    dim: usize,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let (logits, bins) = (logits.into_dispatch(), bins.into_dispatch());
    let weighting = weighting.into();
    Tensor::from_dispatch(graph::soft_argmax_over::<Dispatch>(
        logits, bins, dim, weighting,
    ))
}

/// [`sign_one_hot`](crate::sign_one_hot).
pub fn sign_one_hot<const D: usize>(values: Tensor<D>, dim: usize) -> Tensor<D> {
    Tensor::from_dispatch(graph::sign_one_hot::<Dispatch>(values.into_dispatch(), dim))
}

/// [`spatial_soft_argmax`](crate::spatial_soft_argmax).
pub fn spatial_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    weighting: impl Into<Weighting>,
    coordinates: Coordinates,
) -> Tensor<3> {
    let (weighting, shape, dtype) = (weighting.into(), heatmaps.dims(), heatmaps.dtype());
    let moments = moments_by(heatmaps, false, |maps| {
        spatial_moments(maps, false, weighting)
    });
    let mean = coordinates.of_index(mean_of(moments, &shape), &shape[2..]);
    mean.cast(dtype)
}

/// [`spatial_soft_argmax_moments`](crate::spatial_soft_argmax_moments).
pub fn spatial_soft_argmax_moments<const D: usize>(
    heatmaps: Tensor<D>,
    weighting: impl Into<Weighting>,
    coordinates: Coordinates,
) -> SpatialSoftArgmaxMoments {
    let (weighting, shape, dtype) = (weighting.into(), heatmaps.dims(), heatmaps.dtype());
    let moments = moments_by(heatmaps, true, |maps| {
        spatial_moments(maps, true, weighting)
    });
    let moments = moments_of(moments, &shape, coordinates);
    SpatialSoftArgmaxMoments {
        mean: moments.mean.cast(dtype),
        covariance: moments.covariance.cast(dtype),
    }
}

fn spatial_moments(maps: Tensor<4>, covariance: bool, weighting: Weighting) -> Tensor<2> {
    let maps = maps.into_dispatch();
    Tensor::from_dispatch(graph::spatial_moments::<Dispatch>(
        maps, covariance, weighting,
    ))
}

/// The gradient of the moments of each map, by the default body of a backend.
pub fn spatial_moments_gradient(
    maps: Tensor<4>,
    grad: Tensor<2>,
    weighting: impl Into<Weighting>,
) -> Tensor<4> {
    let weighting = weighting.into();
    let covariance = grad.dims()[1] > 3;
    let (maps, grad) = (maps.into_dispatch(), grad.into_dispatch());
    let (_, state) =
        composed::spatial_moments_forward::<Dispatch>(maps.clone(), covariance, weighting);
    Tensor::from_dispatch(composed::spatial_moments_backward::<Dispatch>(
        maps, state, grad, covariance, weighting,
    ))
}
