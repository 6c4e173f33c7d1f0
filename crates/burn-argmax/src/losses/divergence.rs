use burn_core::tensor::{DType, Tensor};

use crate::{Coordinates, functions::check_heatmaps, render_gaussian};

/// The target of a heatmap: a Gaussian about each center, beside the heatmaps, all `[batch,
/// locations, positions]`.
pub(super) fn beside_target<const D: usize>(
    op: &str,
    heatmaps: Tensor<D>,
    centers: Tensor<3>,
    sigma: f64,
    coordinates: Coordinates,
) -> [Tensor<3>; 2] {
    check_heatmaps(op, &heatmaps);
    super::checks::check_sigma(op, sigma);
    let shape = heatmaps.dims();
    let wanted = [shape[0], shape[1], D - 2];
    assert!(
        centers.dims() == wanted,
        "{op}: centers must be {wanted:?} for heatmaps of shape {shape:?}, got {:?}",
        centers.dims()
    );
    let target: Tensor<D> = render_gaussian(centers, &shape[2..], sigma, coordinates);
    let positions = shape[2..].iter().product();
    [heatmaps, target].map(|maps| maps.reshape([shape[0], shape[1], positions]))
}

/// `sum_j p_j * (log p_j - log q_j)`, `[batch, locations]`.
pub(super) fn kl_divergence(p: Tensor<3>, q: Tensor<3>) -> Tensor<2> {
    // Keeps log 0 finite; the smallest that the dtype holds well.
    let tiny = match p.dtype() {
        DType::F16 => 1e-7,
        _ => 1e-24,
    };
    let log_ratio = (p.clone() + tiny).log() - (q + tiny).log();
    (p * log_ratio).sum_dim(2).squeeze_dim(2)
}
