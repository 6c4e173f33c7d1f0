use burn_core::tensor::{AsIndex, Tensor};

use super::{Surrogate, check_k, dispatch::dispatch};

/// Exactly 1 at the `k` largest, with a surrogate's gradient: a choice of several.
///
/// [`discrete_choices`](crate::discrete_choices) shows how the experts of a token are chosen and weighed with it.
///
/// `y_i = 1` where `x_i` is among the `k` largest, else `0`, bit for bit. A `k` of 1 is
/// [`straight_through_one_hot`](crate::straight_through_one_hot()).
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout.
/// * `k` - How many, from 1 to the size of `dim`.
/// * `dim` - The dimension of the choice; a negative one counts from the end.
/// * `surrogate` - The gradient to send back.
///
/// # Returns
///
/// A tensor of the shape and dtype of `logits` with `k` ones a row. Of equal scores the first are chosen. A NaN
/// counts as the largest score, and `-inf` is chosen only in a row that has no `k` others. An empty batch gives
/// an empty tensor.
///
/// # Gradient
///
/// That of [`straight_through_one_hot`](crate::straight_through_one_hot()) with the same surrogate. It is
/// biased, as every straight-through gradient; [`soft_top_k`](crate::soft_top_k()) has its own.
///
/// On a backend without kernels the scores are read to the host, where the `k` are found.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `k` is 0 or more than its size, or if the surrogate's `beta` is
/// negative, infinite or NaN.
///
/// # Source
///
/// Bengio, Léonard and Courville 2013 (identity); Jang, Gu and Poole, ICLR 2017 (softmax).
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Surrogate, straight_through_top_k};
///
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.5, 2.0, -1.0, 0.5]], &device).require_grad();
/// let chosen = straight_through_top_k(logits.clone(), 2, 1, Surrogate::Softmax { beta: 1.0 });
/// chosen.clone().into_data().assert_eq(&[[1.0f32, 1.0, 0.0, 0.0]].into(), false);
///
/// let gradient = logits.grad(&chosen.slice([0..1, 2..3]).sum().backward()).unwrap();
/// assert!(gradient.slice([0..1, 2..3]).into_scalar::<f32>() > 0.0);
/// ```
#[track_caller]
pub fn straight_through_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    dim: impl AsIndex,
    surrogate: Surrogate,
) -> Tensor<D> {
    let dim = check_k("straight_through_top_k", &logits, k, dim);
    surrogate.check("straight_through_top_k");
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    dispatch!(straight_through_top_k(logits, k, dim, surrogate))
}
