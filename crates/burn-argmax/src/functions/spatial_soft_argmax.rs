use burn_core::tensor::Tensor;

use super::{
    Coordinates, check_heatmaps, check_weighting, dispatch::dispatch, empty, weights_of_maps,
};
use crate::{Weighting, ops::spatial_moments_len};

/// The expected position under the softmax over all of each heatmap: a differentiable keypoint.
///
/// `y_a = sum_j c_a(j) * p_j` for each axis `a`, with, for a number `beta`,
/// `p = softmax(beta * (x - max x))` over every position `j` of the heatmap and `c_a(j)` that
/// position's coordinate.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, width]`, `[batch, channels, height, width]` or
///   `[batch, channels, depth, height, width]`, of any layout. A mask is a score of `-inf`: its
///   weight and its gradient are exactly 0. A batch of one has its dimension too: `[channels, height,
///   width]` would be taken for lines.
/// * `weighting` - How scores become weights: a number is the `beta` of a softmax, finite and `>= 0`:
///   kornia's `1 / temperature`. Others are in [`Weighting`]; a window is a box about the first maximum
///   of each heatmap.
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// `[batch, channels, coordinate]` in the order x, y, z: the *last* spatial dimension first, as
/// kornia and dsntnn give it. Units are those of [`Coordinates`]; the dtype is that of `heatmaps`.
/// Sums run in `f32` for `f16` and `bf16`, and in `f64` for `f64`.
///
/// Ties give the mean of the tied positions as `beta` grows. A heatmap with a NaN or `+inf`, or
/// wholly of `-inf`, gives NaN for that heatmap only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = (dw_j / dx_j) * sum_a g_a * (c_a(j) - y_a) / sum_k w_k`, exact, where the slope of the
/// weight is `beta * w_j` for a softmax, in one read of the heatmaps and one
/// write. It is exactly 0 at a mask, and in a heatmap whose `g` are all exactly 0, whatever else the
/// heatmap holds: the labels that a loss leaves out leave nothing behind. In any other heatmap with a
/// NaN or `+inf` it is NaN. What is kept for it is the input itself and eight numbers a heatmap.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `weighting`
/// is what [`soft_argmax`](crate::soft_argmax()) refuses.
///
/// # Source
///
/// Finn et al., "Deep Spatial Autoencoders for Visuomotor Learning", ICRA 2016; Nibali et al.,
/// "Numerical Coordinate Regression with Convolutional Neural Networks", 2018.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, spatial_soft_argmax};
///
/// let heatmap = [[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]]; // the peak is at x = 2, y = 1
/// let heatmaps = Tensor::<4>::from_floats([[heatmap]], &Device::flex());
/// let keypoint = spatial_soft_argmax(heatmaps, 10.0, Coordinates::Index);
/// keypoint.into_data().assert_eq(&[[[2.0f32, 1.0]]].into(), false);
/// ```
#[track_caller]
pub fn spatial_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    weighting: impl Into<Weighting>,
    coordinates: Coordinates,
) -> Tensor<3> {
    check_heatmaps("spatial_soft_argmax", &heatmaps);
    let weighting = check_weighting("spatial_soft_argmax", weighting, heatmaps.dtype());
    let sizes = heatmaps.dims();
    let heatmaps = heatmaps.dequantize();
    let dtype = heatmaps.dtype();
    let moments = spatial_moments(heatmaps, false, weighting);
    let mean = coordinates.of_index(mean_of(moments, &sizes), &sizes[2..]);
    mean.cast(dtype)
}

/// The expected index `[batch, channels, axis]` from the moments of heatmaps of this shape.
pub(crate) fn mean_of(moments: Tensor<2>, heatmaps: &[usize]) -> Tensor<3> {
    let (batch, channels, axes) = (heatmaps[0], heatmaps[1], heatmaps.len() - 2);
    if batch * channels == 0 {
        return empty(moments, [batch, channels, axes]);
    }
    moments
        .slice([0..batch * channels, 0..axes])
        .reshape([batch, channels, axes])
}

/// The moments of each map by the fused operation: `[maps, 3]`, or with `covariance` `[maps, 9]`.
pub(crate) fn spatial_moments<const D: usize>(
    heatmaps: Tensor<D>,
    covariance: bool,
    weighting: Weighting,
) -> Tensor<2> {
    moments_by(heatmaps, covariance, |maps| {
        let (maps, weighting) = weights_of_maps(maps, weighting);
        dispatch!(spatial_moments(maps, covariance, weighting))
    })
}

/// The moments by an implementation on `[maps, depth, height, width]`.
pub(crate) fn moments_by<const D: usize>(
    heatmaps: Tensor<D>,
    covariance: bool,
    implementation: impl FnOnce(Tensor<4>) -> Tensor<2>,
) -> Tensor<2> {
    let shape = heatmaps.dims();
    let mut sizes = [1; 3];
    sizes[5 - D..].copy_from_slice(&shape[2..]);
    let [depth, height, width] = sizes;
    let maps = shape[0] * shape[1];
    if maps == 0 {
        return empty(heatmaps, [0, spatial_moments_len(covariance)]);
    }

    implementation(heatmaps.reshape([maps, depth, height, width]))
}
