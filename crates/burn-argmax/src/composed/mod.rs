//! The operators written as Burn primitives: the default bodies of [`ArgmaxOps`](crate::ArgmaxOps),
//! and, on `Dispatch`, the operators of backends without kernels of ours.
//!
//! Everything here is also differentiable by Burn's own graph, with the gradients that the public
//! functions document.

mod spatial_moments;

use alloc::{vec, vec::Vec};

use burn_core::{
    backend::{
        Backend, TensorMetadata, get_or_init_device_settings,
        tensor::{BoolTensor, Device, FloatTensor, IntTensor},
    },
    tensor::{BoolDType, DType, FloatDType, IntDType, Shape, Slice, TensorData},
};

use crate::Surrogate;

#[cfg(all(feature = "fusion", feature = "_cube-kernels"))]
pub(crate) use spatial_moments::spatial_metadata;
pub(crate) use spatial_moments::{
    spatial_moments, spatial_moments_backward, spatial_moments_forward,
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

/// Shapes and dtypes of the result and of the state.
#[cfg(all(feature = "fusion", feature = "_cube-kernels"))]
pub(crate) fn forward_metadata(
    logits: &burn_core::backend::fusion::custom::TensorSpec,
    dim: usize,
) -> (
    burn_core::backend::fusion::custom::TensorSpec,
    burn_core::backend::fusion::custom::TensorSpec,
) {
    use burn_core::backend::fusion::custom::TensorSpec;

    (
        TensorSpec::new(with_dim_size(&logits.shape, dim, 1), logits.dtype),
        TensorSpec::new(
            with_dim_size(&logits.shape, dim, 4),
            accumulator_dtype(logits.dtype).into(),
        ),
    )
}

pub(crate) fn soft_argmax<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let centre = argmax::<B>(logits.clone(), dim);
    let rows = Rows::<B>::new(logits, dim, beta);
    let offset = rows.offset(rows.distance_from(centre.clone()));
    cast::<B>(B::float_add(centre, offset), dtype)
}

pub(crate) fn soft_argmax_forward<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let dtype = logits.dtype();
    let centre = argmax::<B>(logits.clone(), dim);
    let rows = Rows::<B>::new(logits, dim, beta);
    let offset = rows.offset(rows.distance_from(centre.clone()));
    let result = cast::<B>(B::float_add(centre.clone(), offset.clone()), dtype);
    let state = B::float_cat(vec![rows.max, rows.sum, centre, offset], dim);
    (result, state)
}

pub(crate) fn soft_argmax_backward<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let accumulator = accumulator_dtype(dtype).into();
    let [max, sum, centre, offset] =
        [0, 1, 2, 3].map(|entry| entry_of::<B>(state.clone(), dim, entry));
    let rows = Rows::<B>::with_max(cast::<B>(logits, accumulator), max, dim, beta);
    let distance = B::float_sub(rows.distance_from(centre), offset);
    let probability = B::float_div(rows.weights, sum);
    // The weight comes first: where it is 0, the product stays 0 however large beta is.
    let slope = B::float_mul(probability, distance);
    let slope = B::float_mul_scalar(slope, beta.min(accumulator_max(dtype)).into());
    let result = B::float_mul(slope, cast::<B>(grad, accumulator));
    cast::<B>(result, dtype)
}

pub(crate) fn one_hot<B: Backend>(logits: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let dtype = float_dtype(logits.dtype());
    let dtypes = Dtypes::of::<B>(&logits.device());
    let shape = logits.shape();
    let argmax = first_argmax::<B>(logits.clone(), dim, dtypes.int);
    let indices = indices::<B>(&shape, dim, &logits.device(), dtypes.int);
    let is_argmax = B::int_equal(
        B::int_expand(indices, shape.clone()),
        B::int_expand(argmax, shape),
        dtypes.bool,
    );
    B::bool_into_float(is_argmax, dtype)
}

