use burn_core::tensor::{AsIndex, Tensor};

use super::{check_beta, check_dim, dispatch::dispatch};

/// The softmax along a dimension: scores to probabilities.
///
/// `p_j = exp(beta * (x_j - max x)) / sum_k exp(beta * (x_k - max x))`.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its probability and its
///   gradient are exactly 0.
/// * `dim` - The dimension that probabilities sum to 1 along; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp; 0 is uniform over the
///   unmasked scores.
///
/// # Returns
///
/// Probabilities of the same shape and dtype. The maximum is taken off before `beta` is applied, so no
/// finite score overflows; sums run in `f32` for `f16` and `bf16`. Ties share. A row with a NaN or
/// `+inf`, or wholly of `-inf`, gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = beta * p_j * (g_j - sum_k g_k p_k)`, exact. It is exactly 0 at a mask, whose `g` takes no
/// part in the sum, and in a row whose `g` are all exactly 0, whatever else the row holds. In any other
/// row with a NaN or `+inf` it is NaN. What is kept for it is the input.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if `beta` is negative, infinite or NaN.
///
/// # Source
///
/// Bridle, "Training Stochastic Model Recognition Algorithms as Networks can Lead to Maximum Mutual
/// Information Estimation of Parameters", NIPS 1989.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::softmax;
///
/// let logits = Tensor::<2>::from_floats([[0.0, 3e38, f32::NEG_INFINITY, 3e38]], &Device::flex());
/// let want = [[0.0f32, 0.5, 0.0, 0.5]];
/// softmax(logits, 1, 1e10).into_data().assert_eq(&want.into(), false);
/// ```
#[track_caller]
pub fn softmax<const D: usize>(logits: Tensor<D>, dim: impl AsIndex, beta: f64) -> Tensor<D> {
    let dim = check_dim("softmax", &logits, dim);
    check_beta("softmax", beta);
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    dispatch!(softmax(logits, dim, beta))
}
