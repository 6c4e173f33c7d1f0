use burn_core::tensor::Tensor;

use super::checks::of_differences;
use crate::precision::{divided, sum_rows};

/// The mean absolute difference of every predicted location from its target.
///
/// `l = mean_a |predicted_a - target_a|`.
///
/// # Arguments
///
/// * `predicted`, `target` - Coordinates `[batch, locations, coordinate]`, in the same units. They may
///   differ in dtype.
///
/// # Returns
///
/// The losses `[batch, locations]`, in the units of the coordinates. A location with a NaN or an
/// infinite coordinate, or with a difference that overflows, gives NaN; the others are not touched.
/// Computed in `f32` at least, and rounded once to the dtype of `predicted`.
///
/// # Gradient
///
/// `sign(predicted_a - target_a) / axes`; 0 where they meet.
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
/// dsntnn's loss of the same name.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::losses::l1_loss;
///
/// let device = Device::flex();
/// let predicted = Tensor::from_floats([[[3.0, 4.0]]], &device);
/// let target = Tensor::zeros([1, 1, 2], &device);
/// assert_eq!(l1_loss(predicted, target).into_scalar::<f32>(), 3.5);
/// ```
#[track_caller]
pub fn l1_loss(predicted: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    of_differences("l1_loss", predicted, target, |difference| {
        let axes = difference.dims()[2];
        divided(sum_rows(difference.abs()), axes)
    })
}
