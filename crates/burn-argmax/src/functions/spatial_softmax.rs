use burn_core::tensor::Tensor;

use super::{check_beta, check_heatmaps, softmax};

/// The softmax over all positions of each heatmap: scores to probabilities.
///
/// `p_j = exp(beta * (x_j - max x)) / sum_k exp(beta * (x_k - max x))`.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]` with one to three spatial dimensions, of
///   any layout. A mask is a score of `-inf`: its probability and its gradient are exactly 0.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp; 0 is uniform over the
///   unmasked positions.
///
/// # Returns
///
/// Probabilities of the same shape and dtype, that sum to 1 over each heatmap. The maximum is taken
/// off before `beta` is applied, so no finite score overflows; ties share. A heatmap with a NaN or
/// `+inf`, or wholly of `-inf`, gives NaN for that heatmap only.
///
/// # Gradient
///
/// `dx_j = beta * p_j * (g_j - sum_k g_k p_k)`, that of [`softmax`]. It is exactly 0 at a mask, whose `g`
/// takes no part in the sum, and in a heatmap whose `g` are all exactly 0. In any other heatmap with
/// a NaN or `+inf` it is NaN.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `beta` is
/// negative, infinite or NaN.
///
/// # Source
///
/// kornia's `spatial_softmax2d` and dsntnn's `flat_softmax`.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::spatial_softmax;
///
/// let heatmaps = Tensor::<4>::from_floats([[[[0.0, 5.0], [5.0, 0.0]]]], &Device::flex());
/// let probabilities = spatial_softmax(heatmaps, 1e10);
/// let want = [[[[0.0f32, 0.5], [0.5, 0.0]]]];
/// probabilities.into_data().assert_eq(&want.into(), false);
/// ```
#[track_caller]
pub fn spatial_softmax<const D: usize>(heatmaps: Tensor<D>, beta: f64) -> Tensor<D> {
    check_heatmaps("spatial_softmax", &heatmaps);
    check_beta("spatial_softmax", beta);
    let shape = heatmaps.dims();
    if shape[0] * shape[1] == 0 {
        return heatmaps;
    }
    let positions: usize = shape[2..].iter().product();
    let flat = heatmaps.reshape([shape[0], shape[1], positions]);
    softmax(flat, 2, beta).reshape(shape)
}
