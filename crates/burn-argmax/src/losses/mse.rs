use burn_core::tensor::Tensor;

use super::checks::check_coordinates;

/// The mean squared difference of every predicted location from its target.
///
/// `l = mean_a (predicted_a - target_a)^2`.
///
/// # Arguments
///
/// * `predicted`, `target` - Coordinates `[batch, locations, coordinate]`, in the same units.
///
/// # Returns
///
/// The losses `[batch, locations]`, in the units of the coordinates squared. A NaN gives NaN for its
/// location only.
///
/// # Gradient
///
/// `2 (predicted_a - target_a) / axes`.
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
/// use burn_argmax::losses::mse_loss;
///
/// let device = Device::flex();
/// let predicted = Tensor::from_floats([[[3.0, 4.0]]], &device);
/// let target = Tensor::zeros([1, 1, 2], &device);
/// assert_eq!(mse_loss(predicted, target).into_scalar::<f32>(), 12.5);
/// ```
pub fn mse_loss(predicted: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    check_coordinates("mse_loss", &predicted, &target);
    let difference = predicted - target;
    (difference.clone() * difference).mean_dim(2).squeeze_dim(2)
}
