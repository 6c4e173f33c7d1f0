use burn_core::tensor::Tensor;

use super::checks::check_coordinates;

/// The mean absolute difference of every predicted location from its target.
///
/// `l = mean_a |predicted_a - target_a|`.
///
/// # Arguments
///
/// * `predicted`, `target` - Coordinates `[batch, locations, coordinate]`, in the same units.
///
/// # Returns
///
/// The losses `[batch, locations]`, in the units of the coordinates. A NaN gives NaN for its
/// location only.
///
/// # Gradient
///
/// `sign(predicted_a - target_a) / axes`; 0 where they meet.
///
/// # Panics
///
/// If the shapes differ.
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
pub fn l1_loss(predicted: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    check_coordinates("l1_loss", &predicted, &target);
    let difference = predicted - target;
    difference.abs().mean_dim(2).squeeze_dim(2)
}
