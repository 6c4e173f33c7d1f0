//! The `k` largest of each row, hard and soft, found on the host.

use alloc::{vec, vec::Vec};

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor},
    },
    tensor::TensorData,
};
use burn_std::reader::read_sync;

use super::tensors::{
    accumulator_max, bool_dtype, cast, entry_of, float_dtype, is_mask, is_nan, is_silent, sum_dim,
    with_dim_size,
};
use crate::top_k::{FAR, level, marks, soft_level};

/// Of each row so many numbers, which `find` writes.
fn of_each_row<B: Backend>(
    values: FloatTensor<B>,
    dim: usize,
    size: usize,
    mut find: impl FnMut(&[f64], &mut [f64]),
) -> FloatTensor<B> {
    let (shape, device, dtype) = (values.shape(), values.device(), values.dtype());
    let values = read_sync(B::float_into_data(values)).expect("scores that can be read");
    let values: Vec<f64> = values.iter::<f64>().collect();
    let n = shape[dim];
    let inner: usize = shape[dim + 1..].iter().product();
    let mut found = vec![0.0; values.len() / n * size];
    let [mut row, mut numbers] = [n, size].map(|count| vec![0.0; count]);
    let tables = values.chunks(n * inner).zip(found.chunks_mut(size * inner));
    for (table, found) in tables {
        for column in 0..inner {
            let entries = row.iter_mut().zip(table[column..].iter().step_by(inner));
            entries.for_each(|(entry, value)| *entry = *value);
            find(&row, &mut numbers);
            let entries = found[column..].iter_mut().step_by(inner).zip(&numbers);
            entries.for_each(|(entry, number)| *entry = *number);
        }
    }
    let found = TensorData::new(found, with_dim_size(&shape, dim, size));
    B::float_from_data(found.convert_dtype(dtype), &device)
}

/// 1 at the `k` largest, of equals at the first, and 0 elsewhere.
pub fn top_k<B: Backend>(values: FloatTensor<B>, k: usize, dim: usize) -> FloatTensor<B> {
    let n = values.shape()[dim];
    let mut scratch = Vec::new();
    of_each_row::<B>(values, dim, n, |row, out| {
        let level = level(row, k, &mut scratch);
        for (index, (out, value)) in out.iter_mut().zip(row).enumerate() {
            *out = f64::from(marks(*value, index, level));
        }
    })
}

/// Weights from 0 to 1 that sum to `k`, and the state for the backward pass.
pub fn soft_top_k_forward<B: Backend>(
    logits: FloatTensor<B>,
    k: usize,
    dim: usize,
    beta: f64,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let mut scratch = Vec::new();
    let state = of_each_row::<B>(logits.clone(), dim, 2, |row, out| {
        out.copy_from_slice(&soft_level(row, k, beta, &mut scratch));
    });
    let (shape, dtype) = (logits.shape(), logits.dtype());
    let masked = is_mask::<B>(logits.clone());
    let (weights, broken) = weights::<B>(logits, state.clone(), dim, beta);
    let weights = B::float_clamp(weights, 0f32.into(), 1f32.into());
    let weights = B::float_mask_fill(weights, masked, 0f32.into());
    let broken = B::bool_expand(broken, shape);
    let weights = B::float_mask_fill(weights, broken, f32::NAN.into());
    (cast::<B>(weights, dtype), state)
}

/// The weights before they are cut off at 0 and 1, and which rows are broken.
fn weights<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> (FloatTensor<B>, BoolTensor<B>) {
    let [level, threshold] = [0, 1].map(|entry| entry_of::<B>(state.clone(), dim, entry));
    let broken = is_nan::<B>(level.clone());
    let largest = accumulator_max(logits.dtype());
    let distance = B::float_sub(logits, level);
    let distance = B::float_clamp(distance, (-largest).into(), largest.into());
    let distance = B::float_mul_scalar(distance, beta.min(largest).into());
    let distance = B::float_clamp(distance, (-FAR).into(), FAR.into());
    (B::float_add(distance, threshold), broken)
}

/// 1 for weights between 0 and 1, which move with their scores, 0 for all others, NaN in a broken row, and which
/// rows are broken.
pub(super) fn slopes<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> (FloatTensor<B>, BoolTensor<B>) {
    let masked = is_mask::<B>(logits.clone());
    let dtype = bool_dtype::<B>(&logits.device());
    let (weights, broken) = weights::<B>(logits, state, dim, beta);
    let some = B::float_greater_elem(weights.clone(), 0f32.into(), dtype);
    let not_all = B::float_lower_elem(weights.clone(), 1f32.into(), dtype);
    let moves = B::bool_and(B::bool_and(some, not_all), B::bool_not(masked));
    let slopes = B::bool_into_float(moves, float_dtype(weights.dtype()));
    let each = B::bool_expand(broken.clone(), weights.shape());
    (B::float_mask_fill(slopes, each, f32::NAN.into()), broken)
}

/// The vector-Jacobian product.
pub fn soft_top_k_backward<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let shape = logits.shape();
    let masked = is_mask::<B>(logits.clone());
    let grad = B::float_mask_fill(grad, masked.clone(), 0f32.into());
    let silent = is_silent::<B>(grad.clone(), dim);
    let (slopes, broken) = slopes::<B>(logits, state, dim, beta);
    let dtype = bool_dtype::<B>(&grad.device());
    let fixed = B::float_equal_elem(slopes.clone(), 0f32.into(), dtype);
    let grad = B::float_mask_fill(grad, fixed.clone(), 0f32.into());
    let count = B::float_clamp_min(sum_dim::<B>(slopes, dim), 1f32.into());
    // Divided first: the sum may be more than there are numbers for.
    let mean = sum_dim::<B>(B::float_div(grad.clone(), count), dim);
    let largest = accumulator_max(grad.dtype());
    let gradient = B::float_mul_scalar(B::float_sub(grad, mean), beta.min(largest).into());
    let gradient = B::float_mask_fill(gradient, fixed, 0f32.into());
    let broken = B::bool_expand(broken, shape.clone());
    let gradient = B::float_mask_fill(gradient, broken, f32::NAN.into());
    let nothing = B::bool_or(masked, B::bool_expand(silent, shape));
    B::float_mask_fill(gradient, nothing, 0f32.into())
}
