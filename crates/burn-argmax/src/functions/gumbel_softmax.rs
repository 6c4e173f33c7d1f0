use burn_core::tensor::{AsIndex, Tensor};

use super::{check_beta, check_dim, dispatch::dispatch};
use crate::Noise;

/// The softmax of logits with Gumbel noise: a draw that is relaxed.
///
/// `p = softmax(beta * (x + g))` with independent Gumbel variables `g`. As `beta` grows it tends to the
/// one-hot of [`sampled_one_hot`](crate::sampled_one_hot()) for the same noise.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its probability and its
///   gradient are exactly 0.
/// * `dim` - The dimension that probabilities sum to 1 along; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `>= 0`.
/// * `noise` - Where the random numbers come from.
///
/// # Returns
///
/// As [`softmax`](crate::softmax()) of the scores with the noise of
/// [`gumbel_noise`](crate::gumbel_noise()), which is added in `f32` for `f16` and `bf16`, once the maximum
/// of a row has come off, so that scores of any size leave room for it.
///
/// # Gradient
///
/// `beta * p * (u - sum(u * p))` for an upstream gradient `u`, as that of [`softmax`](crate::softmax()). What
/// is kept for it is the input, and four integers: the noise is computed again.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if `beta` is negative, infinite or NaN.
///
/// # Source
///
/// Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017; Maddison, Mnih and
/// Teh, "The Concrete Distribution", ICLR 2017.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Noise, gumbel_noise, gumbel_softmax, softmax};
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_floats([[0.0, 1.0, 2.0]], &device);
/// let noisy = logits.clone() + gumbel_noise([1, 3], Noise::Seed(5), &device);
/// let soft = gumbel_softmax(logits, 1, 2.0, Noise::Seed(5));
/// soft.into_data().assert_approx_eq::<f32>(&softmax(noisy, 1, 2.0).into_data(), Default::default());
/// ```
#[track_caller]
pub fn gumbel_softmax<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    beta: f64,
    noise: Noise,
) -> Tensor<D> {
    let dim = check_dim("gumbel_softmax", &logits, dim);
    check_beta("gumbel_softmax", beta);
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let key = noise.key(&logits.device()).into_dispatch();
    dispatch!(gumbel_softmax(logits, key, dim, beta))
}
