//! Expected values of any coordinate, with gradients for the scores and for the coordinate.

use alloc::vec;

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor},
    },
    tensor::Shape,
};

use super::{
    rows::Rows,
    tensors::{bool_dtype, cast, entry_of, is_silent, sum_dim, widen},
    window,
};
use crate::Weighting;

/// The expected value of `bins`, which broadcast to the scores, along `dim`, and the state for the
/// backward passes.
pub fn soft_argmax_over_forward<B: Backend>(
    logits: FloatTensor<B>,
    bins: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let dtype = logits.dtype();
    let outside = window::outside::<B>(&logits, dim, weighting.radius);
    let rows = Rows::<B>::new(logits, dim, weighting.weights, outside);
    // Divided before any mean is taken: on a software Vulkan the fused division after it read the mean
    // in place of the sum.
    let probabilities = rows.probabilities();
    let dtype_of_bool = bool_dtype::<B>(&rows.weights.device());
    let nothing = B::float_equal_elem(rows.weights.clone(), 0f32.into(), dtype_of_bool);
    let bins = bins_of::<B>(bins, &rows, nothing);
    let mean = |values| sum_dim::<B>(B::float_mul(probabilities.clone(), values), dim);
    // About a first estimate, so that nothing is lost at a large coordinate.
    let center = mean(bins.clone());
    let offset = mean(B::float_sub(bins, center.clone()));
    let value = cast::<B>(B::float_add(center.clone(), offset.clone()), dtype);
    let state = B::float_cat(vec![rows.max, rows.sum, center, offset], dim);
    (value, state)
}

/// The gradient of the expected value for the scores.
pub fn soft_argmax_over_backward<B: Backend>(
    logits: FloatTensor<B>,
    bins: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let grad = widen::<B>(grad);
    let (rows, slope) = slope_over::<B>(logits, bins, state, dim, weighting);
    let silent = is_silent::<B>(grad.clone(), dim);
    cast::<B>(rows.gradient(B::float_mul(slope, grad), silent), dtype)
}

/// The gradient of the expected value for bins of a `shape`, in the dtype that sums run in.
pub fn soft_argmax_over_bins_backward<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
    shape: Shape,
) -> FloatTensor<B> {
    let grad = widen::<B>(grad);
    let rows = rows_of::<B>(logits, state, dim, weighting);
    let silent = is_silent::<B>(grad.clone(), dim);
    let blocked = B::bool_expand(silent, rows.masked.shape());
    let blocked = B::bool_or(blocked, rows.masked.clone());
    let slopes = B::float_mul(rows.probabilities(), grad);
    let slopes = B::float_mask_fill(slopes, blocked, 0f32.into());
    over_shared_bins::<B>(slopes, &shape)
}

/// The gradient for bins of a `shape` from that for a bin of each score.
pub(crate) fn over_shared_bins<B: Backend>(
    mut slopes: FloatTensor<B>,
    shape: &Shape,
) -> FloatTensor<B> {
    for (dim, &size) in shape.iter().enumerate() {
        if size < slopes.shape()[dim] {
            slopes = sum_dim::<B>(slopes, dim);
        }
    }
    slopes
}

/// The slope of the expected value along each score, but for the root of the rate.
pub(super) fn slope_over<B: Backend>(
    logits: FloatTensor<B>,
    bins: FloatTensor<B>,
    state: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> (Rows<B>, FloatTensor<B>) {
    let [center, offset] = [2, 3].map(|entry| entry_of::<B>(state.clone(), dim, entry));
    let rows = rows_of::<B>(logits, state, dim, weighting);
    let distance = B::float_sub(bins_of::<B>(bins, &rows, rows.idle()), center);
    let slope = B::float_mul(rows.steepness(), B::float_sub(distance, offset));
    (rows, slope)
}

fn rows_of<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> Rows<B> {
    let max = entry_of::<B>(state, dim, 0);
    let outside = window::outside::<B>(&logits, dim, weighting.radius);
    Rows::with_max(logits, max, dim, weighting.weights, outside)
}

/// A bin for every score, 0 where that has no part: there it may be infinite.
fn bins_of<B: Backend>(
    bins: FloatTensor<B>,
    rows: &Rows<B>,
    nothing: BoolTensor<B>,
) -> FloatTensor<B> {
    let bins = cast::<B>(bins, rows.weights.dtype());
    let bins = B::float_expand(bins, rows.weights.shape());
    B::float_mask_fill(bins, nothing, 0f32.into())
}
