//! The gradients of rows of a code book at the maxima of scores `[outer, codes, inner]`.

use alloc::vec::Vec;

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::{IndexingUpdateOp, Shape, Slice},
};

use super::{
    select::{PART, finite_entries},
    tensors::{accumulator, cast, widen},
};
use crate::{ArgmaxOps, Surrogate};

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
