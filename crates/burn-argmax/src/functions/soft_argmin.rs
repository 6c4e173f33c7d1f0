use burn_core::tensor::{AsIndex, Tensor};

use super::{check_beta, check_dim, soft_argmax};

/// The expected index under `softmax(-beta * costs)`: a differentiable `argmin`.
///
/// `y = sum_i i * p_i` with `p = softmax(-beta * (x - min x))`. Over a cost volume
/// `[batch, disparity, height, width]` along dim 1 it is the disparity regression of stereo networks.
///
/// # Arguments
///
/// * `costs` - Costs, of any rank and layout. A mask is a cost of `+inf`: its weight and its
///   gradient are exactly 0.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp; 0 gives the plain mean
///   of the unmasked indices.
///
/// # Returns
///
/// The expected index, in units of `0..n-1` along `dim`, with `dim` kept at size 1 and the dtype of
/// `costs`. Ties give the mean of the tied indices as `beta` grows. A row with a NaN or `-inf`, or
/// wholly of `+inf`, gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = -g * beta * p_j * (j - y)`, exact, and exactly 0 where that of [`soft_argmax`] is.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if `beta` is negative, infinite or NaN.
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
pub fn soft_argmin<const D: usize>(costs: Tensor<D>, dim: impl AsIndex, beta: f64) -> Tensor<D> {
    let dim = check_dim("soft_argmin", &costs, dim);
    check_beta("soft_argmin", beta);
    soft_argmax(-costs, dim, beta)
}
