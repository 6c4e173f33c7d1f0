use burn_core::tensor::{AsIndex, Tensor};

use super::{
    Surrogate, check_k, dispatch::dispatch, straight_through::straight_through,
    straight_through_one_hot, straight_through_top_k,
};
use crate::{Noise, composed::SCORES, precision::accumulator};

/// `k` draws without replacement from the softmax of the logits, as exact 0 and 1, with a surrogate's gradient: a
/// random subset.
///
/// `y_i = 1` where `x_i + g_i` is among the `k` largest, else `0`, with independent Gumbel variables `g`: as if
/// indices were drawn one after the other by `softmax(x)` of those that are left. A `k` of 1 is
/// [`sampled_one_hot`](crate::sampled_one_hot()).
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: it is drawn only in a row that has
///   no `k` others.
/// * `k` - How many, from 1 to the size of `dim`.
/// * `dim` - The dimension of the choice; a negative one counts from the end.
/// * `surrogate` - The gradient to send back.
/// * `noise` - Where the random numbers come from.
///
/// # Returns
///
/// A tensor of the shape and dtype of `logits` with `k` ones a row. The noise is that of
/// [`gumbel_noise`](crate::gumbel_noise()). A NaN counts as the largest score. An empty batch gives an empty
/// tensor.
///
/// # Gradient
///
/// That of [`straight_through_one_hot`](crate::straight_through_one_hot()) of the logits, without the noise, with
/// the same surrogate; it does not depend on the draw.
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
/// Kool, van Hoof and Welling, "Stochastic Beams and Where to Find Them: The Gumbel-Top-k Trick for Sampling
/// Sequences Without Replacement", ICML 2019.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Noise, Surrogate, sampled_top_k};
///
/// let logits = Tensor::<2>::from_floats([[0.0, 90.0, 0.0, 90.0]], &Device::flex());
/// let chosen = sampled_top_k(logits, 2, 1, Surrogate::Identity, Noise::Device);
/// chosen.into_data().assert_eq(&[[0.0f32, 1.0, 0.0, 1.0]].into(), false);
/// ```
#[track_caller]
pub fn sampled_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    dim: impl AsIndex,
    surrogate: Surrogate,
    noise: Noise,
) -> Tensor<D> {
    let dim = check_k("sampled_top_k", &logits, k, dim);
    surrogate.check("sampled_top_k");
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let logits = logits.dequantize();
    let dtype = logits.dtype();
    let key = noise.key(&logits.device()).into_dispatch();
    let scores = less_level(logits.clone().detach().cast(accumulator([dtype])), k, dim);
    let noisy: Tensor<D> = dispatch!(noisy(scores, key, SCORES));
    let drawn = straight_through_top_k(noisy, k, dim, Surrogate::Identity).cast(dtype);
    if !logits.device().is_autodiff() {
        return drawn;
    }
    straight_through(drawn, straight_through_one_hot(logits, dim, surrogate))
}

/// Scores less the `k`-th largest of their row, about which noise decides: noise that is added to large scores is
/// rounded away.
fn less_level<const D: usize>(scores: Tensor<D>, k: usize, dim: usize) -> Tensor<D> {
    let largest = straight_through_top_k(scores.clone(), k, dim, Surrogate::Identity);
    let others = largest.equal_elem(0.0);
    let level = scores.clone().mask_fill(others, f64::INFINITY).min_dim(dim);
    let broken = level.clone().is_finite().bool_not();
    scores - level.mask_fill(broken, 0.0)
}
