//! Rows of a code book at the maxima of scores `[outer, codes, inner]`.

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{Shape, TensorData},
};

use super::tensors::{expand_dim, not_finite};
use crate::ArgmaxOps;

/// Rows of a gradient that are added up by themselves, at least: as many as the code book has, which is written for
/// each part.
pub(super) const PART: usize = 1024;

/// The rows, `[outer, features, inner]`, and their indices.
pub fn select_forward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    codebook: FloatTensor<B>,
) -> (FloatTensor<B>, IntTensor<B>) {
    let indices = B::first_argmax(logits, 1);
    (at_indices::<B>(codebook, indices.clone()), indices)
}

/// The rows at indices `[outer, 1, inner]`.
pub(super) fn at_indices<B: Backend>(
    codebook: FloatTensor<B>,
    indices: IntTensor<B>,
) -> FloatTensor<B> {
    let ([outer, _, inner], features) = (indices.shape().dims(), codebook.shape()[1]);
    let indices = B::int_reshape(indices, Shape::from([outer * inner]));
    let rows = B::float_select(codebook, 0, indices);
    let rows = B::float_reshape(rows, Shape::from([outer, inner, features]));
    B::float_swap_dims(rows, 1, 2)
}

/// Copies of the code book, one after the other, and the indices in them: each part of the rows has its own, so that
/// the gradients are summed in levels.
pub(super) fn in_parts<B: Backend>(
    codebook: FloatTensor<B>,
    indices: IntTensor<B>,
) -> (FloatTensor<B>, IntTensor<B>) {
    let [codes, features] = codebook.shape().dims();
    let (shape, device) = (indices.shape(), indices.device());
    let (count, length) = (shape.num_elements(), PART.max(codes));
    let copies = count.div_ceil(length);
    let codebook = B::float_reshape(codebook, Shape::from([1, codes, features]));
    let codebook = expand_dim::<B>(codebook, 0, copies);
    let codebook = B::float_reshape(codebook, Shape::from([copies * codes, features]));
    let starts = (0..count).map(|row| (row / length * codes) as i32);
    let starts = B::int_from_data(TensorData::new(starts.collect(), shape), &device);
    (codebook, B::int_add(indices, starts))
}

/// A code book with 0 for what is not finite: times an upstream gradient of 0 that would not be 0.
pub(super) fn finite_entries<B: Backend>(codebook: FloatTensor<B>) -> FloatTensor<B> {
    let broken = not_finite::<B>(codebook.clone());
    B::float_mask_fill(codebook, broken, 0f32.into())
}
