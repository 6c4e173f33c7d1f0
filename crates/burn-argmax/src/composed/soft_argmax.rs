use alloc::vec;

use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};

use super::{
    rows::{Rows, argmax, center},
    tensors::{cast, entry_of, is_silent, widen},
    window,
};
use crate::Weighting;

/// The expected index, and the state for the backward pass.
pub fn soft_argmax_forward<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let dtype = logits.dtype();
    let outside = window::outside::<B>(&logits, dim, weighting.radius);
    let center = center::<B>(argmax::<B>(logits.clone(), dim), dtype);
    let rows = Rows::<B>::new(logits, dim, weighting.weights, outside);
    let offset = rows.offset(rows.distance_from(center.clone()));
    let result = cast::<B>(B::float_add(center.clone(), offset.clone()), dtype);
    let state = B::float_cat(vec![rows.max, rows.sum, center, offset], dim);
    (result, state)
}

/// The gradient of the expected index.
pub fn soft_argmax_backward<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let grad = widen::<B>(grad);
    let (rows, slope) = slope::<B>(logits, state, dim, weighting);
    let silent = is_silent::<B>(grad.clone(), dim);
    cast::<B>(rows.gradient(B::float_mul(slope, grad), silent), dtype)
}

/// The slope of the expected index along each score, but for the root of the rate.
pub(super) fn slope<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> (Rows<B>, FloatTensor<B>) {
    let [max, center, offset] = [0, 2, 3].map(|entry| entry_of::<B>(state.clone(), dim, entry));
    let outside = window::outside::<B>(&logits, dim, weighting.radius);
    let rows = Rows::<B>::with_max(logits, max, dim, weighting.weights, outside);
    let distance = B::float_sub(rows.distance_from(center), offset);
    let slope = B::float_mul(rows.steepness(), distance);
    (rows, slope)
}
