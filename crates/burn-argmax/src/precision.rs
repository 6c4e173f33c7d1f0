//! What public functions and losses compute with: `f32` at least, indices of any length, long sums in
//! levels.

use burn_core::{
    backend::Dispatch,
    tensor::{Tensor, TensorData},
};

use crate::composed;

pub(crate) use composed::accumulator;

/// `0..size` along `dim`, beside a tensor, in the dtype to compute in.
pub(crate) fn indices<const D: usize>(size: usize, dim: usize, like: &Tensor<D>) -> Tensor<D> {
    let mut line = [1; D];
    line[dim] = size;
    // From the host: llvmpipe, Mesa's software GPU, ends the loop of `arange` after 65,535 steps.
    let indices: Vec<f64> = (0..size).map(|index| index as f64).collect();
    let dtype = accumulator([like.dtype()]);
    let data = TensorData::new(indices, line).convert_dtype(dtype);
    Tensor::from_data(data, (&like.device(), dtype))
}

/// The sum along `dim`, in levels.
pub(crate) fn sum_along<const D: usize>(tensor: Tensor<D>, dim: usize) -> Tensor<D> {
    Tensor::from_dispatch(composed::sum_dim::<Dispatch>(tensor.into_dispatch(), dim))
}

/// So many copies along `dim`, of size 1, whose gradients are summed in levels.
pub(crate) fn copies<const D: usize>(tensor: Tensor<D>, dim: usize, count: usize) -> Tensor<D> {
    let copies = composed::expand_dim::<Dispatch>(tensor.into_dispatch(), dim, count);
    Tensor::from_dispatch(copies)
}

/// Sums over so many terms. Burn's gradient of a division by a number has the digits of `f32` alone.
pub(crate) fn divided<const D: usize>(sums: Tensor<D>, count: usize) -> Tensor<D> {
    sums * (1.0 / count as f64)
}

/// The sums of all rows, in levels.
pub(crate) fn sum_rows(rows: Tensor<3>) -> Tensor<2> {
    sum_along(rows, 2).squeeze_dim(2)
}
