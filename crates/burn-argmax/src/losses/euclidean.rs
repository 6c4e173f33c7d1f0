use burn_core::tensor::Tensor;

use super::checks::check_coordinates;

/// The distance of every predicted location from its target.
///
/// `l = sqrt(sum_a (predicted_a - target_a)^2)`.
///
/// # Arguments
///
/// * `predicted`, `target` - Coordinates `[batch, locations, coordinate]`, in the same units.
///
/// # Returns
///
/// The distances `[batch, locations]`, in the units of the coordinates. A NaN gives NaN for its
/// location only.
///
/// # Gradient
///
/// The unit vector from the target to the prediction; exactly 0 where they meet.
///
/// # Panics
///
/// If the shapes differ.
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
pub fn euclidean_loss(predicted: Tensor<3>, target: Tensor<3>) -> Tensor<2> {
    check_coordinates("euclidean_loss", &predicted, &target);
    let difference = predicted - target;
    let squared = (difference.clone() * difference).sum_dim(2).squeeze_dim(2);
    // The slope of a square root at 0 is infinite; of the distance there, 0 is a subgradient.
    let met = squared.clone().detach().equal_elem(0.0);
    squared
        .mask_fill(met.clone(), 1.0)
        .sqrt()
        .mask_fill(met, 0.0)
}
