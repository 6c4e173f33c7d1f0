use super::{
    rows::argmax,
    tensors::{bool_dtype, float_dtype, indices, is_nan},
};
use burn_core::backend::{
    Backend, TensorMetadata,
    tensor::{BoolTensor, FloatTensor, IntTensor},
};

/// 1 at the first maximum, 0 elsewhere.
pub fn one_hot<B: Backend>(values: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let dtype = float_dtype(values.dtype());
    let dtype_of_bool = bool_dtype::<B>(&values.device());
    let shape = values.shape();
    let indices = indices::<B>(&shape, dim, &values.device());
    let argmax = first_argmax::<B>(values, dim);
    let is_argmax = B::int_equal(
        B::int_expand(indices, shape.clone()),
        B::int_expand(argmax, shape),
        dtype_of_bool,
    );
    B::bool_into_float(is_argmax, dtype)
}

/// 1 at every maximum, 0 elsewhere.
pub fn sign_one_hot<B: Backend>(values: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let dtype = float_dtype(values.dtype());
    let shape = values.shape();
    let has_nan = has_nan::<B>(values.clone(), dim);
    // Comparing is the sign of the difference for finite values, and right for infinite ones too.
    let marked = B::bool_into_float(is_max::<B>(values, dim), dtype);
    B::float_mask_fill(marked, B::bool_expand(has_nan, shape), f32::NAN.into())
}

/// The first index of the maximum. A backend's own argmax may return another; it decides only
/// where there is a NaN.
pub fn first_argmax<B: Backend>(values: FloatTensor<B>, dim: usize) -> IntTensor<B> {
    let shape = values.shape();
    let device = values.device();
    let indices = indices::<B>(&shape, dim, &device);
    let candidates = B::int_mask_fill(
        B::int_expand(indices, shape.clone()),
        B::bool_not(is_max::<B>(values.clone(), dim)),
        (shape[dim] as i64).into(),
    );
    let has_nan = has_nan::<B>(values.clone(), dim);
    B::int_mask_where(
        B::int_min_dim(candidates, dim),
        has_nan,
        argmax::<B>(values, dim),
    )
}

fn is_max<B: Backend>(values: FloatTensor<B>, dim: usize) -> BoolTensor<B> {
    let dtype = bool_dtype::<B>(&values.device());
    let max = B::float_expand(B::float_max_dim(values.clone(), dim), values.shape());
    B::float_equal(values, max, dtype)
}

/// Whether a row has a NaN.
fn has_nan<B: Backend>(values: FloatTensor<B>, dim: usize) -> BoolTensor<B> {
    B::bool_any_dim(is_nan::<B>(values), dim)
}
