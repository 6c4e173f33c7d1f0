use burn_core::tensor::Tensor;

use super::{
    Coordinates, check_beta, check_heatmaps, check_radius, spatial_soft_argmax,
    windowed_soft_argmax::{SHARP, first_maximum},
};
use crate::precision::indices_along;

/// The expected position under the softmax of the window about each heatmap's maximum.
///
/// `y_a = sum_j c_a(j) * p_j` over the positions `j` within `radius` pixels of the maximum along
/// every axis (a square, or a cube), with `p` the softmax of `beta * x` over these.
///
/// What it cures: over the whole heatmap the background draws
/// [`spatial_soft_argmax`] to the center at a low `beta`, and a second peak draws it to the middle
/// between them. See [`windowed_soft_argmax`](crate::windowed_soft_argmax) for numbers.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]` with one to three spatial dimensions, of
///   any layout. A mask is a score of `-inf`.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp.
/// * `radius` - Pixels on each side of the maximum that count, at least 1. At the borders the
///   window is cut off.
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// `[batch, channels, coordinate]` in the order x, y, z, with the dtype of `heatmaps`. A heatmap
/// with a NaN or `+inf`, or wholly of `-inf`, gives NaN for that heatmap only.
///
/// # Gradient
///
/// That of [`spatial_soft_argmax`] within the window, exactly 0 outside of it.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, if `beta` is negative,
/// infinite or NaN, or if `radius` is 0.
///
/// # Source
///
/// The pull that it removes: Sun et al., "Integral Human Pose Regression", ECCV 2018.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, windowed_spatial_soft_argmax};
///
/// let heatmap = [[0.0, 1.0, 0.0, 0.0, 4.9], [1.0, 5.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0]];
/// let heatmaps = Tensor::<4>::from_floats([[heatmap]], &Device::flex());
/// let keypoint = windowed_spatial_soft_argmax(heatmaps, 1.0, 1, Coordinates::Index);
/// keypoint.into_data().assert_eq(&[[[1.0f32, 1.0]]].into(), false);
/// ```
#[track_caller]
pub fn windowed_spatial_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    beta: f64,
    radius: usize,
    coordinates: Coordinates,
) -> Tensor<3> {
    check_heatmaps("windowed_spatial_soft_argmax", &heatmaps);
    check_beta("windowed_spatial_soft_argmax", beta);
    check_radius("windowed_spatial_soft_argmax", radius);
    let shape = heatmaps.dims();
    if shape[0] * shape[1] == 0 {
        return spatial_soft_argmax(heatmaps, beta, coordinates);
    }

    let positions: usize = shape[2..].iter().product();
    let flat = heatmaps.clone().reshape([shape[0], shape[1], positions]);
    let first = first_maximum(&flat, 2).reshape(shape);
    let first = spatial_soft_argmax(first, SHARP, Coordinates::Index);
    let outside = (2..D)
        .map(|dim| {
            let mut one_each = [1; D];
            one_each[..2].copy_from_slice(&shape[..2]);
            let of_first = first.clone().narrow(2, D - 1 - dim, 1).reshape(one_each);
            let distance = indices_along(&heatmaps, dim) - of_first;
            distance.abs().greater_elem(radius as f64).expand(shape)
        })
        .reduce(Tensor::bool_or)
        .expect("there is a spatial dimension");
    // A NaN outside of the window still spoils its heatmap.
    let outside = outside.bool_and(heatmaps.clone().is_nan().bool_not());
    let window = heatmaps.mask_fill(outside, f64::NEG_INFINITY);
    spatial_soft_argmax(window, beta, coordinates)
}
