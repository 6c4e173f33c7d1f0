//! Rows of a code book at the maxima of scores `[outer, codes, inner]`.

use alloc::vec::Vec;

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{IndexingUpdateOp, Shape, Slice, TensorData},
};

use super::tensors::{accumulator, cast, expand_dim, not_finite, widen};
use crate::{ArgmaxOps, Surrogate};

/// Rows of a gradient that are added up by themselves, at least: as many as the code book has, which is written for
/// each part.
const PART: usize = 1024;

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

/// What comes upstream for a one-hot of which only the product with the code book is there: the products of
/// what comes for that with the rows.
fn upstream_of_one_hot<B: Backend>(
    codebook: FloatTensor<B>,
    grad: FloatTensor<B>,
) -> FloatTensor<B> {
    let [outer, features, inner] = grad.shape().dims();
    let codes = codebook.shape()[0];
    if inner == 1 {
        let grad = B::float_reshape(grad, Shape::from([outer, features]));
        let products = B::float_matmul(grad, B::float_swap_dims(codebook, 0, 1));
        return B::float_reshape(products, Shape::from([outer, codes, 1]));
    }
    let codebook = B::float_reshape(codebook, Shape::from([1, codes, features]));
    let codebook = B::float_expand(codebook, Shape::from([outer, codes, features]));
    B::float_matmul(codebook, grad)
}

/// A code book with 0 for what is not finite: times an upstream gradient of 0 that would not be 0.
pub(super) fn finite_entries<B: Backend>(codebook: FloatTensor<B>) -> FloatTensor<B> {
    let broken = not_finite::<B>(codebook.clone());
    B::float_mask_fill(codebook, broken, 0f32.into())
}

/// The gradient of the scores.
pub fn select_backward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    codebook: FloatTensor<B>,
    grad: FloatTensor<B>,
    surrogate: Surrogate,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let wide = accumulator([dtype, codebook.dtype()]);
    let [codebook, grad] = [codebook, grad].map(|tensor| cast::<B>(tensor, wide));
    let upstream = upstream_of_one_hot::<B>(finite_entries::<B>(codebook), grad);
    let gradient = match surrogate {
        Surrogate::Identity => upstream,
        Surrogate::Softmax { beta } => {
            B::softmax_backward(cast::<B>(logits, wide), upstream, 1, beta)
        }
    };
    cast::<B>(gradient, dtype)
}

/// The gradient of the code book: for each row the sum of what comes where it was chosen.
pub fn select_codebook_backward<B: Backend>(
    codebook: FloatTensor<B>,
    indices: IntTensor<B>,
    grad: FloatTensor<B>,
) -> FloatTensor<B> {
    let [outer, features, inner] = grad.shape().dims();
    let count = outer * inner;
    let indices = B::int_reshape(indices, Shape::from([count]));
    let rows = B::float_swap_dims(widen::<B>(grad), 1, 2);
    let rows = B::float_reshape(rows, Shape::from([count, features]));
    let zeros = || {
        let (shape, device) = (codebook.shape(), codebook.device());
        B::float_zeros(shape, &device, rows.dtype().into())
    };
    // In levels: all may have chosen one and the same.
    let length = PART.max(codebook.shape()[0]);
    let mut sums: Vec<(usize, FloatTensor<B>)> = Vec::new();
    for start in (0..count).step_by(length) {
        let part = Slice::from(start..count.min(start + length));
        let rows = B::float_slice(rows.clone(), &[part, Slice::from(0..features)]);
        let indices = B::int_slice(indices.clone(), &[part]);
        let mut sum = B::float_select_assign(zeros(), 0, indices, rows, IndexingUpdateOp::Add);
        let mut parts = 1;
        while let Some((of_last, _)) = sums.last()
            && *of_last == parts
        {
            let (_, last) = sums.pop().expect("a last one");
            sum = B::float_add(last, sum);
            parts *= 2;
        }
        sums.push((parts, sum));
    }
    let sums = sums.into_iter().rev().map(|(_, sum)| sum);
    let sum = sums.reduce(B::float_add).expect("there are rows");
    cast::<B>(sum, codebook.dtype())
}
