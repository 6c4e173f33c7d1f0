use burn_core::tensor::{AsIndex, Tensor};

use super::{
    checks::check_device,
    scores::{Scores, as_rows, of_lines},
};
use crate::{
    broken::{blank, not_finite, restore},
    functions::{check_dim, without_indices},
    precision::{accumulator, sum_along, sum_rows},
};

/// The cross-entropy of the masses of bins and the softmax of logits: a regression, learnt as a histogram.
///
/// `l = sum_i m_i * (log(sum_k exp(x_k)) - x_i)`.
///
/// # Arguments
///
/// * `logits` - Scores of bins, of any rank and layout. A mask is a score of `-inf`: that bin has no
///   probability.
/// * `target` - The mass of each bin, of the same shape: from [`gaussian_bins`](crate::gaussian_bins()) the
///   loss is that of HL-Gauss, from [`two_hot`](crate::two_hot()) the distribution focal loss. They may differ
///   in dtype.
/// * `dim` - The dimension of the bins; a negative one counts from the end.
///
/// # Returns
///
/// One loss a row, with `dim` kept at size 1, in the dtype of `logits`. Computed in `f32` at least, about the
/// maximum, and rounded once. A row with a NaN or `+inf`, or wholly of masks, or with a mass that is not
/// finite, gives NaN for that row only; a mass at a mask gives infinity.
///
/// # Gradient
///
/// Exact, by Burn's graph: `g * (p_j * sum_i m_i - m_j)` for the logits, with `p` their softmax, and exactly 0
/// at a mask; `g * -log(p_j)` for the masses but those at a mask. An upstream gradient of exactly 0 gives
/// exactly 0, whatever the row holds. Any other gives NaN where the loss is NaN.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if the shapes or the devices differ.
///
/// # Source
///
/// Imani and White, "Improving Regression Performance with Distributional Losses", ICML 2018; Li et al.,
/// "Generalized Focal Loss", NeurIPS 2020.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{losses::histogram_loss, two_hot};
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_floats([[0.0, 0.0, 0.0, 0.0]], &device);
/// let target = two_hot(Tensor::<2>::from_floats([[1.25]], &device), 1, 4);
/// let loss = histogram_loss(logits, target, 1).into_scalar::<f32>();
/// assert!((loss - 4f32.ln()).abs() < 1e-6);
/// ```
#[track_caller]
pub fn histogram_loss<const D: usize>(
    logits: Tensor<D>,
    target: Tensor<D>,
    dim: impl AsIndex,
) -> Tensor<D> {
    let dim = check_dim("histogram_loss", &logits, dim);
    let shape = logits.dims();
    assert!(
        shape == target.dims(),
        "histogram_loss: target must have the shape of logits, {shape:?}, got {:?}",
        target.dims()
    );
    check_device(
        "histogram_loss",
        ["logits", "target"],
        [&logits.device(), &target.device()],
    );
    let (logits, target) = (logits.dequantize(), target.dequantize());
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    let dtype = logits.dtype();
    let wide = accumulator([dtype, target.dtype()]);
    let [logits, target] = [logits, target].map(|tensor| as_rows(tensor.cast(wide), dim));
    of_lines(cross_entropy(logits, target), shape, dim).cast(dtype)
}

/// The losses of rows.
pub(super) fn cross_entropy(logits: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    let masses = target.clone().greater_elem(0.0);
    let scores = Scores::new(logits, not_finite(target.clone()), masses);
    let masses = blank(target.clone(), &scores.broken);
    let whole = sum_along(masses.clone(), 2) * scores.log_sum();
    let losses = whole.squeeze_dim(2) - sum_rows(masses * scores.below.clone());
    restore(
        losses + scores.infinite(),
        &scores.broken,
        [scores.scores, target],
    )
}
