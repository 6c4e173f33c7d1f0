//! Expected values of any coordinate, with gradients for the scores and for the coordinate.

use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};

use super::{
    graph::{finite, scores, spoil, zero},
    rows::Rows,
    tensors::{accumulator_max, cast, is_nan, sum_dim},
    window,
};
use crate::Weighting;

/// The expected value of `bins`, which broadcast to the scores, along `dim`: in the dtype that sums run
/// in, for the caller to round once it is in its units.
pub fn expectation<B: Backend>(
    logits: FloatTensor<B>,
    bins: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let outside = window::outside::<B>(&constant, dim, weighting.radius);
    let rows = Rows::<B>::new(constant, dim, weighting.weights, outside);
    // Divided before any mean is taken: on a software Vulkan the fused division after it read the mean
    // in place of the sum.
    let (probabilities, steepness) = (rows.probabilities(), rows.steepness());
    let tracked = B::ad_enabled(&logits.device()) || B::ad_enabled(&bins.device());

    // The bin of what weighs nothing may be infinite.
    let bins = cast::<B>(bins, probabilities.dtype());
    let bins = B::float_expand(bins, probabilities.shape());
    let bins = B::float_mask_fill(bins, rows.masked.clone(), 0f32.into());
    let of_bins = B::float_detach(bins.clone());
    let mean = |values| sum_dim::<B>(B::float_mul(probabilities.clone(), values), dim);
    // About a first estimate, so that nothing is lost at a large coordinate.
    let center = mean(of_bins.clone());
    let distance = B::float_sub(of_bins, center.clone());
    let offset = mean(distance.clone());
    let value = B::float_add(center, offset.clone());
    if !tracked {
        return value;
    }
    let slope = B::float_mul(steepness, B::float_sub(distance, offset));
    // An infinite one would make NaN of an upstream gradient of 0.
    let largest = accumulator_max(probabilities.dtype());
    let slope = B::float_clamp(slope, (-largest).into(), largest.into());
    let scores = scores::<B>(logits, rows.masked.clone(), &rows);
    let of_scores = B::float_mul(scores, finite::<B>(slope));
    let of_bins = zero::<B>(bins, rows.masked.clone());
    let of_bins = B::float_mul(of_bins, finite::<B>(probabilities));
    let term = B::float_sum_dim(B::float_add(of_scores, of_bins), dim);
    let broken = is_nan::<B>(value.clone());
    B::float_add(value, spoil::<B>(term, broken))
}
