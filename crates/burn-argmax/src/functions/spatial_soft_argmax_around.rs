use burn_core::tensor::{Bool, Int, IntDType, Tensor};

use super::{Coordinates, check_heatmaps, check_weighting, empty, spatial_soft_argmax};
use crate::{
    Weighting,
    precision::{accumulator, indices},
};

/// The expected positions around given pixels of each heatmap: several differentiable keypoints of one map.
///
/// For each center, `y = sum_j c(j) * p_j` over the pixels `j` within `radius` of it along every axis, as
/// [`spatial_soft_argmax`](crate::spatial_soft_argmax()) of these alone.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]`, with one to three spatial dimensions. A mask is a score
///   of `-inf`.
/// * `centers` - Pixel indices `[batch, channels, center, axis]` in the order x, y, z, such as the positions of
///   [`peaks`](crate::peaks()), rounded to the nearest. They are constants.
/// * `radius` - In pixels, at least 1. What lies outside of the map has no weight.
/// * `weighting` - How scores become weights: a number is the `beta` of a softmax, finite and `>= 0`; see
///   [`Weighting`]. A `.within()` is about the first maximum around a center.
/// * `coordinates` - The units of the result.
///
/// # Returns
///
/// `[batch, channels, center, axis]` in the order x, y, z and the dtype of `heatmaps`; computed in `f32` at least,
/// and rounded once. A center that is NaN or has no pixel of the map around it gives NaN, and so does one around
/// which there is a NaN or `+inf`, or masks alone; no other does. An empty batch gives an empty tensor, and so
/// does no center, but outside of the graph.
///
/// # Gradient
///
/// That of [`spatial_soft_argmax`](crate::spatial_soft_argmax()), for the pixels around a center; a pixel around
/// several gets the sum. Where what comes upstream for a center is exactly 0, so is what it leaves.
///
/// Memory is that of the pixels around all centers, of each no more than the map has.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0; if `centers` is not of the same batch
/// and channels, or has not one entry for each spatial dimension; if `radius` is 0; or if `weighting` is what
/// [`soft_argmax`](crate::soft_argmax()) refuses.
///
/// # Source
///
/// kornia's `conv_soft_argmax2d`, for the places that matter.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, peaks, spatial_soft_argmax_around};
///
/// let row = [0.0, 4.0, 4.0, 0.0, 0.0, 0.0, 0.0, 1.0, 6.0, 1.0];
/// let heatmaps = Tensor::<3>::from_floats([[row]], &Device::flex());
/// let found = peaks(heatmaps.clone(), 2, 2);
/// found.positions.clone().into_data().assert_eq(&[[[[8.0f32], [1.0]]]].into(), false);
/// let refined = spatial_soft_argmax_around(heatmaps, found.positions, 2, 5.0, Coordinates::Index);
/// refined.into_data().assert_approx_eq::<f32>(&[[[[8.0], [1.5]]]].into(), Default::default());
/// ```
#[track_caller]
pub fn spatial_soft_argmax_around<const D: usize>(
    heatmaps: Tensor<D>,
    centers: Tensor<4>,
    radius: usize,
    weighting: impl Into<Weighting>,
    coordinates: Coordinates,
) -> Tensor<4> {
    const OP: &str = "spatial_soft_argmax_around";

    check_heatmaps(OP, &heatmaps);
    let shape = heatmaps.dims();
    let (batch, channels, axes) = (shape[0], shape[1], D - 2);
    let [of_batch, of_channels, count, of_axes] = centers.dims();
    assert!(
        [of_batch, of_channels, of_axes] == [batch, channels, axes],
        "{OP}: centers must be [{batch}, {channels}, center, {axes}] for heatmaps of shape {shape:?}, got {:?}",
        centers.dims()
    );
    assert!(radius > 0, "{OP}: radius must be at least 1, got 0");
    let weighting = check_weighting(OP, weighting, heatmaps.dtype());
    let heatmaps = heatmaps.dequantize();
    let dtype = heatmaps.dtype();
    let maps = batch * channels;
    if maps * count == 0 {
        return match maps {
            0 => empty(heatmaps, [batch, channels, count, axes]),
            _ => Tensor::zeros([batch, channels, 0, axes], (&heatmaps.device(), dtype)),
        };
    }

    let wide = accumulator([dtype]);
    let pixels: usize = shape[2..].iter().product();
    let values: Tensor<2> = heatmaps.cast(wide).reshape([maps, pixels]);
    let centers = centers
        .dequantize()
        .detach()
        .cast(wide)
        .reshape([maps, count, axes]);
    let around = Around::new(centers, &shape[2..], radius);
    let entries = around.places.dims()[2];
    let found = values.gather(1, around.places.reshape([maps, count * entries]));
    let outside = around.outside.reshape([maps, count * entries]);
    let mut sizes = [maps; D];
    sizes[1] = count;
    sizes[2..].copy_from_slice(&around.window);
    let found: Tensor<D> = found.mask_fill(outside, f64::NEG_INFINITY).reshape(sizes);
    let position = spatial_soft_argmax(found, weighting, Coordinates::Index) + around.first;
    let position = coordinates.of_index(position, &shape[2..]);
    position.cast(dtype).reshape([batch, channels, count, axes])
}

