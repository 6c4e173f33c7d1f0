use burn_core::tensor::Tensor;

use super::divergence::{beside_target, kl_divergence};
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
/// * `centers` - The targets `[batch, locations, coordinate]` in the order x, y, z.
/// * `sigma` - The width of the Gaussian, in pixels.
/// * `coordinates` - The units of `centers`.
///
/// # Returns
///
/// The divergences `[batch, locations]`, in nats. A probability of 0 adds nothing; where the target
/// is 0 and the heatmap is not, the logarithm stops at that of `1e-24` (`1e-7` for `f16`).
///
/// # Gradient
///
/// `log p_j - log q_j + 1` for `p_j`, finite everywhere. No gradient is expected for `centers`, but
/// they have theirs.
///
/// # Panics
///
/// If the shapes do not belong together, or if `sigma` is not finite and positive.
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
pub fn kl_divergence_loss<const D: usize>(
    heatmaps: Tensor<D>,
    centers: Tensor<3>,
    sigma: f64,
    coordinates: Coordinates,
) -> Tensor<2> {
    let [heatmaps, target] =
        beside_target("kl_divergence_loss", heatmaps, centers, sigma, coordinates);
    kl_divergence(heatmaps, target)
}
