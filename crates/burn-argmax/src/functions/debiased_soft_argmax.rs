use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, check_positive_beta, soft_argmax_over::expected_value, without_indices};
use crate::{composed::Weights, precision::indices_along};

/// The expected index without the pull that the background has on the softmax.
///
/// `y = sum_i i * w_i / sum_i w_i` with `w_i = max(exp(beta * x_i) - 1, 0)`: a background of 0, and
/// what is below it, weighs nothing, however many entries it has.
///
/// What it cures: at a low `beta` the plain soft-argmax is drawn from the peak to the center. With
/// `beta = 0.5` on a Gaussian peak of height 5 and width 2 at index 12.3 of 64, the plain one is
/// wrong by 12.0 indices and this one by less than 0.0001.
///
/// # Arguments
///
/// * `heatmaps` - Scores over a background of 0, as after a ReLU, of any rank and layout; take the
///   background's level off first if it is another. A mask is a score of `-inf`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `> 0`. Large is sharp, and needs no correction.
///
/// # Returns
///
/// The index, in units of `0..n-1` along `dim`, with `dim` kept at size 1 and the dtype of `heatmaps`.
/// Sums run in `f32` for `f16` and `bf16`, and in `f64` for `f64`. A row that is nowhere above its
/// background gives [`soft_argmax`](crate::soft_argmax()). A row with a NaN or `+inf`, or wholly of
/// `-inf`, gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = g * beta * exp(beta * x_j) * (j - y) / sum_i w_i` above the background and 0 at or below it,
/// exact; that of `soft_argmax` in a row that is nowhere above. It is exactly 0 at a mask, and in a
/// row whose `g` is exactly 0. In any other row with a NaN or `+inf` it is NaN.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if `beta` is 0, negative, infinite or NaN.
///
/// # Source
///
/// Gu, Yang and Yao, "Removing the Bias of Integral Pose Regression", ICCV 2021; clamped here,
/// so that the result stays within the line.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{debiased_soft_argmax, soft_argmax};
///
/// let heatmap = Tensor::<2>::from_floats([[0.0, 2.0, 0.0, 0.0, 0.0, 0.0]], &Device::flex());
/// let drawn_to_the_center = soft_argmax(heatmap.clone(), 1, 1.0).into_scalar::<f32>();
/// assert!(drawn_to_the_center > 1.6);
/// let index = debiased_soft_argmax(heatmap, 1, 1.0).into_scalar::<f32>();
/// assert!((index - 1.0).abs() < 1e-5);
/// ```
#[track_caller]
pub fn debiased_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    dim: impl AsIndex,
    beta: f64,
) -> Tensor<D> {
    let dim = check_dim("debiased_soft_argmax", &heatmaps, dim);
    check_positive_beta("debiased_soft_argmax", beta);
    if heatmaps.shape().num_elements() == 0 {
        return without_indices(heatmaps, dim);
    }
    let heatmaps = heatmaps.dequantize();
    let dtype = heatmaps.dtype();
    let indices = indices_along(&heatmaps, dim);
    expected_value(heatmaps, indices, dim, beta, Weights::AboveZero).cast(dtype)
}
