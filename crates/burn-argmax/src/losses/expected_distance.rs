use burn_core::tensor::{AsIndex, Tensor};

use super::checks::check_target;
use crate::{
    Weighting,
    broken::{not_finite, spoil},
    functions::{check_dim, check_weighting, soft_argmax_over_as, without_indices},
    precision::{accumulator, indices},
};

/// The expected distance of the index from a target, under weights of the scores.
///
/// `l = sum_i p_i * |i - t|` with, for a number `beta`, `p = softmax(beta * (x - max x))`.
///
/// The distance of the expected index is 0 also where two peaks lie on either side of the target; this is
/// 0 only where all the weight is at it, and so it shapes the whole row.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its weight and its gradient are
///   exactly 0.
/// * `target` - The right index, which may be between two, of the shape of `logits` with size 1 along `dim`.
///   They may differ in dtype.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How scores become weights: a number is the `beta` of a softmax, finite and `>= 0`; see
///   [`Weighting`].
///
/// # Returns
///
/// One loss a row, with `dim` kept at size 1, in units of the index and the dtype of `logits`. Computed in
/// `f32` at least, and rounded once. A row with a NaN or `+inf`, or wholly of masks, or whose target is not
/// finite, gives NaN for that row only.
///
/// # Gradient
///
/// For a softmax `g * beta * p_j * (|j - t| - l)`, exact, as that of
/// [`soft_argmax_over`](crate::soft_argmax_over()) with the distances as bins; for the target
/// `g * sum_i p_i * sign(t - i)`. An upstream gradient of exactly 0 gives exactly 0, whatever the row holds.
/// Any other gives NaN where the loss is NaN.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `target` has another shape or is on another device, or if
/// `weighting` is what [`soft_argmax`](crate::soft_argmax()) refuses.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{losses::expected_distance_loss, soft_argmax};
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_floats([[4.0, 0.0, 0.0, 0.0, 4.0]], &device); // two peaks
/// assert_eq!(soft_argmax(logits.clone(), 1, 100.0).into_scalar::<f32>(), 2.0);
/// let target = Tensor::<2>::from_floats([[2.0]], &device);
/// assert_eq!(expected_distance_loss(logits, target, 1, 100.0).into_scalar::<f32>(), 2.0);
/// ```
#[track_caller]
pub fn expected_distance_loss<const D: usize>(
    logits: Tensor<D>,
    target: Tensor<D>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let dim = check_dim("expected_distance_loss", &logits, dim);
    let weighting = check_weighting("expected_distance_loss", weighting, logits.dtype());
    let shape = logits.dims();
    let mut wanted = shape;
    wanted[dim] = 1;
    check_target("expected_distance_loss", &logits, &target, dim);
    let logits = logits.dequantize();
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    let dtype = logits.dtype();
    let target = target.dequantize();
    let target = target.clone().cast(accumulator([dtype, target.dtype()]));
    let rows = target.shape().num_elements();
    let broken = not_finite(target.clone().reshape([rows, 1, 1]));
    let term = spoil(&broken, [target.clone().reshape([rows, 1, 1])]);
    let mask = broken.reshape(wanted);
    let target = target.mask_fill(mask.clone(), 0.0);
    let distances = (indices(shape[dim], dim, &target) - target).abs();
    let distances = distances.mask_fill(mask.expand(shape), f64::NAN);
    let losses = soft_argmax_over_as(
        "expected_distance_loss",
        "logits",
        logits,
        distances,
        dim,
        weighting,
    );
    losses + term.reshape(wanted).cast(dtype)
}
