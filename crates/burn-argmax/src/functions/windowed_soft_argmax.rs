use burn_core::tensor::{AsIndex, Tensor};

use super::{check_beta, check_dim, check_radius, soft_argmax, straight_through_one_hot};
use crate::{
    Surrogate,
    precision::{accumulator, indices_along},
};

/// The expected index under the softmax of the window about the argmax: no pull from far away.
///
/// `y = sum_i i * p_i` over `|i - argmax x| <= radius`, with `p` the softmax of `beta * x` over these.
///
/// What it cures: the plain [`soft_argmax`] averages over the whole line, so at a low `beta` the
/// background draws it to the center, and a second peak draws it to the middle between them. With
/// `beta = 0.5` on a Gaussian peak of height 5 and width 2 at index 12.3 of 64, the plain one is
/// wrong by 12.0 indices and this one, with radius 4, by 0.07.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp.
/// * `radius` - Entries on each side of the argmax that count, at least 1. At the ends of the line
///   the window is cut off.
///
/// # Returns
///
/// The expected index, in units of `0..n-1` along `dim`, with `dim` kept at size 1 and the dtype of
/// `logits`. The window is about the first maximum. A row with a
/// NaN or `+inf`, or wholly of `-inf`, gives NaN for that row only.
///
/// # Gradient
///
/// That of [`soft_argmax`] within the window, exactly 0 outside of it. The window itself moves in
/// whole steps, so no gradient passes through its place.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `beta` is negative, infinite or NaN, or if `radius`
/// is 0.
///
/// # Source
///
/// The pull that it removes: Sun et al., "Integral Human Pose Regression", ECCV 2018, and Gu, Yang
/// and Yao, "Removing the Bias of Integral Pose Regression", ICCV 2021.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::windowed_soft_argmax;
///
/// let logits = Tensor::<2>::from_floats([[1.0, 5.0, 1.0, 0.0, 4.9]], &Device::flex());
/// let index = windowed_soft_argmax(logits, 1, 1.0, 1);
/// assert_eq!(index.into_scalar::<f32>(), 1.0); // the second peak does not count
/// ```
#[track_caller]
pub fn windowed_soft_argmax<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    beta: f64,
    radius: usize,
) -> Tensor<D> {
    let dim = check_dim("windowed_soft_argmax", &logits, dim);
    check_beta("windowed_soft_argmax", beta);
    check_radius("windowed_soft_argmax", radius);
    if logits.shape().num_elements() == 0 {
        return soft_argmax(logits, dim, beta);
    }

    let indices = indices_along(&logits, dim);
    let first = soft_argmax(first_maximum(&logits, dim), dim, SHARP);
    let outside = (indices - first).abs().greater_elem(radius as f64);
    // A NaN outside of the window still spoils its row.
    let outside = outside.bool_and(logits.clone().is_nan().bool_not());
    soft_argmax(logits.mask_fill(outside, f64::NEG_INFINITY), dim, beta)
}

/// Of a one-hot, the softmax is the same one-hot. To sum it up with Burn's own operations is no way:
/// on a software Vulkan their fusion lost the sum of a long line now and then.
pub(crate) const SHARP: f64 = 1e30;

/// 1 at the first maximum along `dim`, in the dtype that sums run in. Not by Burn's `argmax`, which on
/// a software GPU looks at 65,535 entries.
pub(crate) fn first_maximum<const D: usize>(values: &Tensor<D>, dim: usize) -> Tensor<D> {
    let one_hot = straight_through_one_hot(values.clone().detach(), dim, Surrogate::Identity);
    one_hot.cast(accumulator([values.dtype()]))
}
