//! The logarithm of a Gaussian along each axis of an image, as exact for a far center or a strange
//! width as for any other.

use burn_core::tensor::{DType, Tensor};

use super::Coordinates;
use crate::{
    composed::accumulator_max,
    precision::{indices, sum_along},
};

/// The exponents of the Gaussian along each axis, in the order x, y, z, each `[batch, locations,
/// size]` and 0 at the pixel nearest to the center. The centers are finite and at least `f32`, and
/// `sigma` is that of each axis.
pub(crate) fn exponents(
    centers: Tensor<3>,
    sizes: &[usize],
    sigma: &[f64],
    coordinates: Coordinates,
) -> Vec<Tensor<3>> {
    let [batch, locations, axes] = centers.dims();
    let pixels = coordinates.index_of(centers, sizes);
    (0..axes)
        .map(|axis| {
            let center = pixels
                .clone()
                .slice([0..batch, 0..locations, axis..axis + 1]);
            along_axis(center, sizes[axes - 1 - axis], sigma[axis])
        })
        .collect()
}

fn along_axis(center: Tensor<3>, size: usize, sigma: f64) -> Tensor<3> {
    let dtype = center.dtype();
    // A narrower one draws the same pixels and a wider one is flat: what is clamped here changes no
    // value, and keeps `1 / sigma` and its square finite.
    let widest = if dtype == DType::F64 { 1e150 } else { 1e30 };
    let sigma = sigma.clamp(1e-12, widest);
    // From further out, all is on the border already.
    let reach = (size as f64 + 1000.0 * sigma * sigma).min(accumulator_max(dtype) / 4.0);
    let last = size as f64 - 1.0;
    let center = center.clamp(-reach, last + reach);
    let nearest = center.clone().detach().clamp(0.0, last).round();
    let index = indices(size, 2, &center);
    // Half the difference of the squared distances of a pixel and of the nearest, as a product: the
    // squares themselves are equal in all their digits for a far center. Each factor is scaled before
    // they meet, since `sigma^2` may be out of range.
    let steps = (index.clone() - nearest.clone()) * (1.0 / sigma);
    let middle = (index + nearest) * 0.5;
    let offset = (middle - center) * (1.0 / sigma);
    // Finite, so that a target may be multiplied by its logarithm.
    (steps * offset).neg().clamp_min(-1e30)
}

/// The Gaussian along an axis, with sum 1.
pub(crate) fn line(exponents: Tensor<3>) -> Tensor<3> {
    let powers = exponents.exp();
    powers.clone() / sum_along(powers, 2)
}

/// Its logarithm.
pub(crate) fn log_line(exponents: Tensor<3>) -> Tensor<3> {
    let sum = sum_along(exponents.clone().exp(), 2);
    exponents - sum.log()
}

/// The lines of all axes, in the order x, y, z, made one image by `combine`.
pub(crate) fn image<const D: usize>(
    lines: Vec<Tensor<3>>,
    combine: fn(Tensor<D>, Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    lines
        .into_iter()
        .enumerate()
        .map(|(axis, line)| {
            let [batch, locations, size] = line.dims();
            let mut shape = [1; D];
            (shape[0], shape[1], shape[D - 1 - axis]) = (batch, locations, size);
            line.reshape(shape)
        })
        .reduce(combine)
        .expect("there is an axis")
}
