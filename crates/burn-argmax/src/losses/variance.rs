use burn_core::tensor::{Int, Tensor};

use super::checks::check_sigma;
use crate::functions::check_heatmaps;

/// How far the spread of each heatmap is from a target width.
///
/// `l = sum_a (v_a - sigma^2)^2`, with `v_a` the variance of the position along axis `a`.
///
/// # Arguments
///
/// * `heatmaps` - Probabilities `[batch, locations, spatial...]`, as
///   [`spatial_softmax`](crate::spatial_softmax) gives them.
/// * `sigma` - The width wanted, in pixels.
///
/// # Returns
///
/// The losses `[batch, locations]`, in pixels to the fourth power.
///
/// # Gradient
///
/// Exact, by Burn's graph. From logits, the diagonal of
/// [`spatial_soft_argmax_moments`](crate::spatial_soft_argmax_moments) gives the variances in one
/// fused pass.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `sigma` is not
/// finite and positive.
///
/// # Source
///
/// Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018; in
/// pixels, as dsntnn has it.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::losses::variance_loss;
///
/// let two = Tensor::<3>::from_floats([[[0.5, 0.0, 0.5]]], &Device::flex()); // variance 1
/// assert_eq!(variance_loss(two, 2.0).into_scalar::<f32>(), 9.0);
/// ```
pub fn variance_loss<const D: usize>(heatmaps: Tensor<D>, sigma: f64) -> Tensor<2> {
    check_heatmaps("variance_loss", &heatmaps);
    check_sigma("variance_loss", sigma);
    let shape = heatmaps.dims();
    let device = heatmaps.device();
    let locations = [shape[0], shape[1]];
    (2..D)
        .map(|dim| {
            let along = (2..D)
                .filter(|&other| other != dim)
                .fold(heatmaps.clone(), |sum, other| sum.sum_dim(other))
                .reshape([shape[0], shape[1], shape[dim]]);
            let index = Tensor::<1, Int>::arange(0..shape[dim] as i64, &device)
                .float()
                .cast(along.dtype())
                .reshape([1, 1, shape[dim]]);
            let mean = (along.clone() * index.clone()).sum_dim(2);
            let distance = index - mean;
            let variance = (along * distance.clone() * distance).sum_dim(2);
            let error = variance.reshape(locations) - sigma * sigma;
            error.clone() * error
        })
        .reduce(|sum, error| sum + error)
        .expect("there is a spatial dimension")
}
