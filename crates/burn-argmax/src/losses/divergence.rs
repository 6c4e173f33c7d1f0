use burn_core::tensor::Tensor;

use super::checks::check_device;
use crate::{
    Coordinates,
    broken::{blank, not_finite, not_probable, restore},
    functions::{
        check_heatmaps, check_sigma,
        gaussian::{exponents, image, log_line},
    },
    precision::accumulator,
};

/// Added to a probability under a logarithm, which is finite then; dsntnn's number.
pub(super) const TINY: f64 = 1e-24;

/// A divergence of heatmaps from the Gaussians about their centers, in the dtype of the heatmaps.
/// `divergence` gets the probabilities and the logarithms of the Gaussians, `[batch, locations,
/// positions]`.
#[track_caller]
pub(super) fn of_gaussians<const D: usize>(
    op: &str,
    heatmaps: Tensor<D>,
    centers: Tensor<3>,
    sigma: f64,
    coordinates: Coordinates,
    divergence: fn(Tensor<3>, Tensor<3>) -> Tensor<2>,
) -> Tensor<2> {
    check_heatmaps(op, &heatmaps);
    check_sigma(op, sigma);
    let shape = heatmaps.dims();
    let [batch, locations] = [shape[0], shape[1]];
    let wanted = [batch, locations, D - 2];
    assert!(
        centers.dims() == wanted,
        "{op}: centers must be {wanted:?} for heatmaps of shape {shape:?}, got {:?}",
        centers.dims()
    );
    check_device(
        op,
        ["heatmaps", "centers"],
        [&heatmaps.device(), &centers.device()],
    );
    let (heatmaps, centers) = (heatmaps.dequantize(), centers.dequantize());
    if batch * locations == 0 {
        return heatmaps.reshape([batch, locations]);
    }
    let dtype = heatmaps.dtype();
    let wide = accumulator([dtype, centers.dtype()]);
    let positions = shape[2..].iter().product();
    let rows = heatmaps.cast(wide).reshape([batch, locations, positions]);
    let centers = centers.cast(wide);
    let broken = not_probable(rows.clone()).bool_or(not_finite(centers.clone()));

    let lines = exponents(
        blank(centers.clone(), &broken),
        &shape[2..],
        sigma,
        coordinates,
    );
    let lines = lines.into_iter().map(log_line).collect();
    let log_gaussian: Tensor<D> = image(lines, |sum, line| sum + line);
    let log_gaussian = log_gaussian.reshape([batch, locations, positions]);
    let losses = divergence(blank(rows.clone(), &broken), log_gaussian);
    restore(losses, &broken, [rows, centers]).cast(dtype)
}
