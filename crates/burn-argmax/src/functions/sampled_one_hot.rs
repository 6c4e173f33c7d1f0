use burn_core::tensor::{AsIndex, Tensor};

use super::{accept, check_dim, dispatch::dispatch};
use crate::{Estimator, Noise};

/// A one-hot drawn from the softmax of the logits, with an estimator's gradient: a discrete choice that
/// trains.
///
/// `y_i = 1` where `x_i + g_i` is the first maximum, else `0`, with independent Gumbel variables `g`: index
/// `i` is drawn with the probability `softmax(x)_i`.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: it is never drawn but in a row
///   of masks only.
/// * `dim` - The dimension of the choice; a negative one counts from the end.
/// * `estimator` - The gradient to send back.
/// * `noise` - Where the random numbers come from.
///
/// # Returns
///
/// A tensor of the shape and dtype of `logits`, exactly 0 and 1, with a single 1 a row. The noise is that of
/// [`gumbel_noise`](crate::gumbel_noise()), added in `f32` for `f16` and `bf16`: its 32 random bits draw a
/// score far below many others as often as its probability says. The maximum of a row comes off first, so that
/// scores of any size leave room for it. A NaN counts as the largest score. An empty batch gives an empty
/// tensor.
///
/// # Gradient
///
/// The [`Estimator`]'s. But for [`Estimator::Identity`], it is exactly 0 at a mask, whose upstream gradient
/// takes no part, and in a row whose upstream gradients are all exactly 0; in any other row with a NaN or
/// `+inf` it is NaN. What is kept for it is the input, and four integers.
///
/// On a backend that the crate was not compiled for, it is exactly 0 at a score that is NaN or infinite, as
/// that of [`straight_through_one_hot`](crate::straight_through_one_hot()).
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if a `beta` is negative, infinite or NaN, if `samples` is 0, or
/// if `gap` is not finite and positive.
///
/// # Source
///
/// Maddison, Mnih and Teh, "The Concrete Distribution", ICLR 2017, and Jang, Gu and Poole, "Categorical
/// Reparameterization with Gumbel-Softmax", ICLR 2017; the others are named in [`Estimator`].
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Estimator, Noise, sampled_one_hot};
///
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0, 2.0]], &device).require_grad();
/// let estimator = Estimator::Softmax { beta: 1.0 };
/// let choice = sampled_one_hot(logits.clone(), 1, estimator, Noise::Seed(3));
/// assert_eq!(choice.clone().sum().into_scalar::<f32>(), 1.0);
///
/// // The cheapest is to be drawn more often.
/// let cost = Tensor::<2>::from_floats([[3.0, 2.0, 1.0]], &device);
/// let gradient = logits.grad(&(choice * cost).sum().backward()).unwrap();
/// assert!(gradient.slice([0..1, 2..3]).into_scalar::<f32>() < 0.0);
/// ```
#[track_caller]
pub fn sampled_one_hot<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    estimator: Estimator,
    noise: Noise,
) -> Tensor<D> {
    let dim = check_dim("sampled_one_hot", &logits, dim);
    accept(estimator.validate("sampled_one_hot"));
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let key = noise.key(&logits.device()).into_dispatch();
    dispatch!(sampled_one_hot(logits, key, dim, estimator))
}
