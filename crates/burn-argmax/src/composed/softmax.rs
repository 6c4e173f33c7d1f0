use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};

use super::{
    rows::{Rows, argmax},
    tensors::{cast, is_silent, sum_dim, widen},
};
use crate::weighting::Weights;

/// `softmax(beta * logits)`.
pub fn softmax<B: Backend>(logits: FloatTensor<B>, dim: usize, beta: f64) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let rows = Rows::<B>::new(logits, dim, Weights::Softmax { beta }, None);
    cast::<B>(rows.probabilities(), dtype)
}

/// The vector-Jacobian product of `softmax(beta * logits)`.
pub fn softmax_backward<B: Backend>(
    logits: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let argmax = argmax::<B>(logits.clone(), dim);
    let rows = Rows::<B>::new(logits, dim, Weights::Softmax { beta }, None);
    let grad = B::float_mask_fill(widen::<B>(grad), rows.masked.clone(), 0f32.into());
    let silent = is_silent::<B>(grad.clone(), dim);
    // About that of the maximum: where one weight is nearly all, its entry is a small difference.
    let grad = B::float_sub(grad.clone(), B::float_gather(dim, grad, argmax));
    let mean = sum_dim::<B>(B::float_mul(rows.probabilities(), grad.clone()), dim);
    let slopes = B::float_mul(rows.steepness(), B::float_sub(grad, mean));
    cast::<B>(rows.gradient(slopes, silent), dtype)
}
