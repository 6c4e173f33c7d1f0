use burn_core::tensor::Tensor;

use super::checks::of_differences;
use crate::precision::{divided, sum_rows};

/// The mean squared difference of every predicted location from its target.
///
/// `l = mean_a (predicted_a - target_a)^2`.
///
/// # Arguments
///
/// * `predicted`, `target` - Coordinates `[batch, locations, coordinate]`, in the same units. They may
///   differ in dtype.
///
/// # Returns
///
/// The losses `[batch, locations]`, in the units of the coordinates squared. A location with a NaN or
/// an infinite coordinate, or with a difference that overflows, gives NaN; the others are not
/// touched. Computed in `f32` at least, and rounded once to the dtype of `predicted`.
///
/// # Gradient
///
/// `2 (predicted_a - target_a) / axes`.
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
/// use burn_argmax::losses::mse_loss;
///
/// let device = Device::flex();
/// let predicted = Tensor::from_floats([[[3.0, 4.0]]], &device);
/// let target = Tensor::zeros([1, 1, 2], &device);
/// assert_eq!(mse_loss(predicted, target).into_scalar::<f32>(), 12.5);
/// ```
#[track_caller]
pub fn mse_loss(predicted: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    of_differences("mse_loss", predicted, target, |difference| {
        let axes = difference.dims()[2];
        divided(sum_rows(difference.clone() * difference), axes)
    })
}
