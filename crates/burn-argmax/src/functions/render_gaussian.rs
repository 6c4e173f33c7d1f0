use burn_core::tensor::Tensor;

use super::{
    Coordinates, Sigma,
    gaussian::{exponents, image, line},
};
use crate::{
    broken::{blank, not_finite, spoil},
    precision::accumulator,
};

/// Heatmaps with a Gaussian about each center: coordinates back to images.
///
/// `h_j = exp(-sum_a (c_a(j) - m_a)^2 / (2 sigma_a^2)) / Z`, with the distances in pixels and `Z` such
/// that each heatmap sums to 1.
///
/// # Arguments
///
/// * `centers` - `[batch, channels, coordinate]` in the order x, y, z.
/// * `sizes` - The spatial sizes in the order of memory: `[width]`, `[height, width]` or
///   `[depth, height, width]`.
/// * `sigma` - The standard deviation, in pixels: one number, or `[x, y, z]` as many as there are axes.
/// * `coordinates` - The units of `centers`.
///
/// # Returns
///
/// `[batch, channels, spatial...]`, of the dtype of `centers`; computed in `f32` at least, and rounded
/// once. A center outside of the image is drawn as far as it reaches in; however far out it is, the
/// heatmap sums to 1 and leans on the border nearest to it. A center that is not finite gives NaN for
/// that heatmap only. Any positive `sigma` will do: a tiny one gives all to the nearest pixel, or half to
/// each of two that are equally near, and a huge one the same to every pixel.
///
/// # Gradient
///
/// Exact for `centers`, by Burn's graph: 0 where a center is so far out that all is on the border. An
/// upstream gradient of exactly 0 gives exactly 0, also for a center that is not finite; any other
/// gives such a center NaN.
///
/// # Panics
///
/// If `centers` has not one coordinate for each of one to three `sizes`, if the rank asked for is
/// another, if a size is 0, if `sigma` is not finite and positive, or if it is neither one number nor
/// one for each axis.
///
/// # Source
///
/// kornia's `render_gaussian2d` and dsntnn's `make_gauss`.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, render_gaussian, spatial_soft_argmax};
///
/// let centers = Tensor::<3>::from_floats([[[5.25, 3.5]]], &Device::flex()); // x, y
/// let heatmaps: Tensor<4> = render_gaussian(centers, &[8, 12], 0.8, Coordinates::Index);
/// assert_eq!(heatmaps.dims(), [1, 1, 8, 12]);
/// assert!((heatmaps.sum().into_scalar::<f32>() - 1.0).abs() < 1e-5);
/// ```
#[track_caller]
pub fn render_gaussian<const D: usize>(
    centers: Tensor<3>,
    sizes: &[usize],
    sigma: impl Into<Sigma>,
    coordinates: Coordinates,
) -> Tensor<D> {
    let [batch, channels, axes] = centers.dims();
    assert!(
        (1..=3).contains(&sizes.len()) && sizes.iter().all(|&size| size > 0),
        "render_gaussian: sizes must be 1 to 3 numbers of at least 1, got {sizes:?}"
    );
    assert!(
        axes == sizes.len(),
        "render_gaussian: centers must have one coordinate for each of sizes {sizes:?}, got shape \
         {:?}",
        centers.dims()
    );
    assert!(
        D == axes + 2,
        "render_gaussian: the result must be a tensor of rank {}, [batch, channels] and sizes \
         {sizes:?}, got rank {D}",
        axes + 2
    );
    let sigma = sigma.into();
    let sigma = sigma.of_axes("render_gaussian", axes);

    let centers = centers.dequantize();
    let dtype = centers.dtype();
    let mut shape = [batch; D];
    shape[1] = channels;
    shape[2..].copy_from_slice(sizes);
    if batch * channels == 0 {
        return centers.reshape(shape);
    }
    let centers = centers.cast(accumulator([dtype]));
    let broken = not_finite(centers.clone());
    let lines = exponents(blank(centers.clone(), &broken), sizes, sigma, coordinates);
    // A Gaussian is separable.
    let lines = lines.into_iter().map(line).collect();
    let heatmaps: Tensor<D> = image(lines, |product, line| product * line);

    let mut one_each = [1; D];
    (one_each[0], one_each[1]) = (batch, channels);
    let mask = broken.clone().reshape(one_each).expand(shape);
    let term = spoil(&broken, [centers]).reshape(one_each);
    (heatmaps.mask_fill(mask, f64::NAN) + term).cast(dtype)
}
