use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, check_weighting, dispatch::dispatch, weights_of_lines, without_indices};
use crate::Weighting;

/// The expected index under weights of the scores: a differentiable `argmax`.
///
/// `y = sum_i i * p_i` with `p_i = w_i / sum_k w_k`, where `weighting` says what the weights are: for
/// a number `beta`, `p = softmax(beta * (x - max x))`.
///
/// It tends to `argmax` as `beta` grows, and stays finite and exact on the way: the maximum is
/// taken off before `beta` is applied, and the sum is centered about the argmax, so that a sharp
/// peak at a large index keeps full precision.
///
/// At a low `beta` the background and other peaks draw the softmax away from the peak. On a Gaussian
/// of height 5 and width 2 at index 12.3 of 64, with `beta = 0.5`, the plain softmax is wrong by 12.0
/// indices, `.within(4)` by 0.07, and `.above(0.0)` by less than 0.0001.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its weight and its
///   gradient are exactly 0.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How scores become weights. A number is the `beta` of a softmax, the inverse
///   temperature, finite and `>= 0`: large is sharp; 0 gives the plain mean of the unmasked indices.
///   Others are in [`Weighting`].
///
/// # Returns
///
/// The expected index, in units of `0..n-1` along `dim`, with `dim` kept at size 1 and the dtype
/// of `logits`. Sums run in `f32` for `f16` and `bf16`, and in `f64` for `f64`.
///
/// Ties give the mean of the tied indices as `beta` grows. A row with a NaN or `+inf`, or wholly
/// of `-inf`, gives NaN for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = g * (dw_j / dx_j) * (j - y) / sum_k w_k`, exact: for a softmax `g * beta * p_j * (j - y)`. It
/// is exactly 0 at a mask, outside of a window, at and below a level, and in a row whose `g` is exactly
/// 0, whatever else the row holds. In any other row with a NaN or `+inf`, or whose `g` is not finite, it
/// is NaN but at masks. A row that is nowhere above a level has the gradient of the plain softmax.
///
/// What is kept for it is the input itself and four numbers a row. The backward pass is not itself
/// differentiable (Burn's graph has first order only).
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `beta` is negative, infinite or NaN, or 0 for weights
/// above a level, if such a level is infinite or NaN, or if the radius of a window is 0.
///
/// # Source
///
/// Chapelle and Wu, "Gradient descent optimization of smoothed information retrieval metrics",
/// Information Retrieval 13, 2010; for images, Finn et al., "Deep Spatial Autoencoders for
/// Visuomotor Learning", ICRA 2016.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::soft_argmax;
///
/// let logits = Tensor::<2>::from_floats([[1.0, 5.0, 5.0, 1.0]], &Device::flex());
/// let index = soft_argmax(logits, -1, 1e10);
/// assert_eq!(index.into_scalar::<f32>(), 1.5); // two tied peaks, at 1 and at 2
/// ```
#[track_caller]
pub fn soft_argmax<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let dim = check_dim("soft_argmax", &logits, dim);
    let weighting = check_weighting("soft_argmax", weighting, logits.dtype());
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    let logits = logits.dequantize();
    let dtype = logits.dtype();
    let (logits, weighting) = weights_of_lines(logits, dim, weighting);
    let index: Tensor<D> = dispatch!(soft_argmax(logits, dim, weighting));
    index.cast(dtype)
}
