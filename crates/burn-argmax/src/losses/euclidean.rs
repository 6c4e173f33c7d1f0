use burn_core::tensor::{DType, Tensor};

use super::checks::of_differences;
use crate::precision::sum_rows;

/// The distance of every predicted location from its target.
///
/// `l = sqrt(sum_a (predicted_a - target_a)^2)`.
///
/// # Arguments
///
/// * `predicted`, `target` - Coordinates `[batch, locations, coordinate]`, in the same units. They may
///   differ in dtype.
///
/// # Returns
///
/// The distances `[batch, locations]`, in the units of the coordinates. A location with a NaN or
/// an infinite coordinate, or with a difference that overflows, gives NaN; the others are not
/// touched. Computed in `f32` at least, and rounded once to the dtype of `predicted`.
///
/// # Gradient
///
/// The unit vector from the target to the prediction; exactly 0 where they meet.
///
/// An upstream gradient of exactly 0 gives exactly 0, whatever the coordinates are, so that a location
/// without a target can be masked out by [`average_loss`](crate::losses::average_loss). Any other gives
/// NaN where the loss is NaN.
///
/// # Panics
///
/// If the shapes or the devices differ, or if there is no coordinate.
///
/// # Source
///
/// Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::losses::euclidean_loss;
///
/// let device = Device::flex();
/// let predicted = Tensor::from_floats([[[3.0, 4.0]]], &device);
/// let target = Tensor::zeros([1, 1, 2], &device);
/// assert_eq!(euclidean_loss(predicted, target).into_scalar::<f32>(), 5.0);
/// ```
#[track_caller]
pub fn euclidean_loss(predicted: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    of_differences("euclidean_loss", predicted, target, |difference| {
        let constant = difference.clone().detach();
        let smallest = match difference.dtype() {
            DType::F64 => f64::MIN_POSITIVE,
            _ => f32::MIN_POSITIVE.into(),
        };
        // By the largest, so that no square overflows, and none that counts vanishes.
        let largest = constant.clone().abs().max_dim(2).clamp_min(smallest);
        let scaled = constant / largest;
        let norm = (scaled.clone() * scaled.clone()).sum_dim(2).sqrt();
        // Where they meet, the slope of the distance is 0 of its subgradients.
        let met = norm.clone().equal_elem(0.0);
        let unit = scaled / norm.mask_fill(met, 1.0);
        // The distance is the difference along its own direction, and that is its slope.
        sum_rows(difference * unit)
    })
}
