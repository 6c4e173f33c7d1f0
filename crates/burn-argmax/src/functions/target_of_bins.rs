//! What targets that are shared out over bins have in common.

use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, empty};
use crate::precision::{accumulator, indices};

/// The masses of bins along `dim`, of targets, the indices of bins, both in the dtype to compute in, and `dim`.
/// No target is NaN or infinite there.
#[track_caller]
pub(super) fn target_of_bins<const D: usize>(
    op: &str,
    target: Tensor<D>,
    dim: impl AsIndex,
    bins: usize,
    masses: impl FnOnce(Tensor<D>, Tensor<D>, usize) -> Tensor<D>,
) -> Tensor<D> {
    let dim = check_dim(op, &target, dim);
    let mut shape = target.dims();
    assert!(
        shape[dim] == 1,
        "{op}: target must have size 1 along dim {dim}, which the bins take, got shape {shape:?}"
    );
    assert!(bins > 0, "{op}: bins must be at least 1, got 0");
    shape[dim] = bins;
    let target = target.detach().dequantize();
    if target.shape().num_elements() == 0 {
        return empty(target, shape);
    }
    let dtype = target.dtype();
    let target = target.cast(accumulator([dtype]));
    let broken = target.clone().is_finite().bool_not();
    let index = indices(bins, dim, &target);
    let masses = masses(target.mask_fill(broken.clone(), 0.0), index, dim);
    masses.mask_fill(broken.expand(shape), f64::NAN).cast(dtype)
}