/// The first index of the maximum. A backend's own argmax may return another; it decides only
/// where there is a NaN.
fn first_argmax<B: Backend>(logits: FloatTensor<B>, dim: usize, dtype: IntDType) -> IntTensor<B> {
    let shape = logits.shape();
    let device = logits.device();
    let dtypes = Dtypes::of::<B>(&device);
    let argmax = B::float_argmax(logits.clone(), dim, dtype);
    let has_nan = has_nan::<B>(logits.clone(), dim);
    let max = B::float_max_dim(logits.clone(), dim);
    let is_max = B::float_equal(logits, B::float_expand(max, shape.clone()), dtypes.bool);
    let indices = indices::<B>(&shape, dim, &device, dtype);
    let candidates = B::int_mask_fill(
        B::int_expand(indices, shape.clone()),
        B::bool_not(is_max),
        (shape[dim] as i64).into(),
    );
    B::int_mask_where(B::int_min_dim(candidates, dim), has_nan, argmax)
}

/// Whether a row has a NaN.
fn has_nan<B: Backend>(values: FloatTensor<B>, dim: usize) -> BoolTensor<B> {
    let dtype = float_dtype(values.dtype());
    let dtypes = Dtypes::of::<B>(&values.device());
    let is_nan = B::bool_into_float(B::float_is_nan(values, dtypes.bool), dtype);
    B::float_greater_elem(B::float_max_dim(is_nan, dim), 0.5f32.into(), dtypes.bool)
}

/// `softmax(beta * (logits - max))`, with every extreme as the fused operators have it.
pub(crate) fn softmax<B: Backend>(logits: FloatTensor<B>, dim: usize, beta: f64) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let rows = Rows::<B>::new(logits, dim, beta);
    cast::<B>(B::float_div(rows.weights, rows.sum), dtype)
}

pub(crate) fn straight_through_one_hot<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    surrogate: Surrogate,
) -> FloatTensor<B> {
    let hard = one_hot::<B>(B::float_detach(logits.clone()), dim);
    let soft = match surrogate {
        Surrogate::Identity => logits,
        Surrogate::Softmax { beta } => softmax::<B>(logits, dim, beta),
    };
    // The difference is exactly 0 and carries the gradient; where it is not finite it must not
    // reach the one-hot.
    let carrier = B::float_sub(soft.clone(), B::float_detach(soft));
    let dtypes = Dtypes::of::<B>(&carrier.device());
    let broken = B::float_is_nan(B::float_detach(carrier.clone()), dtypes.bool);
    B::float_add(hard, B::float_mask_fill(carrier, broken, 0f32.into()))
}

pub(crate) fn softmax_surrogate_backward<B: Backend>(
    logits: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let grad = cast::<B>(grad, accumulator_dtype(dtype).into());
    let rows = Rows::<B>::new(logits, dim, beta);
    let probability = B::float_div(rows.weights, rows.sum);
    let mean = sum_dim::<B>(B::float_mul(probability.clone(), grad.clone()), dim);
    let slope = B::float_mul(probability, B::float_sub(grad, mean));
    let slope = B::float_mul_scalar(slope, beta.min(accumulator_max(dtype)).into());
    cast::<B>(slope, dtype)
}

pub(crate) fn sign_one_hot<B: Backend>(values: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let dtype = float_dtype(values.dtype());
    let shape = values.shape();
    let dtypes = Dtypes::of::<B>(&values.device());
    // Registers a zero gradient.
    let carrier = B::float_mul_scalar(B::float_sign(values.clone()), 0f32.into());

    let values = B::float_detach(values);
    let has_nan = has_nan::<B>(values.clone(), dim);
    let max = B::float_max_dim(values.clone(), dim);
    // Comparing is the sign of the difference for finite values, and right for infinite ones too.
    let is_max = B::float_equal(values, B::float_expand(max, shape.clone()), dtypes.bool);
    let marked = B::float_add(B::bool_into_float(is_max, dtype), carrier);
    B::float_mask_fill(marked, B::bool_expand(has_nan, shape), f32::NAN.into())
}

/// The argmax of every row, as a float of the accumulator's precision.
fn argmax<B: Backend>(logits: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let dtypes = Dtypes::of::<B>(&logits.device());
    let dtype = accumulator_dtype(logits.dtype());
    B::int_into_float(B::float_argmax(logits, dim, dtypes.int), dtype)
}

/// The softmax weights of every row, in the accumulator's dtype, before they are divided by their sum.
struct Rows<B: Backend> {
    weights: FloatTensor<B>,
    max: FloatTensor<B>,
    sum: FloatTensor<B>,
    dim: usize,
}

