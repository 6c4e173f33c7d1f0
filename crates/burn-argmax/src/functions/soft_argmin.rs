use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, check_weighting, soft_argmax};
use crate::Weighting;

/// The expected index under weights of the negated costs: a differentiable `argmin`.
///
/// `y = sum_i i * p_i` with, for a number `beta`, `p = softmax(-beta * (x - min x))`. Over a cost volume
/// `[batch, disparity, height, width]` along dim 1 it is the disparity regression of stereo networks.
///
/// # Arguments
///
/// * `costs` - Costs, of any rank and layout. A mask is a cost of `+inf`: its weight and its
///   gradient are exactly 0.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How negated costs become weights: a number is the `beta` of a softmax, finite and
///   `>= 0`; see [`Weighting`]. So `.within(radius)` is about the first minimum, and `.above(-c)`
///   weighs costs below `c`.
///
/// # Returns
///
/// The expected index, in units of `0..n-1` along `dim`, with `dim` kept at size 1 and the dtype of
/// `costs`. Ties give the mean of the tied indices as `beta` grows. A row with a NaN or `-inf`, or
/// wholly of `+inf`, gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// That of [`soft_argmax`], negated: for a number `-g * beta * p_j * (j - y)`. It is exactly 0
/// where that of [`soft_argmax`] is.
///
/// # Panics
///
/// As [`soft_argmax`] does.
///
/// # Source
///
/// Kendall et al., "End-to-End Learning of Geometry and Context for Deep Stereo Regression" (GC-Net),
/// ICCV 2017.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::soft_argmin;
///
/// let costs = Tensor::<2>::from_floats([[9.0, 7.0, 0.5, 8.0]], &Device::flex());
/// assert_eq!(soft_argmin(costs, 1, 100.0).into_scalar::<f32>(), 2.0);
/// ```
#[track_caller]
pub fn soft_argmin<const D: usize>(
    costs: Tensor<D>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let dim = check_dim("soft_argmin", &costs, dim);
    let weighting = check_weighting("soft_argmin", weighting, costs.dtype());
    soft_argmax(-costs.dequantize(), dim, weighting)
}