/// The pixels around centers.
struct Around {
    /// `[maps, center, axis]`: the first pixel around each.
    first: Tensor<3>,
    /// In the order of memory: as many as may be around one along each axis.
    window: Vec<usize>,
    /// `[maps, center, pixel]`: their places in the map, or any where they are outside.
    places: Tensor<3, Int>,
    outside: Tensor<3, Bool>,
}

impl Around {
    fn new(centers: Tensor<3>, sizes: &[usize], radius: usize) -> Self {
        let [maps, count, axes] = centers.dims();
        let unknown = centers.clone().is_nan();
        let centers = centers.round();
        let mut firsts = Vec::new();
        let mut window = Vec::new();
        let mut places: Option<Tensor<3, Int>> = None;
        let mut outside: Option<Tensor<3, Bool>> = None;
        for (axis, &size) in sizes.iter().enumerate() {
            // Of one axis: [maps, center, width].
            let axis = axes - 1 - axis;
            let width = radius.saturating_mul(2).saturating_add(1).min(size);
            let center = centers.clone().narrow(2, axis, 1);
            let first = (center.clone() - radius as f64).clamp_min(0.0);
            let along = first.clone() + indices(width, 2, &first);
            let last = (center + radius as f64).clamp_max(size as f64 - 1.0);
            let lost = unknown
                .clone()
                .narrow(2, axis, 1)
                .expand([maps, count, width]);
            let out = along
                .clone()
                .greater(last.expand([maps, count, width]))
                .bool_or(lost);
            let along = along.mask_fill(out.clone(), 0.0).cast(IntDType::I32);
            firsts.insert(0, first);
            window.push(width);
            (places, outside) = match (places, outside) {
                (Some(places), Some(outside)) => {
                    let before = places.dims()[2];
                    let whole = [maps, count, before, width];
                    let places: Tensor<4, Int> =
                        places.unsqueeze_dim::<4>(3).expand(whole) * size as i64;
                    let places = places + along.unsqueeze_dim::<4>(2).expand(whole);
                    let outside: Tensor<4, Bool> = outside.unsqueeze_dim::<4>(3).expand(whole);
                    let outside = outside.bool_or(out.unsqueeze_dim::<4>(2).expand(whole));
                    let flat = [maps, count, before * width];
                    (Some(places.reshape(flat)), Some(outside.reshape(flat)))
                }
                _ => (Some(along), Some(out)),
            };
        }
        Self {
            first: Tensor::cat(firsts, 2),
            window,
            places: places.expect("a map has an axis"),
            outside: outside.expect("a map has an axis"),
        }
    }
}
