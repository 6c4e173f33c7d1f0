use burn_core::tensor::Tensor;

use crate::{
    Weighting,
    broken::{blank, not_finite, restore},
    composed::accumulator_max,
    functions::{check_heatmaps, check_sigma, spatial_moments, variance_along},
    precision::sum_rows,
};

/// How far the spread of each heatmap is from a target width.
///
/// `l = sum_a (v_a - sigma^2)^2`, with `v_a` the variance of the position along axis `a`, of the heatmap
/// divided by its sum.
///
/// # Arguments
///
/// * `heatmaps` - Probabilities `[batch, locations, spatial...]`, as
///   [`spatial_softmax`](crate::spatial_softmax) gives them.
/// * `sigma` - The width wanted, in pixels.
///
/// # Returns
///
/// The losses `[batch, locations]`, in pixels to the fourth power. An entry of `-inf` is a mask. A heatmap
/// with a NaN or `+inf`, or whose sum is 0, gives NaN; the others are not touched. Computed in `f32` at
/// least, about the maximum, in one read of the heatmaps, and rounded once to their dtype.
///
/// # Gradient
///
/// Exact, in one read and one write: that of the variances under
/// [`Weighting::given`](crate::Weighting::given). From logits, the diagonal of
/// [`spatial_soft_argmax_moments`](crate::spatial_soft_argmax_moments()) gives the variances without the
/// heatmaps between.
///
/// It grows with the loss times the square of the distance, and is rounded to the dtype of the heatmaps: of
/// `f16` maps of more than some hundred pixels it may overflow. Cast logits to `f32` before the softmax
/// there.
///
/// An upstream gradient of exactly 0 gives exactly 0, whatever the heatmap holds. Any other gives NaN
/// where the loss is NaN.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `sigma` is not
/// finite and positive.
///
/// # Source
///
/// Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks", 2018; in
/// pixels, as dsntnn has it. That does not divide by the sum: of maps that sum to 1 the losses are the same,
/// and behind a softmax so are the gradients.
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
#[track_caller]
pub fn variance_loss<const D: usize>(heatmaps: Tensor<D>, sigma: f64) -> Tensor<2> {
    check_heatmaps("variance_loss", &heatmaps);
    check_sigma("variance_loss", sigma);
    let shape = heatmaps.dims();
    let (batch, locations, axes) = (shape[0], shape[1], D - 2);
    let heatmaps = heatmaps.dequantize();
    if batch * locations == 0 {
        return heatmaps.reshape([batch, locations]);
    }
    let dtype = heatmaps.dtype();
    let moments = spatial_moments(heatmaps, true, Weighting::given());
    let variances = (0..axes).map(|axis| variance_along(moments.clone(), axis));
    let variances = Tensor::cat(variances.collect(), 1).reshape([batch, locations, axes]);
    let broken = not_finite(variances.clone());
    // No larger, so that the slope stays finite where the loss overflows.
    let wanted = (sigma * sigma).min(accumulator_max(variances.dtype()));
    let error = blank(variances.clone(), &broken) - wanted;
    let loss = sum_rows(error.clone() * error);
    restore(loss, &broken, [variances]).cast(dtype)
}
