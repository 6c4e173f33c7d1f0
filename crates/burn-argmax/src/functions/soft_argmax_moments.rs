use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, check_weighting, dispatch::dispatch, weights_of_lines, without_indices};
use crate::Weighting;

/// Mean and variance of an index.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SoftArgmaxMoments<const D: usize> {
    /// The expected index, as [`soft_argmax`](crate::soft_argmax) gives it.
    pub mean: Tensor<D>,
    /// The expected squared distance from the mean, in units of the index squared.
    pub variance: Tensor<D>,
}

/// The expected index under weights of the scores and its variance, in one pass.
///
/// `y = sum_i i * p_i` and `v = sum_i (i - y)^2 * p_i`, with, for a number `beta`,
/// `p = softmax(beta * (x - max x))`. The
/// variance says how far the mean may be trusted: near 0 for one sharp peak, large for a flat line
/// or for two peaks.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its weight and its
///   gradient are exactly 0.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How scores become weights: a number is the `beta` of a softmax, finite and
///   `>= 0`; see [`Weighting`].
///
/// # Returns
///
/// [`SoftArgmaxMoments`], each with `dim` kept at size 1 and the dtype of `logits`. Both are taken
/// about the argmax, so nothing is lost at a large index. A row with a NaN or `+inf`, or wholly of
/// `-inf`, gives NaN for that row only. An empty batch gives empty tensors.
///
/// # Gradient
///
/// `dx_j = (dw_j / dx_j) * (g_y * (j - y) + g_v * ((j - y)^2 - v)) / sum_k w_k`, exact, where the slope
/// of the weight is `beta * w_j` for a softmax.
/// It is exactly 0 at a mask, and in a row where both `g` are exactly 0, whatever else the row holds.
/// In any other row with a NaN or `+inf` it is NaN.
///
/// # Panics
///
/// As [`soft_argmax`](crate::soft_argmax()) does.
///
/// # Source
///
/// The variance as a measure of uncertainty: Nibali et al., "Numerical Coordinate Regression with
/// Convolutional Neural Networks", 2018.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::soft_argmax_moments;
///
/// let two_peaks = Tensor::<2>::from_floats([[0.0, 9.0, 0.0, 9.0]], &Device::flex());
/// let moments = soft_argmax_moments(two_peaks, 1, 100.0);
/// assert_eq!(moments.mean.into_scalar::<f32>(), 2.0);
/// assert_eq!(moments.variance.into_scalar::<f32>(), 1.0); // each is 1 from the mean
/// ```
#[track_caller]
pub fn soft_argmax_moments<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> SoftArgmaxMoments<D> {
    let dim = check_dim("soft_argmax_moments", &logits, dim);
    let weighting = check_weighting("soft_argmax_moments", weighting, logits.dtype());
    if logits.shape().num_elements() == 0 {
        let empty = without_indices(logits, dim);
        return SoftArgmaxMoments {
            mean: empty.clone(),
            variance: empty,
        };
    }

    let logits = logits.dequantize();
    let dtype = logits.dtype();
    let (logits, weighting) = weights_of_lines(logits, dim, weighting);
    let moments: Tensor<D> = dispatch!(soft_argmax_moments(logits, dim, weighting));
    let moments = moments.cast(dtype);
    SoftArgmaxMoments {
        mean: moments.clone().narrow(dim, 0, 1),
        variance: moments.narrow(dim, 1, 1),
    }
}
