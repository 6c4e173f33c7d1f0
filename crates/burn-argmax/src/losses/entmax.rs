use burn_core::tensor::{AsIndex, DType, Int, Tensor, TensorData};

use super::{
    checks::check_target,
    histogram::cross_entropy,
    scores::{Scores, as_rows, of_lines},
};
use crate::{
    broken::restore,
    functions::{check_alpha, check_dim, entmax_along, is_softmax, without_indices},
    precision::{accumulator, sum_rows},
};

/// The loss whose gradient is the entmax less the one-hot of the target.
///
/// `l = sum_i p_i * (x_i - x_t) + (1 - sum_i p_i^alpha) / (alpha * (alpha - 1))` with `p = entmax(x)`. For an
/// `alpha` of 1 it is the cross-entropy. But for its rounding it is never below 0, and for an `alpha` above 1 it
/// is 0 once the target's score is `1 / (alpha - 1)` above all others.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`.
/// * `target` - The index of the right entry, of the shape of `logits` with size 1 along `dim`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `alpha` - From 1 to 2, as that of [`entmax`](crate::entmax()).
///
/// # Returns
///
/// One loss a row, with `dim` kept at size 1, in the dtype of `logits`. Computed in `f32` at least, about the
/// maximum, and rounded once. A row with a NaN or `+inf`, or wholly of masks, or whose target is not an index
/// of the row (as -1 for a missing label), gives NaN for that row only; a target at a mask gives infinity.
///
/// # Gradient
///
/// `g * (p_j - [j = t])`, exact, and exactly 0 at a mask. An upstream gradient of exactly 0 gives exactly 0,
/// whatever the row holds. Any other gives NaN where the loss is NaN.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `target` has another shape or is on another device, or if
/// `alpha` is not from 1 to 2.
///
/// # Source
///
/// Blondel, Martins and Niculae, "Learning with Fenchel-Young Losses", JMLR 2020; the project entmax.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use burn_argmax::losses::entmax_loss;
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_floats([[0.0, 2.5, 0.0], [0.0, 0.0, 0.0]], &device);
/// let target = Tensor::<2, Int>::from_data([[1], [1]], &device);
/// let losses = entmax_loss(logits, target, 1, 2.0);
/// losses.into_data().assert_approx_eq::<f32>(&[[0.0], [1.0 / 3.0]].into(), Default::default());
/// ```
#[track_caller]
pub fn entmax_loss<const D: usize>(
    logits: Tensor<D>,
    target: Tensor<D, Int>,
    dim: impl AsIndex,
    alpha: f64,
) -> Tensor<D> {
    let dim = check_dim("entmax_loss", &logits, dim);
    check_alpha("entmax_loss", alpha);
    let shape = logits.dims();
    check_target("entmax_loss", &logits, &target, dim);
    let logits = logits.dequantize();
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    let dtype = logits.dtype();
    let logits = as_rows(logits.cast(accumulator([dtype])), dim);
    let [outer, inner, n] = logits.dims();
    let target = target.reshape([outer, inner, 1]);
    // A line may have more indices than a small integer has values.
    let target = match target.dtype() {
        DType::I8 | DType::U8 | DType::I16 | DType::U16 => target.cast(DType::I32),
        _ => target,
    };
    // From the host: llvmpipe, Mesa's software GPU, ends the loop of `arange` after 65,535 steps.
    let indices = TensorData::new((0..n as i64).collect(), [1, 1, n]);
    let indices = Tensor::<3, Int>::from_data(
        indices.convert_dtype(target.dtype()),
        (&logits.device(), target.dtype()),
    );
    let chosen = indices
        .expand([outer, inner, n])
        .equal(target.expand([outer, inner, n]));
    if is_softmax(alpha) {
        let none = chosen
            .clone()
            .any_dim(2)
            .bool_not()
            .expand([outer, inner, n]);
        let one_hot = chosen
            .float()
            .cast(logits.dtype())
            .mask_fill(none, f64::NAN);
        return of_lines(cross_entropy(logits, one_hot), shape, dim).cast(dtype);
    }
    let unknown = chosen.clone().any_dim(2).bool_not().reshape([outer, inner]);
    let scores = Scores::new(logits, unknown, chosen.clone());
    // The maximum of a sum over all distributions: its slope is that at the best, which is a constant there.
    let open = scores
        .below
        .clone()
        .detach()
        .mask_fill(scores.masked.clone(), f64::NEG_INFINITY);
    let p = entmax_along(open, 2, alpha, 1.0);
    let entropy = sum_rows(p.clone() * less_power(p.clone(), alpha - 1.0)) * (1.0 / alpha);
    let of_target = sum_rows(scores.below.clone().mask_fill(chosen.bool_not(), 0.0));
    let losses = sum_rows(p * scores.below.clone()) - of_target + entropy;
    let losses = losses + scores.infinite();
    of_lines(restore(losses, &scores.broken, [scores.scores]), shape, dim).cast(dtype)
}

/// `(1 - p^a) / a`, which tends to `-ln p` as `a` tends to 0.
fn less_power(p: Tensor<3>, a: f64) -> Tensor<3> {
    // Up to which the series is exact, and from which the difference has lost few digits.
    let small = if p.dtype() == DType::F64 { 1e-3 } else { 0.1 };
    // Finite, so that it may be multiplied by a probability of 0.
    let log = p.log().neg().clamp_max(1e4);
    let z = log.clone() * a;
    let series = [5.0, 4.0, 3.0, 2.0]
        .into_iter()
        .fold(z.ones_like(), |sum, n| {
            (z.clone() * sum).neg() * (1.0 / n) + 1.0
        });
    let is_small = z.clone().lower_elem(small);
    let direct = ((z.clone().neg().exp()).neg() + 1.0) / z;
    log * direct.mask_where(is_small, series)
}
