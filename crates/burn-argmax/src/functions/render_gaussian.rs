use burn_core::tensor::{Int, Tensor, activation::softmax};

use super::Coordinates;
use crate::losses::check_sigma;

/// Heatmaps with a Gaussian about each center: coordinates back to images.
///
/// `h_j = exp(-sum_a (c_a(j) - m_a)^2 / (2 sigma^2)) / Z`, with the distances in pixels and `Z` such
/// that each heatmap sums to 1.
///
/// # Arguments
///
/// * `centers` - `[batch, channels, coordinate]` in the order x, y, z.
/// * `sizes` - The spatial sizes in the order of memory: `[width]`, `[height, width]` or
///   `[depth, height, width]`.
/// * `sigma` - The standard deviation, in pixels.
/// * `coordinates` - The units of `centers`.
///
/// # Returns
///
/// `[batch, channels, spatial...]`, of the dtype of `centers`. A center outside of the image is
/// drawn as far as it reaches in; however far out it is, the heatmap sums to 1 and leans on the
/// border nearest to it. A center that is not finite gives NaN for that heatmap only.
///
/// # Gradient
///
/// Exact for `centers`, by Burn's graph.
///
/// # Panics
///
/// If `centers` has not one coordinate for each of one to three `sizes`, if the rank asked for is
/// another, if a size is 0, or if `sigma` is not finite and positive.
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
    sigma: f64,
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
        "render_gaussian: the result has rank {}, one for each of sizes {sizes:?} and two, got {D}",
        axes + 2
    );
    check_sigma("render_gaussian", sigma);

    let (device, dtype) = (centers.device(), centers.dtype());
    let pixels = coordinates.index_of(centers, sizes);
    (0..axes)
        .map(|axis| {
            let size = sizes[axes - 1 - axis];
            let index = Tensor::<1, Int>::arange(0..size as i64, &device)
                .float()
                .cast(dtype)
                .reshape([1, 1, size]);
            let distance = index
                - pixels
                    .clone()
                    .slice([0..batch, 0..channels, axis..axis + 1]);
            // A Gaussian is separable, and along one axis it is a softmax: never 0 / 0.
            let line = softmax(distance.clone() * distance * (-0.5 / (sigma * sigma)), 2);
            let mut shape = [1; D];
            (shape[0], shape[1], shape[D - 1 - axis]) = (batch, channels, size);
            line.reshape(shape)
        })
        .reduce(|product, line| product * line)
        .expect("there is an axis")
}
