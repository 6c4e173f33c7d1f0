use burn_core::tensor::{AsIndex, Tensor};

use super::{check_beta, check_dim, dispatch::dispatch, without_indices};

/// The expected index under `softmax(beta * logits)`: a differentiable `argmax`.
///
/// `y = sum_i i * p_i` with `p = softmax(beta * (x - max x))`.
///
/// It tends to `argmax` as `beta` grows, and stays finite and exact on the way: the maximum is
/// taken off before `beta` is applied, and the sum is centered about the argmax, so that a sharp
/// peak at a large index keeps full precision.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its weight and its
///   gradient are exactly 0.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp; 0 gives the plain mean
///   of the unmasked indices.
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
/// `dx_j = g * beta * p_j * (j - y)`, exact. It is exactly 0 at a mask, and in a row whose `g` is
/// exactly 0, whatever else the row holds. In any other row with a NaN or `+inf` it is NaN.
///
/// What is kept for it is the input itself and four numbers a row. The backward pass is not itself
/// differentiable (Burn's graph has first order only).
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if `beta` is negative, infinite or NaN.
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
pub fn soft_argmax<const D: usize>(logits: Tensor<D>, dim: impl AsIndex, beta: f64) -> Tensor<D> {
    let dim = check_dim("soft_argmax", &logits, dim);
    check_beta("soft_argmax", beta);
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    dispatch!(soft_argmax(logits, dim, beta))
}
