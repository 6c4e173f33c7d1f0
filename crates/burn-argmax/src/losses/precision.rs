//! The precision of the losses: `f32` at least, with long sums in levels.

use burn_core::tensor::{DType, Tensor, TensorData};

/// Longer sums are taken in levels: one running `f32` sum loses digits with every term.
const SUM_BLOCK: usize = 32;

/// The dtype to compute in, for arguments of these dtypes.
pub(crate) fn wide_dtype(dtypes: &[DType]) -> DType {
    if dtypes.contains(&DType::F64) {
        DType::F64
    } else {
        DType::F32
    }
}

/// The largest finite value of a dtype to compute in.
pub(crate) fn max_of(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::MAX,
        _ => f32::MAX.into(),
    }
}

/// `0..size`, `[1, 1, size]`, beside a tensor. From the host: a software Vulkan ends Burn's own range
/// after 65,535 steps.
pub(crate) fn indices(size: usize, like: &Tensor<3>) -> Tensor<3> {
    let values: Vec<f64> = (0..size).map(|index| index as f64).collect();
    let data = TensorData::new(values, [1, 1, size]).convert_dtype(like.dtype());
    Tensor::from_data(data, (&like.device(), like.dtype()))
}

/// The sums of all rows, in levels.
pub(crate) fn sum_rows(rows: Tensor<3>) -> Tensor<2> {
    let [batch, locations, size] = rows.dims();
    if size <= SUM_BLOCK {
        return rows.sum_dim(2).reshape([batch, locations]);
    }
    let blocks = size / SUM_BLOCK;
    let whole = blocks * SUM_BLOCK;
    let part = |from: usize, to: usize| rows.clone().slice([0..batch, 0..locations, from..to]);
    let partial = part(0, whole)
        .reshape([batch, locations * blocks, SUM_BLOCK])
        .sum_dim(2)
        .reshape([batch, locations, blocks]);
    let sum = sum_rows(partial);
    if whole == size {
        return sum;
    }
    sum + sum_rows(part(whole, size))
}
