use burn_core::{
    backend::{Dispatch, DispatchTensor, ops::FloatTensorOps, tensor::BoolTensor},
    tensor::{AsIndex, Tensor},
};

use super::{accept, check_beta, check_dim, dispatch::dispatch, ensure};
use crate::{Weighting, composed, precision::accumulator};

/// The entmax along a dimension: scores to probabilities of which those far below the maximum are exactly 0.
///
/// `p_j = [(alpha - 1) * beta * x_j - tau]_+^(1 / (alpha - 1))`, with the `tau` for which they sum to 1. An
/// `alpha` of 1 is the softmax, of 2 the projection to the simplex (sparsemax).
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its probability and its
///   gradient are exactly 0.
/// * `dim` - The dimension that probabilities sum to 1 along; a negative one counts from the end.
/// * `alpha` - From 1 to 2. The larger, the sparser. Below `1 + 1e-8` it is taken to be 1.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp; 0 is uniform over the
///   unmasked scores.
///
/// # Returns
///
/// Probabilities of the same shape and dtype. No score farther than `1 / (beta * (alpha - 1))` below the
/// maximum has any. They are computed about the maximum, in `f32` for `f16` and `bf16`, and their sum is 1
/// to the last few digits of that, in `f64` to `1e-16 / (alpha - 1)`; the threshold is found by Newton's method. Ties share. A row with a NaN
/// or `+inf`, or wholly of `-inf`, gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = beta * s_j * (g_j - sum_k s_k g_k / sum_k s_k)` with `s = p^(2 - alpha)` where `p` is above 0,
/// exact. Elsewhere it is exactly 0, and such a `g` takes no part in the sum. It is 0 too in a row whose
/// `g` are all exactly 0, whatever else the row holds. In any other row with a NaN or `+inf` it is NaN but
/// at masks. What is kept for it is the input, and three numbers a row.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `alpha` is not from 1 to 2, or if `beta` is negative, infinite
/// or NaN.
///
/// # Source
///
/// Peters, Niculae and Martins, "Sparse Sequence-to-Sequence Models", ACL 2019; for an `alpha` of 2 Martins
/// and Astudillo, "From Softmax to Sparsemax", ICML 2016.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::entmax;
///
/// let logits = Tensor::<2>::from_floats([[0.5, 2.0, 1.5, -1.0]], &Device::flex());
/// let want = [[0.0f32, 0.75, 0.25, 0.0]];
/// entmax(logits, 1, 2.0, 1.0).into_data().assert_eq(&want.into(), false);
/// ```
#[track_caller]
pub fn entmax<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    alpha: f64,
    beta: f64,
) -> Tensor<D> {
    let dim = check_dim("entmax", &logits, dim);
    check_alpha("entmax", alpha);
    check_beta("entmax", beta);
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let logits = logits.dequantize();
    let dtype = logits.dtype();
    along(logits, dim, alpha, beta).cast(dtype)
}

/// Refuses what defines no entmax.
pub(crate) fn validate_alpha(op: &str, alpha: f64) -> Result<(), String> {
    ensure((1.0..=2.0).contains(&alpha), || {
        format!("{op}: alpha must be from 1 to 2, got {alpha}")
    })
}

/// The same with a panic.
#[track_caller]
pub(crate) fn check_alpha(op: &str, alpha: f64) {
    accept(validate_alpha(op, alpha));
}

/// Whether the weights of a softmax differ from those of this alpha by less than their rounding.
pub(crate) fn is_softmax(alpha: f64) -> bool {
    alpha < 1.0 + 1e-8
}

/// The entmax in the dtype that sums run in, of a tensor with at least one entry.
pub(crate) fn along<const D: usize>(
    logits: Tensor<D>,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> Tensor<D> {
    let dtype = accumulator([logits.dtype()]);
    let logits = logits.cast(dtype);
    if is_softmax(alpha) {
        return dispatch!(softmax(logits, dim, beta));
    }
    dispatch!(entmax(logits, dim, alpha, beta))
}

/// What an operator takes for scores, of which there is at least one, and how it weighs them: if by an
/// entmax, the weights that this gives.
pub(crate) fn weights_of_lines<const D: usize>(
    logits: Tensor<D>,
    dim: usize,
    weighting: Weighting,
) -> (Tensor<D>, Weighting) {
    weights_of(logits, weighting, |logits, alpha, beta| {
        let scores = logits.into_dispatch();
        let outside = composed::outside::<Dispatch>(&scores, dim, weighting.radius);
        along(masked(scores, outside), dim, alpha, beta)
    })
}

/// The same of maps `[maps, depth, height, width]`.
pub(crate) fn weights_of_maps(heatmaps: Tensor<4>, weighting: Weighting) -> (Tensor<4>, Weighting) {
    let shape = heatmaps.dims();
    weights_of(heatmaps, weighting, |heatmaps, alpha, beta| {
        let flat: Tensor<2> = heatmaps.flatten(1, 3);
        let scores = flat.into_dispatch();
        let outside =
            composed::outside_of_maps::<Dispatch>(&scores, &shape.into(), weighting.radius);
        let scores: Tensor<2> = masked(scores, outside);
        along(scores, 1, alpha, beta).reshape(shape)
    })
}

fn weights_of<const D: usize>(
    scores: Tensor<D>,
    weighting: Weighting,
    entmax: impl FnOnce(Tensor<D>, f64, f64) -> Tensor<D>,
) -> (Tensor<D>, Weighting) {
    match (weighting.alpha, weighting.beta()) {
        (Some(alpha), Some(beta)) if !is_softmax(alpha) => {
            (entmax(scores.dequantize(), alpha, beta), Weighting::given())
        }
        _ => (
            scores,
            Weighting {
                alpha: None,
                ..weighting
            },
        ),
    }
}

/// Scores, and masks where they are outside of a window.
fn masked<const D: usize>(
    scores: DispatchTensor,
    outside: Option<BoolTensor<Dispatch>>,
) -> Tensor<D> {
    Tensor::from_dispatch(match outside {
        Some(outside) => Dispatch::float_mask_fill(scores, outside, f32::NEG_INFINITY.into()),
        None => scores,
    })
}
