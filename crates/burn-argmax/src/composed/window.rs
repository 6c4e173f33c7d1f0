//! What is outside of a window about the first maximum.

use burn_core::backend::{
    Backend, TensorMetadata,
    tensor::{BoolTensor, Device, FloatTensor, IntTensor},
};
use burn_core::tensor::Shape;

use super::{
    one_hot::first_argmax,
    tensors::{bool_dtype, indices, is_nan},
};

/// The entries of every row farther than `radius` from its first maximum, if there is a radius.
pub(crate) fn outside<B: Backend>(
    logits: &FloatTensor<B>,
    dim: usize,
    radius: Option<usize>,
) -> Option<BoolTensor<B>> {
    let radius = radius?;
    let first = first_argmax::<B>(logits.clone(), dim);
    let shape = logits.shape();
    let distant = distant::<B>(&shape, dim, first, radius, &logits.device());
    Some(in_sound_rows::<B>(
        B::bool_expand(distant, shape),
        logits,
        dim,
    ))
}

/// No entry of a row with a NaN or `+inf` is outside of its window: the whole row is broken.
pub(super) fn in_sound_rows<B: Backend>(
    outside: BoolTensor<B>,
    logits: &FloatTensor<B>,
    dim: usize,
) -> BoolTensor<B> {
    let dtype = bool_dtype::<B>(&logits.device());
    let infinite = B::float_equal_elem(logits.clone(), f32::INFINITY.into(), dtype);
    let broken = B::bool_or(infinite, is_nan::<B>(logits.clone()));
    let sound = B::bool_not(B::bool_any_dim(broken, dim));
    B::bool_and(outside, B::bool_expand(sound, logits.shape()))
}

/// The indices along `dim` farther than `radius` from a center, which may be one of each row.
pub(super) fn distant<B: Backend>(
    shape: &Shape,
    dim: usize,
    center: IntTensor<B>,
    radius: usize,
    device: &Device<B>,
) -> BoolTensor<B> {
    let indices = indices::<B>(shape, dim, device);
    let distance = B::int_abs(B::int_sub(indices, center));
    // No farther than the line is long: the radius may not fit the dtype.
    let radius = radius.min(shape[dim]) as i64;
    B::int_greater_elem(distance, radius.into(), bool_dtype::<B>(device))
}
