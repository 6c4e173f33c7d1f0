use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, check_positive_beta, soft_argmax};

/// The expected index without the pull that the background has on the softmax.
///
/// `y = (J - r c) / (1 - r)`, where `J` is [`soft_argmax`], `c` the mean of the unmasked indices and
/// `r = N / sum_i exp(beta * x_i)` the share of the softmax that `N` entries at level 0 have. Equally,
/// the mean of the index under the weights `exp(beta * x) - 1`, to which a background of 0 adds
/// nothing.
///
/// What it cures: at a low `beta` the plain soft-argmax is drawn from the peak to the center. With
/// `beta = 0.5` on a Gaussian peak of height 5 and width 2 at index 12.3 of 64, the plain one is
/// wrong by 12.0 indices and this one by less than 0.0001.
///
/// # Arguments
///
/// * `heatmaps` - Scores over a background of 0, as after a ReLU, of any rank and layout; take the
///   background's level off first if it is another. A mask is a score of `-inf`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `> 0`. Large is sharp, and needs no correction.
///
/// # Returns
///
/// The index, with `dim` kept at size 1 and the dtype of `heatmaps`. Scores below the background
/// weigh negatively, so the result may then leave `0..n-1`. A row that is nowhere above its
/// background gives `J`. A row with a NaN or `+inf`, or wholly of `-inf`, gives NaN for that row
/// only.
///
/// # Gradient
///
/// Exact, through `J` and `r`.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, or if `beta` is 0, negative, infinite or NaN.
///
/// # Source
///
/// Gu, Yang and Yao, "Removing the Bias of Integral Pose Regression", ICCV 2021.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{debiased_soft_argmax, soft_argmax};
///
/// let heatmap = Tensor::<2>::from_floats([[0.0, 2.0, 0.0, 0.0, 0.0, 0.0]], &Device::flex());
/// let drawn_to_the_center = soft_argmax(heatmap.clone(), 1, 1.0).into_scalar::<f32>();
/// assert!(drawn_to_the_center > 1.6);
/// let index = debiased_soft_argmax(heatmap, 1, 1.0).into_scalar::<f32>();
/// assert!((index - 1.0).abs() < 1e-5);
/// ```
#[track_caller]
pub fn debiased_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    dim: impl AsIndex,
    beta: f64,
) -> Tensor<D> {
    let dim = check_dim("debiased_soft_argmax", &heatmaps, dim);
    check_positive_beta("debiased_soft_argmax", beta);
    let biased = soft_argmax(heatmaps.clone(), dim, beta);
    if biased.shape().num_elements() == 0 {
        return biased;
    }
    let mean = soft_argmax(heatmaps.clone().detach(), dim, 0.0);
    without_background(biased, mean, background_share(heatmaps, dim, beta))
}

/// `r`: the share of the softmax along `dim` that entries at level 0 would have.
pub(crate) fn background_share<const D: usize>(
    heatmaps: Tensor<D>,
    dim: usize,
    beta: f64,
) -> Tensor<D> {
    let max = heatmaps.clone().detach().max_dim(dim);
    let masked = heatmaps.clone().detach().equal_elem(f64::NEG_INFINITY);
    let unmasked = masked
        .bool_not()
        .float()
        .cast(heatmaps.dtype())
        .sum_dim(dim);
    let sum = ((heatmaps - max.clone()) * beta).exp().sum_dim(dim);
    unmasked * (max * -beta).exp() / sum
}

/// `(J - r c) / (1 - r)`, and `J` where there is only background.
pub(crate) fn without_background<const D: usize>(
    biased: Tensor<D>,
    mean: Tensor<D>,
    share: Tensor<D>,
) -> Tensor<D> {
    let peak = -share + 1.0;
    let flat = peak.clone().detach().lower_equal_elem(0.0);
    mean.clone() + (biased - mean) / peak.mask_fill(flat, 1.0)
}
