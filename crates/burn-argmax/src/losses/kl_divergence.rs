use burn_core::tensor::Tensor;

use super::divergence::{Divergence, of_gaussians};
use crate::Coordinates;

/// How far each heatmap is from a Gaussian about its target: the Kullback-Leibler divergence.
///
/// `l = sum_j p_j * (log p_j - log q_j)`, with `q` the Gaussian of
/// [`render_gaussian`](crate::render_gaussian). It regularises the shape of a heatmap whose mean is
/// trained by another loss.
///
/// # Arguments
///
/// * `heatmaps` - Probabilities `[batch, locations, spatial...]`, as
///   [`spatial_softmax`](crate::spatial_softmax) gives them.
/// * `centers` - The targets `[batch, locations, coordinate]` in the order x, y, z, of any float dtype.
/// * `sigma` - The width of the Gaussian, in pixels.
/// * `coordinates` - The units of `centers`.
///
/// # Returns
///
/// The divergences `[batch, locations]`, in nats. A probability of 0 adds nothing. Both logarithms
/// are of the probability plus `1e-24`, as dsntnn has them, for every dtype: where the target is 0 and
/// the heatmap is not, they stop there. The logarithm of the Gaussian is formed as such, and not from
/// a rounded Gaussian.
///
/// A location with a heatmap that has a NaN, infinite or
/// negative entry, or with a center that is not finite, gives NaN; the others are not touched.
/// Computed in `f32` at least, with the sums in levels, and rounded once to the dtype of `heatmaps`.
///
/// # Gradient
///
/// `log p_j - log q_j + 1` for `p_j`, without the 1 where `p_j` is 0; finite everywhere, and below 57 in
/// magnitude for probabilities. No gradient is expected for `centers`, but they have theirs.
///
/// An upstream gradient of exactly 0 gives exactly 0, whatever the data are. Any other gives NaN where
/// the loss is NaN.
///
/// # Panics
///
/// If the shapes do not belong together, if the devices differ, or if `sigma` is not finite and
/// positive.
///
/// # Source
///
/// Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, losses::kl_divergence_loss, render_gaussian};
///
/// let centers = Tensor::<3>::from_floats([[[3.2, 4.1]]], &Device::flex());
/// let heatmaps: Tensor<4> = render_gaussian(centers.clone(), &[8, 8], 1.0, Coordinates::Index);
/// let loss = kl_divergence_loss(heatmaps, centers, 1.0, Coordinates::Index);
/// assert!(loss.into_scalar::<f32>().abs() < 1e-6);
/// ```
#[track_caller]
pub fn kl_divergence_loss<const D: usize>(
    heatmaps: Tensor<D>,
    centers: Tensor<3>,
    sigma: f64,
    coordinates: Coordinates,
) -> Tensor<2> {
    of_gaussians(
        "kl_divergence_loss",
        heatmaps,
        centers,
        sigma,
        coordinates,
        Divergence::KullbackLeibler,
    )
}
