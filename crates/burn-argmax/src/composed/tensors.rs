//! What the operators need of Burn's primitives.

use alloc::{vec, vec::Vec};

use burn_core::{
    backend::{
        Backend, TensorMetadata, get_or_init_device_settings,
        tensor::{BoolTensor, Device, FloatTensor, IntTensor},
    },
    tensor::{BoolDType, DType, FloatDType, IntDType, Shape, Slice, TensorData},
};

/// Rows longer than this are summed in levels: one running `f32` sum over a long row of indices
/// loses a good part of an index.
const SUM_BLOCK: usize = 32;

/// The dtype that sums run in.
pub(crate) fn accumulator_dtype(dtype: DType) -> FloatDType {
    match dtype {
        DType::F64 => FloatDType::F64,
        _ => FloatDType::F32,
    }
}

/// The dtype to compute in, for arguments of these dtypes.
pub(crate) fn accumulator<const N: usize>(dtypes: [DType; N]) -> DType {
    match dtypes.contains(&DType::F64) {
        true => DType::F64,
        false => DType::F32,
    }
}

/// The largest finite value of the dtype that sums run in.
pub(crate) fn accumulator_max(dtype: DType) -> f64 {
    match accumulator_dtype(dtype) {
        FloatDType::F64 => f64::MAX,
        _ => f32::MAX as f64,
    }
}

/// `shape` with another size along `dim`.
pub(crate) fn with_dim_size(shape: &Shape, dim: usize, size: usize) -> Shape {
    let mut shape = shape.clone();
    shape[dim] = size;
    shape
}

/// The dtype of indices. What a device has by default may be too small for them.
pub(super) const INDEX: IntDType = IntDType::I32;

/// The device's default dtype for booleans.
pub(super) fn bool_dtype<B: Backend>(device: &Device<B>) -> BoolDType {
    get_or_init_device_settings::<B>(device).bool_dtype
}

pub(super) fn float_dtype(dtype: DType) -> FloatDType {
    dtype.into()
}

pub(crate) fn cast<B: Backend>(tensor: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if tensor.dtype() == dtype {
        tensor
    } else {
        B::float_cast(tensor, float_dtype(dtype))
    }
}

/// In the dtype that sums run in.
pub(crate) fn widen<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    let dtype = accumulator_dtype(tensor.dtype()).into();
    cast::<B>(tensor, dtype)
}

pub(super) fn is_nan<B: Backend>(tensor: FloatTensor<B>) -> BoolTensor<B> {
    let dtype = bool_dtype::<B>(&tensor.device());
    B::float_is_nan(tensor, dtype)
}

pub(super) fn not_finite<B: Backend>(tensor: FloatTensor<B>) -> BoolTensor<B> {
    let dtype = bool_dtype::<B>(&tensor.device());
    B::bool_or(B::float_is_inf(tensor.clone(), dtype), is_nan::<B>(tensor))
}

/// Where a score is `-inf`.
pub(super) fn is_mask<B: Backend>(scores: FloatTensor<B>) -> BoolTensor<B> {
    let dtype = bool_dtype::<B>(&scores.device());
    B::float_equal_elem(scores, f32::NEG_INFINITY.into(), dtype)
}

/// Whether all upstream numbers of a row are exactly 0.
pub(super) fn is_silent<B: Backend>(grad: FloatTensor<B>, dim: usize) -> BoolTensor<B> {
    let dtype = bool_dtype::<B>(&grad.device());
    let is_zero = B::float_equal_elem(grad, 0f32.into(), dtype);
    B::bool_not(B::bool_any_dim(B::bool_not(is_zero), dim))
}

/// `0..n` along `dim`, of size 1 along every other dimension.
pub(super) fn indices<B: Backend>(shape: &Shape, dim: usize, device: &Device<B>) -> IntTensor<B> {
    let mut line = vec![1; shape.num_dims()];
    line[dim] = shape[dim];
    // From the host: llvmpipe, Mesa's software GPU, ends the loop of `int_arange` after 65,535 steps.
    let indices = TensorData::new((0..shape[dim] as i32).collect(), line);
    B::int_from_data(indices, device)
}

/// One entry of the state of every row.
pub(super) fn entry_of<B: Backend>(
    state: FloatTensor<B>,
    dim: usize,
    entry: usize,
) -> FloatTensor<B> {
    slice_dim::<B>(state, dim, entry, entry + 1)
}

fn slice_dim<B: Backend>(
    tensor: FloatTensor<B>,
    dim: usize,
    start: usize,
    end: usize,
) -> FloatTensor<B> {
    let slices: Vec<Slice> = tensor
        .shape()
        .iter()
        .enumerate()
        .map(|(d, &size)| Slice::from(if d == dim { start..end } else { 0..size }))
        .collect();
    B::float_slice(tensor, &slices)
}

/// The sum along `dim`, in levels when the row is long.
pub(crate) fn sum_dim<B: Backend>(tensor: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let shape = tensor.shape();
    let n = shape[dim];
    if n <= SUM_BLOCK {
        return B::float_sum_dim(tensor, dim);
    }

    let whole = n / SUM_BLOCK * SUM_BLOCK;
    let mut blocks: Vec<usize> = shape.to_vec();
    blocks[dim] = whole / SUM_BLOCK;
    blocks.insert(dim + 1, SUM_BLOCK);
    let main = B::float_reshape(
        slice_dim::<B>(tensor.clone(), dim, 0, whole),
        Shape::from(blocks),
    );
    let partial = B::float_sum_dim(main, dim + 1);
    let partial = B::float_reshape(partial, with_dim_size(&shape, dim, whole / SUM_BLOCK));
    let sum = sum_dim::<B>(partial, dim);
    if whole == n {
        return sum;
    }
    let rest = B::float_sum_dim(slice_dim::<B>(tensor, dim, whole, n), dim);
    B::float_add(sum, rest)
}

/// `n` copies along `dim`, of size 1: backwards their gradients are summed in levels, as in [`sum_dim`].
pub(crate) fn expand_dim<B: Backend>(
    tensor: FloatTensor<B>,
    dim: usize,
    n: usize,
) -> FloatTensor<B> {
    let shape = tensor.shape();
    if n <= SUM_BLOCK {
        return B::float_expand(tensor, with_dim_size(&shape, dim, n));
    }

    let count = n.div_ceil(SUM_BLOCK);
    let tensor = expand_dim::<B>(tensor, dim, count);
    let mut blocks: Vec<usize> = shape.to_vec();
    blocks[dim] = count;
    blocks.insert(dim + 1, 1);
    let tensor = B::float_reshape(tensor, Shape::from(blocks.clone()));
    blocks[dim + 1] = SUM_BLOCK;
    let tensor = B::float_expand(tensor, Shape::from(blocks));
    let whole = with_dim_size(&shape, dim, count * SUM_BLOCK);
    slice_dim::<B>(B::float_reshape(tensor, whole), dim, 0, n)
}
