use burn_core::tensor::Tensor;

use super::divergence::{Divergence, of_gaussians};
use crate::Coordinates;

/// How far each heatmap is from a Gaussian about its target: the Jensen-Shannon divergence.
///
/// `l = KL(p | m) / 2 + KL(q | m) / 2` with `m = (p + q) / 2` and `q` the Gaussian of
/// [`render_gaussian`](crate::render_gaussian). Symmetric and bounded by `ln 2`: the regulariser
/// that the DSNT paper found best.
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
/// The divergences `[batch, locations]`, in nats, from 0 to `ln 2` for heatmaps that sum to 1, as those of
/// [`spatial_softmax`](crate::spatial_softmax()) do: a sum of terms none of which is negative. A location with a heatmap that has a NaN, infinite or
/// negative entry, or with a center that is not finite, gives NaN; the others are not touched.
/// Computed in `f32` at least, with the sums in levels, and rounded once to the dtype of `heatmaps`.
///
/// # Gradient
///
/// `log(p_j / m_j) / 2` for `p_j`, finite everywhere: where `p_j` is 0, both have `1e-24` added under the
/// logarithm. `centers` have a gradient too.
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
/// use burn_argmax::{Coordinates, losses::jensen_shannon_loss, spatial_softmax};
///
/// let device = Device::flex();
/// let heatmaps = spatial_softmax(Tensor::<4>::zeros([1, 1, 8, 8], &device), 1.0);
/// let centers = Tensor::from_floats([[[3.2, 4.1]]], &device);
/// let loss = jensen_shannon_loss(heatmaps, centers, 1.0, Coordinates::Index);
/// let loss = loss.into_scalar::<f32>();
/// assert!(0.0 < loss && loss < 2f32.ln());
/// ```
#[track_caller]
pub fn jensen_shannon_loss<const D: usize>(
    heatmaps: Tensor<D>,
    centers: Tensor<3>,
    sigma: f64,
    coordinates: Coordinates,
) -> Tensor<2> {
    of_gaussians(
        "jensen_shannon_loss",
        heatmaps,
        centers,
        sigma,
        coordinates,
        Divergence::JensenShannon,
    )
}
