use burn_core::tensor::{AsIndex, Int, Tensor};

use super::{check_dim, dispatch::dispatch};
use crate::Noise;

/// An index drawn from the softmax of the logits, without a gradient.
///
/// The first maximum of `x + g` with independent Gumbel variables `g`: the index of the 1 that
/// [`sampled_one_hot`](crate::sampled_one_hot()) gives for the same noise.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: it is never drawn but in a row
///   of masks only.
/// * `dim` - The dimension of the choice; a negative one counts from the end.
/// * `noise` - Where the random numbers come from.
///
/// # Returns
///
/// Indices, with `dim` kept at size 1. A NaN counts as the largest score. An empty batch gives an empty
/// tensor. The maximum of a row comes off before the noise is added, so that scores of any size leave room for
/// it.
///
/// # Panics
///
/// If `dim` is out of range or has size 0.
///
/// # Source
///
/// Gumbel, "Statistical Theory of Extreme Values and Some Practical Applications", 1954.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Noise, sampled_argmax};
///
/// let logits = Tensor::<2>::from_floats([[0.0, 90.0, 0.0]], &Device::flex());
/// assert_eq!(sampled_argmax(logits, 1, Noise::Device).into_scalar::<i64>(), 1);
/// ```
#[track_caller]
pub fn sampled_argmax<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    noise: Noise,
) -> Tensor<D, Int> {
    let dim = check_dim("sampled_argmax", &logits, dim);
    let device = logits.device();
    if logits.shape().num_elements() == 0 {
        let mut shape = logits.dims();
        shape[dim] = 1;
        return Tensor::zeros(shape, &device);
    }
    let key = noise.key(&device).into_dispatch();
    let index: Tensor<D, Int> = dispatch!(sampled_argmax(logits, key, dim));
    index.cast(device.settings().int_dtype)
}
