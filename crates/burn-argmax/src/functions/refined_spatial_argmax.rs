use burn_core::tensor::Tensor;

use super::{Coordinates, check_heatmaps, empty, refine::refined_maximum};

/// The position of the first maximum of each heatmap, refined by one step of Newton's method.
///
/// `y = j - H^-1 d` with `j` the largest pixel, and `d` and `H` the first and second differences about it.
///
/// Of the logarithm of a Gaussian it is exact, round or not, as long as its center is within half a pixel of the
/// largest along each axis; only a slanting one may have it farther away.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]`, with one to three spatial dimensions; of a heatmap
///   of Gaussians, its logarithm. A mask is a score of `-inf`.
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// `[batch, channels, coordinate]` in the order x, y, z and the dtype of `heatmaps`; along each axis at most
/// half a pixel from the first maximum, and exactly there where it is at a border or beside a mask along that
/// axis. Where the surface has no maximum, each axis is refined by itself. Computed in
/// `f32` at least, and rounded once, in the units asked for. A heatmap with a NaN or `+inf`, or wholly of
/// `-inf`, gives NaN for that one only.
///
/// # Gradient
///
/// Exact for the pixels about the largest, by Burn's graph, and 0 for all others, and where a step was cut
/// off at half a pixel. An upstream gradient of exactly 0 gives exactly 0, whatever the heatmap holds. Any
/// other gives NaN where the result is NaN.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0.
///
/// # Source
///
/// Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", CVPR 2020.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, refined_spatial_argmax, render_gaussian};
///
/// let centers = Tensor::<3>::from_floats([[[5.25, 3.5]]], &Device::flex()); // x, y
/// let heatmaps: Tensor<4> = render_gaussian(centers.clone(), &[8, 12], 1.5, Coordinates::Index);
/// let position = refined_spatial_argmax(heatmaps.log(), Coordinates::Index);
/// let error = (position - centers).abs().max().into_scalar::<f32>();
/// assert!(error < 1e-4);
/// ```
#[track_caller]
pub fn refined_spatial_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    coordinates: Coordinates,
) -> Tensor<3> {
    check_heatmaps("refined_spatial_argmax", &heatmaps);
    let shape = heatmaps.dims();
    let (batch, channels) = (shape[0], shape[1]);
    if batch * channels == 0 {
        return empty(heatmaps, [batch, channels, D - 2]);
    }
    let heatmaps = heatmaps.dequantize();
    let dtype = heatmaps.dtype();
    let position = refined_maximum(heatmaps);
    coordinates.of_index(position, &shape[2..]).cast(dtype)
}
