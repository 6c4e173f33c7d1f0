use burn_core::tensor::{AsIndex, Tensor};

use super::{check_beta, check_k, dispatch::dispatch};
use crate::precision::accumulator;

/// Weights from 0 to 1 that sum to `k`: the `k` largest, softly.
///
/// `y = clip(beta * x - t, 0, 1)` with the `t` for which `sum(y) = k`: of all such weights those nearest to
/// `beta * x`. Most are exactly 0 or exactly 1. A `k` of 1 is sparsemax, [`entmax`](crate::entmax()) with an
/// `alpha` of 2.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`.
/// * `k` - What the weights sum to, from 1 to the size of `dim`.
/// * `dim` - The dimension along which they do; a negative one counts from the end.
/// * `beta` - Inverse temperature, finite and `>= 0`. Where the `k`-th and the next score are at least
///   `1 / beta` apart, the weights are those of [`straight_through_top_k`](crate::straight_through_top_k()), and
///   there is no gradient.
///
/// # Returns
///
/// A tensor of the shape and dtype of `logits`. Equal scores have equal weights. A mask has none: in a row with
/// fewer than `k` others all of those are 1, and sum to less. A row with a NaN or `+inf`, or wholly of masks, is
/// NaN, and no other. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_i = beta * (g_i - m)` where `0 < y_i < 1`, `m` being the mean of `g` over these, and exactly 0 where not:
/// the exact one. It is exactly 0 at a mask, and in a row whose `g` are all exactly 0; in any other row with a NaN
/// or `+inf` it is NaN. What is kept for it is the input and two numbers a row.
///
/// On other backends than `ndarray` and `flex` the scores are read to the host, where the `k` are found.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `k` is 0 or more than its size, or if `beta` is negative, infinite
/// or NaN.
///
/// # Source
///
/// Wang and Lu, "Projection onto the capped simplex", 2015; for a `k` of 1 Martins and Astudillo, "From Softmax to
/// Sparsemax", ICML 2016.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::soft_top_k;
///
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.25, 3.0, -1.0, 0.5]], &device).require_grad();
/// let weights = soft_top_k(logits.clone(), 2, 1, 1.0);
/// weights.clone().into_data().assert_eq(&[[0.375f32, 1.0, 0.0, 0.625]].into(), false);
///
/// let gradient = logits.grad(&weights.slice([0..1, 0..1]).sum().backward()).unwrap();
/// gradient.into_data().assert_eq(&[[0.5f32, 0.0, 0.0, -0.5]].into(), false);
/// ```
#[track_caller]
pub fn soft_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    dim: impl AsIndex,
    beta: f64,
) -> Tensor<D> {
    let dim = check_k("soft_top_k", &logits, k, dim);
    check_beta("soft_top_k", beta);
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let logits = logits.dequantize();
    let dtype = logits.dtype();
    let wide = logits.cast(accumulator([dtype]));
    let weights: Tensor<D> = dispatch!(soft_top_k(wide, k, dim, beta));
    weights.cast(dtype)
}
