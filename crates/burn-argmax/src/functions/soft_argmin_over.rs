use burn_core::tensor::{AsIndex, Tensor};

use super::soft_argmax_over::over;
use crate::Weighting;

/// The expected value of the bins under weights of the negated costs: disparities or depths of any
/// spacing.
///
/// `y = sum_i b_i * p_i` with, for a number `beta`, `p = softmax(-beta * (x - min x))`. Where the bins
/// are `0..n-1` it is [`soft_argmin`](crate::soft_argmin). With bins of each pixel it is the second stage
/// of a cascade, whose hypotheses stand about the first stage's answer.
///
/// # Arguments
///
/// * `costs` - Costs, of any rank and layout. A mask is a cost of `+inf`: its weight and its
///   gradient are exactly 0.
/// * `bins` - The coordinate of each index along `dim`, as
///   [`soft_argmax_over`](crate::soft_argmax_over()) takes them: one line for all rows, or a tensor that
///   has the rank of `costs`, with each dimension of size 1 or of that of `costs`. The bin of a mask may be anything.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How negated costs become weights: a number is the `beta` of a softmax, finite and
///   `>= 0`; see [`Weighting`]. So `.within(radius)` is about the first minimum, and `.above(-c)`
///   weighs costs below `c`.
///
/// # Returns
///
/// The expected value, in the units of `bins`, with `dim` kept at size 1 and the dtype of `costs`.
/// Ties give the mean of the tied bins as `beta` grows. A row with a NaN or `-inf`, or wholly of `+inf`,
/// gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// That of [`soft_argmax_over`](crate::soft_argmax_over()), negated for the costs: for a number
/// `dx_j = -g * beta * p_j * (b_j - y)`, and `db_j = g * p_j`. Both are exactly 0 where those are.
///
/// # Panics
///
/// As [`soft_argmax_over`](crate::soft_argmax_over()) does.
///
/// # Source
///
/// Gu et al., "Cascade Cost Volume for High-Resolution Multi-View Stereo and Stereo Matching", CVPR 2020.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::soft_argmin_over;
///
/// let device = Device::flex();
/// let costs = Tensor::<2>::from_floats([[9.0, 0.5, 0.5, 8.0]], &device);
/// let depths = Tensor::<1>::from_floats([1.0, 2.0, 4.0, 8.0], &device); // metres
/// assert_eq!(soft_argmin_over(costs, depths, 1, 100.0).into_scalar::<f32>(), 3.0);
/// ```
#[track_caller]
pub fn soft_argmin_over<const D: usize, const B: usize>(
    costs: Tensor<D>,
    bins: Tensor<B>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let scores = -costs.dequantize();
    over("soft_argmin_over", "costs", scores, bins, dim, weighting)
}
