use burn_core::tensor::{AsIndex, Tensor};

use super::{
    Surrogate, check_dim, check_weighting, soft_argmax, straight_through::straight_through,
    straight_through_one_hot,
};
use crate::{Weighting, precision::accumulator};

/// The index of the first maximum, with the gradient of the soft-argmax.
///
/// `y = argmax_i x_i`, backwards as `soft_argmax(x)`.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How scores become weights for the gradient: a number is the `beta` of a softmax, finite
///   and `>= 0`; see [`Weighting`].
///
/// # Returns
///
/// The index as a float, with `dim` kept at size 1 and the dtype of `logits`, exactly; one that the dtype does
/// not have is rounded once. Of equal maxima it is the first. A row with a NaN or `+inf`, or wholly of
/// `-inf`, gives NaN for that row only, and so does one whose soft-argmax is NaN. An empty batch gives an
/// empty tensor.
///
/// # Gradient
///
/// That of [`soft_argmax`] under the weighting. It is a surrogate: the index itself is constant but for jumps.
///
/// # Panics
///
/// As [`soft_argmax`].
///
/// # Source
///
/// Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
/// Conditional Computation", 2013, for the idea.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::straight_through_argmax;
///
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.0, 4.0, 1.0]], &device).require_grad();
/// let index = straight_through_argmax(logits.clone(), 1, 1.0);
/// assert_eq!(index.clone().into_scalar::<f32>(), 1.0);
/// let gradient = logits.grad(&index.backward()).unwrap().into_data();
/// let want = [[-0.017_653f32, -0.027_586, 0.045_239]];
/// gradient.assert_approx_eq::<f32>(&want.into(), Default::default());
/// ```
#[track_caller]
pub fn straight_through_argmax<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let dim = check_dim("straight_through_argmax", &logits, dim);
    let weighting = check_weighting("straight_through_argmax", weighting, logits.dtype());
    let logits = logits.dequantize();
    let dtype = logits.dtype();
    // The expected index of a long line may be more than half precision has, where the first maximum is not.
    let logits = logits.cast(accumulator([dtype]));
    let one_hot = straight_through_one_hot(logits.clone().detach(), dim, Surrogate::Identity);
    let index = soft_argmax(one_hot, dim, Weighting::given());
    straight_through(index, soft_argmax(logits, dim, weighting)).cast(dtype)
}
