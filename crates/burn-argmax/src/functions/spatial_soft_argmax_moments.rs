use burn_core::tensor::Tensor;

use super::{
    Coordinates, check_heatmaps, check_weighting, empty,
    spatial_soft_argmax::{mean_of, spatial_moments},
};
use crate::{Weighting, ops::SPATIAL_AXES};

/// Mean and covariance of a position.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpatialSoftArgmaxMoments {
    /// The expected position `[batch, channels, coordinate]`, as
    /// [`spatial_soft_argmax`](crate::spatial_soft_argmax) gives it.
    pub mean: Tensor<3>,
    /// The covariance `[batch, channels, coordinate, coordinate]`, in units of the coordinates
    /// squared. Its diagonal holds the variance along x, y and z.
    pub covariance: Tensor<4>,
}

/// The expected position under the softmax over each heatmap and its covariance, in one pass.
///
/// `y_a = sum_j c_a(j) * p_j` and `V_ab = sum_j (c_a(j) - y_a) (c_b(j) - y_b) * p_j`, with, for a number
/// `beta`, `p = softmax(beta * (x - max x))` over every position `j` of the heatmap.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]` with one to three spatial dimensions, of
///   any layout. A mask is a score of `-inf`: its weight and its gradient are exactly 0.
/// * `weighting` - How scores become weights: a number is the `beta` of a softmax, finite and `>= 0`;
///   see [`Weighting`].
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// [`SpatialSoftArgmaxMoments`], coordinates in the order x, y, z (the last spatial dimension
/// first), with the dtype of `heatmaps`. A heatmap with a NaN or `+inf`, or wholly of `-inf`, gives
/// NaN for that heatmap only. An empty batch gives empty tensors.
///
/// # Gradient
///
/// `dx_j = (dw_j / dx_j) / sum_k w_k * (sum_a g_a d_a + sum_ab G_ab (d_a d_b - V_ab))` with
/// `d = c(j) - y`, exact, in one read and one write. The slope of a weight is `beta * w_j` for a
/// softmax. It is exactly 0 at a mask, and in a heatmap whose `g` and `G` are all exactly 0,
/// whatever else the heatmap holds. In any other heatmap with a NaN or `+inf` it is NaN.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `weighting`
/// is what [`soft_argmax`](crate::soft_argmax()) refuses.
///
/// # Source
///
/// Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, spatial_soft_argmax_moments};
///
/// let diagonal = [[9.0, 0.0], [0.0, 9.0]]; // x and y move together
/// let heatmaps = Tensor::<4>::from_floats([[diagonal]], &Device::flex());
/// let moments = spatial_soft_argmax_moments(heatmaps, 100.0, Coordinates::Index);
/// moments.mean.into_data().assert_eq(&[[[0.5f32, 0.5]]].into(), false);
/// moments
///     .covariance
///     .into_data()
///     .assert_eq(&[[[[0.25f32, 0.25], [0.25, 0.25]]]].into(), false);
/// ```
#[track_caller]
pub fn spatial_soft_argmax_moments<const D: usize>(
    heatmaps: Tensor<D>,
    weighting: impl Into<Weighting>,
    coordinates: Coordinates,
) -> SpatialSoftArgmaxMoments {
    check_heatmaps("spatial_soft_argmax_moments", &heatmaps);
    let weighting = check_weighting("spatial_soft_argmax_moments", weighting, heatmaps.dtype());
    let shape = heatmaps.dims();
    let heatmaps = heatmaps.dequantize();
    let dtype = heatmaps.dtype();
    let moments = moments_of(
        spatial_moments(heatmaps, true, weighting),
        &shape,
        coordinates,
    );
    SpatialSoftArgmaxMoments {
        mean: moments.mean.cast(dtype),
        covariance: moments.covariance.cast(dtype),
    }
}

/// Mean and covariance in these units, from the moments of heatmaps of this shape.
pub(crate) fn moments_of(
    moments: Tensor<2>,
    heatmaps: &[usize],
    coordinates: Coordinates,
) -> SpatialSoftArgmaxMoments {
    let (batch, channels, axes) = (heatmaps[0], heatmaps[1], heatmaps.len() - 2);
    let sizes = &heatmaps[2..];
    if batch * channels == 0 {
        return SpatialSoftArgmaxMoments {
            covariance: empty(moments.clone(), [batch, channels, axes, axes]),
            mean: mean_of(moments, heatmaps),
        };
    }
    let per_pixel = |axis: usize| coordinates.per_pixel(sizes[axes - 1 - axis]);
    let entries = (0..axes * axes)
        .map(|entry| {
            let (a, b) = (entry / axes, entry % axes);
            let place = SPATIAL_AXES + place_of(a.min(b), a.max(b));
            let covariance = moments
                .clone()
                .slice([0..batch * channels, place..place + 1]);
            covariance * (per_pixel(a) * per_pixel(b))
        })
        .collect();
    SpatialSoftArgmaxMoments {
        covariance: Tensor::cat(entries, 1).reshape([batch, channels, axes, axes]),
        mean: coordinates.of_index(mean_of(moments, heatmaps), sizes),
    }
}

/// The variance along an axis, `[maps, 1]`, in pixels squared.
pub(crate) fn variance_along(moments: Tensor<2>, axis: usize) -> Tensor<2> {
    let (maps, place) = (moments.dims()[0], SPATIAL_AXES + place_of(axis, axis));
    moments.slice([0..maps, place..place + 1])
}

/// Where the covariance of two axes, in order, stands in `xx xy xz yy yz zz`.
fn place_of(a: usize, b: usize) -> usize {
    a * (5 - a) / 2 + b
}
