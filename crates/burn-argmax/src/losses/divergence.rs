use burn_core::tensor::Tensor;

use super::checks::check_device;
use crate::{
    Coordinates,
    broken::{blank, not_finite, spoil},
    functions::{
        check_heatmaps, check_sigma,
        dispatch::dispatch,
        gaussian::{exponents, log_line},
    },
    precision::accumulator,
};

/// Added to a probability under a logarithm, which is finite then; dsntnn's number.
pub(crate) const TINY: f64 = 1e-24;

/// A divergence of a distribution `p` from another, `q`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Divergence {
    /// `sum p log(p / q)`.
    KullbackLeibler,
    /// `sum (p log(p / m) + q log(q / m)) / 2` with `m = (p + q) / 2`.
    JensenShannon,
}

/// A divergence of heatmaps from the Gaussians about their centers, in the dtype of the heatmaps.
#[track_caller]
pub(super) fn of_gaussians<const D: usize>(
    op: &str,
    heatmaps: Tensor<D>,
    centers: Tensor<3>,
    sigma: f64,
    coordinates: Coordinates,
    divergence: Divergence,
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
    let wide = accumulator([dtype]);
    let finest = accumulator([dtype, centers.dtype()]);
    let centers = centers.cast(finest);
    let broken = not_finite(centers.clone());
    let known = blank(centers.clone(), &broken);
    let lines = exponents(known, &shape[2..], &[sigma; 3], coordinates);
    let lines: Tensor<3> = Tensor::cat(lines.into_iter().map(log_line).collect(), 2);
    let entries = lines.dims()[2];
    let mask = broken
        .clone()
        .reshape([batch, locations, 1])
        .expand([batch, locations, entries]);
    let lines = lines.mask_fill(mask, f64::NAN).cast(wide);

    let mut sizes = [1; 3];
    sizes[5 - D..].copy_from_slice(&shape[2..]);
    let [depth, height, width] = sizes;
    let maps = heatmaps.reshape([batch * locations, depth, height, width]);
    // An axis of one that the heatmaps lack has a line too: of 1, whose logarithm is 0.
    let missing = Tensor::zeros([batch * locations, 5 - D], (&lines.device(), wide));
    let lines = lines.reshape([batch * locations, entries]);
    let lines = Tensor::cat(vec![lines, missing], 1).into_dispatch();
    let losses: Tensor<2> = dispatch!(divergence(maps, lines, divergence));
    let losses = losses.reshape([batch, locations]);
    (losses + spoil(&broken, [centers]).cast(wide)).cast(dtype)
}
