use burn_core::tensor::Tensor;

use super::{
    Coordinates, Surrogate, check_heatmaps, check_weighting, spatial_soft_argmax,
    straight_through::straight_through, straight_through_one_hot,
};
use crate::{Weighting, precision::accumulator};

/// The position of the first maximum of each heatmap, with the gradient of the spatial soft-argmax.
///
/// `y = argmax_j x_j` as a position, backwards as `spatial_soft_argmax(x)`.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]`, with one to three spatial dimensions. A mask is a
///   score of `-inf`.
/// * `weighting` - How scores become weights for the gradient: a number is the `beta` of a softmax, finite
///   and `>= 0`; see [`Weighting`].
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// `[batch, channels, coordinate]` in the order x, y, z and the dtype of `heatmaps`: the first maximum in the
/// order of memory, exactly a pixel's, rounded once. A heatmap with a NaN or `+inf`, or wholly of `-inf`,
/// gives NaN for that one only, and so does one whose spatial soft-argmax is NaN.
///
/// # Gradient
///
/// That of [`spatial_soft_argmax`] under the weighting. It is a surrogate: the position itself is constant
/// but for jumps.
///
/// # Panics
///
/// As [`spatial_soft_argmax`].
///
/// # Source
///
/// Bengio, Léonard and Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
/// Conditional Computation", 2013, for the idea.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, straight_through_spatial_argmax};
///
/// let heatmap = Tensor::<4>::from_floats([[[[0.0, 1.0, 0.0], [0.0, 0.9, 3.0]]]], &Device::flex());
/// let position = straight_through_spatial_argmax(heatmap, 1.0, Coordinates::Index);
/// position.into_data().assert_eq(&[[[2.0f32, 1.0]]].into(), false); // x, y
/// ```
#[track_caller]
pub fn straight_through_spatial_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    weighting: impl Into<Weighting>,
    coordinates: Coordinates,
) -> Tensor<3> {
    check_heatmaps("straight_through_spatial_argmax", &heatmaps);
    let weighting = check_weighting(
        "straight_through_spatial_argmax",
        weighting,
        heatmaps.dtype(),
    );
    let heatmaps = heatmaps.dequantize();
    let (shape, dtype) = (heatmaps.dims(), heatmaps.dtype());
    let heatmaps = heatmaps.cast(accumulator([dtype]));
    let flat: Tensor<3> = heatmaps.clone().detach().flatten(2, D - 1);
    let one_hot = straight_through_one_hot(flat, 2, Surrogate::Identity).reshape::<D, _>(shape);
    let position = spatial_soft_argmax(one_hot, Weighting::given(), coordinates);
    let expected = spatial_soft_argmax(heatmaps, weighting, coordinates);
    straight_through(position, expected).cast(dtype)
}
