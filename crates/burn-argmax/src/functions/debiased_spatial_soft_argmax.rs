use burn_core::tensor::Tensor;

use super::{
    Coordinates, check_heatmaps, check_positive_beta,
    debiased_soft_argmax::{background_share, without_background},
    spatial_soft_argmax,
};

/// The expected position without the pull that the background has on the softmax.
///
/// `y = (J - r c) / (1 - r)`, where `J` is [`spatial_soft_argmax`], `c` the mean of the unmasked
/// positions and `r = N / sum_j exp(beta * x_j)` the share of the softmax that `N` positions at level
/// 0 have. Equally, the mean of the position under the weights `exp(beta * x) - 1`, to which a
/// background of 0 adds nothing.
///
/// What it cures: at a low `beta` the keypoint is drawn from the peak to the center of the image,
/// the more so the larger the image. See [`debiased_soft_argmax`](crate::debiased_soft_argmax) for
/// numbers.
///
/// # Arguments
///
/// * `heatmaps` - Scores over a background of 0, as after a ReLU: `[batch, channels, spatial...]`
///   with one to three spatial dimensions, of any layout. A mask is a score of `-inf`.
/// * `beta` - The inverse temperature, finite and `> 0`. Large is sharp, and needs no correction.
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// `[batch, channels, coordinate]` in the order x, y, z, with the dtype of `heatmaps`. Scores below
/// the background weigh negatively. A heatmap that is nowhere above its background gives `J`. One
/// with a NaN or `+inf`, or wholly of `-inf`, gives NaN for that heatmap only.
///
/// # Gradient
///
/// Exact, through `J` and `r`.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `beta` is 0,
/// negative, infinite or NaN.
///
/// # Source
///
/// Gu, Yang and Yao, "Removing the Bias of Integral Pose Regression", ICCV 2021.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, debiased_spatial_soft_argmax};
///
/// let heatmap = [[0.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]];
/// let heatmaps = Tensor::<4>::from_floats([[heatmap]], &Device::flex());
/// let keypoint = debiased_spatial_soft_argmax(heatmaps, 1.0, Coordinates::Index);
/// let [x, y] = keypoint.into_data().try_to_vec::<f32>().unwrap()[..] else { panic!() };
/// assert!((x - 1.0).abs() < 1e-5 && (y - 1.0).abs() < 1e-5);
/// ```
#[track_caller]
pub fn debiased_spatial_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    beta: f64,
    coordinates: Coordinates,
) -> Tensor<3> {
    check_heatmaps("debiased_spatial_soft_argmax", &heatmaps);
    check_positive_beta("debiased_spatial_soft_argmax", beta);
    let shape = heatmaps.dims();
    let biased = spatial_soft_argmax(heatmaps.clone(), beta, coordinates);
    if shape[0] * shape[1] == 0 {
        return biased;
    }
    let mean = spatial_soft_argmax(heatmaps.clone().detach(), 0.0, coordinates);
    let positions: usize = shape[2..].iter().product();
    let flat = heatmaps.reshape([shape[0], shape[1], positions]);
    without_background(biased, mean, background_share(flat, 2, beta))
}
