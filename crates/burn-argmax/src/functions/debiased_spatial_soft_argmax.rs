use burn_core::tensor::Tensor;

use super::{
    Coordinates, check_heatmaps, check_positive_beta, empty, soft_argmax_over::expected_values,
};
use crate::{composed::Weights, precision::indices_along};

/// The expected position without the pull that the background has on the softmax.
///
/// `y_a = sum_j c_a(j) * w_j / sum_j w_j` over every position `j` of the heatmap, with
/// `w_j = max(exp(beta * x_j) - 1, 0)`: a background of 0, and what is below it, weighs nothing,
/// however many pixels it has.
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
/// `[batch, channels, coordinate]` in the order x, y, z, with the dtype of `heatmaps`, to which it is
/// rounded in the units asked for. A heatmap that is nowhere above its background gives
/// [`spatial_soft_argmax`](crate::spatial_soft_argmax()). One with a NaN or `+inf`, or wholly of
/// `-inf`, gives NaN for that heatmap only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = beta * exp(beta * x_j) * sum_a g_a (c_a(j) - y_a) / sum_k w_k` above the background, and 0
/// at and below it, exact. It is exactly 0 at a mask, and in a heatmap whose `g` are all exactly 0. In any
/// other heatmap with a NaN or `+inf` it is NaN.
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
    let [batch, channels] = [shape[0], shape[1]];
    let axes = D - 2;
    if batch * channels == 0 {
        return empty(heatmaps, [batch, channels, axes]);
    }
    let heatmaps = heatmaps.dequantize();
    let dtype = heatmaps.dtype();
    let positions = shape[2..].iter().product();
    let mut one_map = [1; D];
    one_map[2..].copy_from_slice(&shape[2..]);
    let of_axes = (2..D).rev().map(|dim| {
        let indices = indices_along(&heatmaps, dim).expand(one_map);
        indices.reshape([1, 1, positions])
    });
    let of_axes = of_axes.collect();
    let maps = heatmaps.reshape([batch, channels, positions]);
    let index = Tensor::cat(
        expected_values(maps, of_axes, 2, beta, Weights::AboveZero),
        2,
    );
    coordinates.of_index(index, &shape[2..]).cast(dtype)
}
