use burn_core::tensor::Tensor;

use crate::{
    broken::{blank, not_finite, restore},
    composed::accumulator_max,
    functions::{check_heatmaps, check_sigma},
    precision::{accumulator, indices_along, sum_along, sum_rows},
};

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
/// The losses `[batch, locations]`, in pixels to the fourth power. A heatmap with a NaN or an
/// infinite entry gives NaN; the others are not touched. Computed in `f32` at least, with the sums in
/// levels, and rounded once to the dtype of `heatmaps`.
///
/// # Gradient
///
/// Exact, by Burn's graph. From logits, the diagonal of
/// [`spatial_soft_argmax_moments`](crate::spatial_soft_argmax_moments) gives the variances in one
/// fused pass.
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
#[track_caller]
pub fn variance_loss<const D: usize>(heatmaps: Tensor<D>, sigma: f64) -> Tensor<2> {
    check_heatmaps("variance_loss", &heatmaps);
    check_sigma("variance_loss", sigma);
    let shape = heatmaps.dims();
    let [batch, locations] = [shape[0], shape[1]];
    let heatmaps = heatmaps.dequantize();
    if batch * locations == 0 {
        return heatmaps.reshape([batch, locations]);
    }
    let dtype = heatmaps.dtype();
    let wide = accumulator([dtype]);
    let positions = shape[2..].iter().product();
    let rows = heatmaps.cast(wide).reshape([batch, locations, positions]);
    let broken = not_finite(rows.clone());
    let maps = blank(rows.clone(), &broken).reshape(shape);
    // No larger, so that the slope stays finite where the loss overflows.
    let wanted = (sigma * sigma).min(accumulator_max(wide));
    let loss = (2..D)
        .map(|dim| {
            let along = (2..D)
                .filter(|&other| other != dim)
                .fold(maps.clone(), sum_along)
                .reshape([batch, locations, shape[dim]]);
            let index = indices_along(&along, 2);
            let mean = sum_along(along.clone() * index.clone(), 2);
            let distance = index - mean;
            let variance = sum_rows(along * distance.clone() * distance);
            let error = variance - wanted;
            error.clone() * error
        })
        .reduce(|sum, error| sum + error)
        .expect("there is a spatial dimension");
    restore(loss, &broken, [rows]).cast(dtype)
}
