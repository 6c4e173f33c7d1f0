use burn_core::tensor::{AsIndex, Tensor};

use super::{Surrogate, check_dim, dispatch::dispatch};

/// The exact one-hot of the first maximum, with a surrogate's gradient.
///
/// `y_i = 1` where `i` is the first index of the maximum, else `0`; bit for bit, with no rounding
/// left over from a soft term.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `surrogate` - The gradient to send back.
///
/// # Returns
///
/// A tensor of the shape and dtype of `logits` with a single 1 a row. Ties go to the first maximum.
/// The 1 of a row with a NaN is where [`Tensor::argmax`] puts it on that backend. `-inf` scores
/// are chosen only in a row that has nothing else. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// * [`Surrogate::Identity`]: `dx = g`.
/// * [`Surrogate::Softmax`]: `dx = beta * p * (g - sum(g * p))` with `p = softmax(beta * x)`. It is
///   exactly 0 at a score of `-inf`, whose `g` takes no part in the sum, and in a row whose `g` are
///   all exactly 0. In any other row with a NaN or `+inf` it is NaN.
///
/// On a backend that the crate was not compiled for, both are exactly 0 at a score that is NaN or
/// infinite. There the gradient is that of Burn's own operations, and each of these that passes a
/// gradient on to a score also has the score in its result, which a one-hot may not.
///
/// Both are biased, as every straight-through gradient: neither is the gradient of the one-hot,
/// which is zero almost everywhere.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if the surrogate's `beta` is negative, infinite or
/// NaN.
///
/// # Source
///
/// Bengio, Léonard and Courville 2013 (identity); Jang, Gu and Poole, ICLR 2017 (softmax).
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Surrogate, straight_through_one_hot};
///
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.1, 0.7, 0.7]], &device).require_grad();
/// let one_hot = straight_through_one_hot(logits.clone(), 1, Surrogate::Softmax { beta: 1.0 });
/// assert_eq!(one_hot.to_data().to_vec::<f32>().unwrap(), [0.0, 1.0, 0.0]);
///
/// let gradient = logits.grad(&one_hot.slice([0..1, 0..1]).sum().backward()).unwrap();
/// assert!(gradient.slice([0..1, 0..1]).into_scalar::<f32>() > 0.0);
/// ```
#[track_caller]
pub fn straight_through_one_hot<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    surrogate: Surrogate,
) -> Tensor<D> {
    let dim = check_dim("straight_through_one_hot", &logits, dim);
    surrogate.check("straight_through_one_hot");
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    dispatch!(straight_through_one_hot(logits, dim, surrogate))
}
