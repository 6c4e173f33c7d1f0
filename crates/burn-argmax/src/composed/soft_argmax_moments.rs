//! Mean and variance of an index: those of maps of one row.

use alloc::vec;

use burn_core::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{DType, Shape, Slice},
};

use super::tensors::{cast, widen, with_dim_size};
use crate::{ArgmaxOps, Weighting, ops::spatial_moments_len};

/// Mean and variance along `dim`, and the state for the backward pass: by the spatial moments of the
/// backend.
pub fn soft_argmax_moments_forward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (shape, dtype) = (logits.shape(), logits.dtype());
    let (moments, state) = B::spatial_moments_forward(as_maps::<B>(logits, dim), true, weighting);
    (of_lines::<B>(moments, &shape, dim, dtype), state)
}

/// The gradient of the mean and of the variance.
pub fn soft_argmax_moments_backward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let shape = logits.shape();
    let last = shape.num_dims() - 1;
    let maps = as_maps::<B>(logits, dim);
    let lines = maps.shape()[0];
    let grad = B::float_swap_dims(widen::<B>(grad), dim, last);
    let grad = B::float_reshape(grad, Shape::from([lines, 2]));
    let zeros = |count: usize| {
        B::float_zeros(
            Shape::from([lines, count]),
            &grad.device(),
            grad.dtype().into(),
        )
    };
    let entry = |entry| column::<B>(grad.clone(), entry);
    let others = spatial_moments_len(true) - VARIANCE - 1;
    let grad = vec![entry(0), zeros(VARIANCE - 1), entry(1), zeros(others)];
    let gradient = B::spatial_moments_backward(maps, state, B::float_cat(grad, 1), true, weighting);
    let mut swapped = shape;
    swapped.swap(dim, last);
    let gradient = B::float_reshape(gradient, swapped);
    B::float_swap_dims(gradient, dim, last)
}

/// The place of the variance among the moments of a map: after the means.
const VARIANCE: usize = 3;

/// Every line as a map of one row.
pub(super) fn as_maps<B: Backend>(logits: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let shape = logits.shape();
    let n = shape[dim];
    let lines = shape.num_elements() / n;
    let rows = B::float_swap_dims(logits, dim, shape.num_dims() - 1);
    B::float_reshape(rows, Shape::from([lines, 1, 1, n]))
}

/// Mean and variance along `dim` of lines of a `shape`, from the moments of their maps.
pub(super) fn of_lines<B: Backend>(
    moments: FloatTensor<B>,
    shape: &Shape,
    dim: usize,
    dtype: DType,
) -> FloatTensor<B> {
    let last = shape.num_dims() - 1;
    let entries = [0, VARIANCE].map(|entry| column::<B>(moments.clone(), entry));
    let mut swapped = with_dim_size(shape, dim, 2);
    swapped.swap(dim, last);
    let moments = B::float_reshape(B::float_cat(entries.to_vec(), 1), swapped);
    cast::<B>(B::float_swap_dims(moments, dim, last), dtype)
}

fn column<B: Backend>(table: FloatTensor<B>, column: usize) -> FloatTensor<B> {
    let rows = table.shape()[0];
    B::float_slice(
        table,
        &[Slice::from(0..rows), Slice::from(column..column + 1)],
    )
}