impl<B: Backend> Rows<B> {
    fn new(logits: FloatTensor<B>, dim: usize, beta: f64) -> Self {
        let logits = cast::<B>(logits.clone(), accumulator_dtype(logits.dtype()).into());
        // A softmax does not change when a constant is taken off, so neither does its gradient.
        let max = B::float_max_dim(B::float_detach(logits.clone()), dim);
        Self::with_max(logits, max, dim, beta)
    }

    fn with_max(logits: FloatTensor<B>, max: FloatTensor<B>, dim: usize, beta: f64) -> Self {
        let dtypes = Dtypes::of::<B>(&logits.device());
        let beta = beta.min(accumulator_max(logits.dtype()));
        let lowest = f32::NEG_INFINITY;
        let masked = B::float_equal_elem(logits.clone(), lowest.into(), dtypes.bool);
        // A row wholly of masks must come to NaN, gradient and all.
        let has_value = B::float_greater_elem(max.clone(), lowest.into(), dtypes.bool);
        let masked = B::bool_and(masked, B::bool_expand(has_value, logits.shape()));
        let weights = if beta == 0.0 {
            // 0 * (-inf - max) would be NaN for a mask; 0 * NaN must stay NaN.
            let logits = B::float_mask_fill(logits, masked.clone(), 0f32.into());
            B::float_add_scalar(B::float_mul_scalar(logits, 0f32.into()), 1f32.into())
        } else {
            let exponent = B::float_sub(logits, max.clone());
            B::float_exp(B::float_mul_scalar(exponent, beta.into()))
        };
        let weights = B::float_mask_fill(weights, masked, 0f32.into());
        let sum = sum_dim::<B>(weights.clone(), dim);
        Self {
            weights,
            max,
            sum,
            dim,
        }
    }

    /// `i - centre`, subtracted as integers so that no precision is lost at a large index.
    fn distance_from(&self, centre: FloatTensor<B>) -> FloatTensor<B> {
        let shape = self.weights.shape();
        let dtypes = Dtypes::of::<B>(&centre.device());
        let indices = indices::<B>(&shape, self.dim, &centre.device(), dtypes.int);
        let centre = B::float_into_int(centre, dtypes.int);
        let distance = B::int_sub(
            B::int_expand(indices, shape.clone()),
            B::int_expand(centre, shape),
        );
        B::int_into_float(distance, float_dtype(self.weights.dtype()))
    }

    /// The weighted mean of a distance.
    fn offset(&self, distance: FloatTensor<B>) -> FloatTensor<B> {
        let weighted = B::float_mul(self.weights.clone(), distance);
        B::float_div(sum_dim::<B>(weighted, self.dim), self.sum.clone())
    }
}

/// The device's default dtypes for integers and booleans.
struct Dtypes {
    int: IntDType,
    bool: BoolDType,
}

impl Dtypes {
    fn of<B: Backend>(device: &Device<B>) -> Self {
        let settings = get_or_init_device_settings::<B>(device);
        Self {
            int: settings.int_dtype,
            bool: settings.bool_dtype,
        }
    }
}

fn float_dtype(dtype: DType) -> FloatDType {
    dtype.into()
}

fn cast<B: Backend>(tensor: FloatTensor<B>, dtype: DType) -> FloatTensor<B> {
    if tensor.dtype() == dtype {
        tensor
    } else {
        B::float_cast(tensor, float_dtype(dtype))
    }
}

/// `0..n` along `dim`, of size 1 along every other dimension.
fn indices<B: Backend>(
    shape: &Shape,
    dim: usize,
    device: &Device<B>,
    dtype: IntDType,
) -> IntTensor<B> {
    let mut line = vec![1; shape.num_dims()];
    line[dim] = shape[dim];
    // From the host: llvmpipe, Mesa's software GPU, ends the loop of `int_arange` after 65,535 steps.
    let indices = TensorData::new((0..shape[dim] as i64).collect(), line);
    B::int_from_data(indices.convert_dtype(dtype.into()), device)
}

/// One entry of the state of every row.
fn entry_of<B: Backend>(state: FloatTensor<B>, dim: usize, entry: usize) -> FloatTensor<B> {
    slice_dim::<B>(state, dim, entry, entry + 1)
}

pub(crate) fn slice_dim<B: Backend>(
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
fn sum_dim<B: Backend>(tensor: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
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
