use alloc::vec::Vec;

use burn_core::tensor::{DType, Tensor, TensorData};

use super::straight_through_one_hot;
use crate::Surrogate;

/// `0..n` along `dim`, of size 1 along every other dimension, in the dtype that sums run in.
pub(crate) fn indices_along<const D: usize>(like: &Tensor<D>, dim: usize) -> Tensor<D> {
    let mut line = [1; D];
    line[dim] = like.dims()[dim];
    // From the host: llvmpipe, Mesa's software GPU, ends the loop of `arange` after 65,535 steps.
    let indices: Vec<f64> = (0..line[dim]).map(|index| index as f64).collect();
    let dtype = accumulator(like.dtype());
    let data = TensorData::new(indices, line).convert_dtype(dtype);
    Tensor::from_data(data, (&like.device(), dtype))
}

/// The dtype that sums over a tensor run in.
pub(crate) fn accumulator(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// 1 at the first maximum along `dim`, in the dtype that sums run in. Not by Burn's `argmax`, which on
/// a software GPU looks at 65,535 entries.
pub(crate) fn first_maximum<const D: usize>(values: &Tensor<D>, dim: usize) -> Tensor<D> {
    let one_hot = straight_through_one_hot(values.clone().detach(), dim, Surrogate::Identity);
    one_hot.cast(accumulator(values.dtype()))
}
