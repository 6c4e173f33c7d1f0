use burn_core::tensor::{
    Bool, DType, ElementConversion, FloatDType, IndexingUpdateOp, Int, Tensor, kind::Ordered,
};

use super::{check_heatmaps, dispatch::dispatch};
use crate::precision::accumulator;

/// The local maxima that [`peaks`] finds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peaks {
    /// The indices of their pixels, `[batch, channels, peak, axis]` in the order x, y, z. NaN where there is no
    /// further peak.
    pub positions: Tensor<4>,
    /// Their values, `[batch, channels, peak]`, from the largest on. `-inf` where there is no further peak.
    pub scores: Tensor<3>,
}

/// The `k` largest local maxima of each heatmap: where several things may be.
///
/// A pixel is a local maximum if none within `radius` of it along every axis is larger. Of equal ones within
/// `radius` of each other it is the first. So two peaks are never as near as that.
///
/// # Arguments
///
/// * `heatmaps` - Scores `[batch, channels, spatial...]`, with one to three spatial dimensions. A mask is a score
///   of `-inf`.
/// * `k` - How many to find in each heatmap, at least 1.
/// * `radius` - In pixels, at least 1.
///
/// # Returns
///
/// [`Peaks`], in `f32`, or `f64` for `f64`: the pixel indices of a large map have more digits than half precision.
/// Of equal peaks the first comes first. A flat background has a peak too, its first pixel: the scores tell it from
/// others. A heatmap with a NaN or `+inf` has NaN for all of its positions and scores;
/// others are not touched by it. An empty batch gives empty tensors.
///
/// [`spatial_soft_argmax_around`](crate::spatial_soft_argmax_around()) refines the positions, with a gradient.
/// Losses of coordinates take `[batch, locations, axis]`: `.reshape([batch, channels * k, axes])`.
///
/// # Gradient
///
/// None: positions are constant but for jumps. `heatmaps` may be tracked.
///
/// # Panics
///
/// If `heatmaps` has not one to three spatial dimensions, or one of size 0, or if `k` or `radius` is 0.
///
/// # Source
///
/// The non-maximum suppression of Zhou, Wang and Krähenbühl, "Objects as Points", 2019.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::peaks;
///
/// let heatmap = [[0.0, 3.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0, 5.0]];
/// let heatmaps = Tensor::<4>::from_floats([[heatmap]], &Device::flex());
/// let peaks = peaks(heatmaps, 2, 1);
/// peaks.positions.into_data().assert_eq(&[[[[4.0f32, 1.0], [1.0, 0.0]]]].into(), false);
/// peaks.scores.into_data().assert_eq(&[[[5.0f32, 3.0]]].into(), false);
/// ```
#[track_caller]
pub fn peaks<const D: usize>(heatmaps: Tensor<D>, k: usize, radius: usize) -> Peaks {
    check_heatmaps("peaks", &heatmaps);
    assert!(k > 0, "peaks: k must be at least 1, got 0");
    assert!(radius > 0, "peaks: radius must be at least 1, got 0");
    let shape = heatmaps.dims();
    let (batch, channels, axes) = (shape[0], shape[1], D - 2);
    let heatmaps = heatmaps.detach().dequantize();
    let wide = accumulator([heatmaps.dtype()]);
    let maps = batch * channels;
    if maps == 0 {
        let options = (&heatmaps.device(), wide);
        return Peaks {
            positions: Tensor::zeros([batch, channels, k, axes], options),
            scores: Tensor::zeros([batch, channels, k], options),
        };
    }

    let values: Tensor<2> = heatmaps
        .cast(wide)
        .reshape([maps, shape[2..].iter().product()]);
    let masked = values.clone().equal_elem(f64::NEG_INFINITY);
    let broken = values
        .clone()
        .is_finite()
        .bool_or(masked)
        .bool_not()
        .any_dim(1);
    let others = local_maxima(values.clone(), &shape[2..], radius).bool_not();
    let mut left = values.mask_fill(others, f64::NEG_INFINITY);
    let (mut indices, mut scores) = (Vec::new(), Vec::new());
    for _ in 0..k {
        let index: Tensor<2, Int> = dispatch!(first_argmax(left.clone(), 1));
        scores.push(left.clone().gather(1, index.clone()));
        let nothing = left
            .clone()
            .slice([0..maps, 0..1])
            .full_like(f64::NEG_INFINITY);
        left = left.scatter(1, index.clone(), nothing, IndexingUpdateOp::Add);
        indices.push(index);
    }
    let each = broken.expand([maps, k]);
    let scores = Tensor::cat(scores, 1).mask_fill(each.clone(), f64::NAN);
    let none = scores.clone().equal_elem(f64::NEG_INFINITY).bool_or(each);
    let mut index = Tensor::cat(indices, 1);
    let mut positions = Vec::new();
    for &size in shape[2..].iter().rev() {
        let along = index.clone() % size as i64;
        let along = along
            .cast(FloatDType::from(wide))
            .mask_fill(none.clone(), f64::NAN);
        positions.push(along.reshape([batch, channels, k, 1]));
        index = index / size as i64;
    }
    Peaks {
        positions: Tensor::cat(positions, 3),
        scores: scores.reshape([batch, channels, k]),
    }
}

/// Which pixels of maps of these sizes are not exceeded within the radius, nor equalled by one before them.
fn local_maxima(values: Tensor<2>, sizes: &[usize], radius: usize) -> Tensor<2, Bool> {
    let [maps, pixels] = values.dims();
    let highest = maxima_within(values.clone(), sizes, radius, f64::NEG_INFINITY);
    let candidates = values.equal(highest);
    // The last of indices that count down is the first of those that count up.
    let countdown: Vec<i32> = (1..=pixels as i32).rev().collect();
    let countdown =
        Tensor::<1, Int>::from_data(countdown.as_slice(), (&candidates.device(), DType::I32));
    let ranks = countdown.reshape([1, pixels]).expand([maps, pixels]);
    let ranks = ranks.mask_fill(candidates.clone().bool_not(), 0);
    let first = maxima_within(ranks.clone(), sizes, radius, 0);
    candidates.bool_and(ranks.equal(first))
}

/// The largest of each pixel's surroundings. Outside of the map all are `nothing`.
fn maxima_within<K: Ordered, E: ElementConversion + Copy>(
    mut values: Tensor<2, K>,
    sizes: &[usize],
    radius: usize,
    nothing: E,
) -> Tensor<2, K> {
    let [maps, pixels] = values.dims();
    let mut inner = 1;
    for &size in sizes.iter().rev() {
        let radius = radius.min(size - 1);
        let lines: Tensor<3, K> = values.reshape([maps * pixels / (size * inner), size, inner]);
        values = maxima_of_lines(lines, radius, nothing).reshape([maps, pixels]);
        inner *= size;
    }
    values
}

/// Of lines along the second dimension: windows of twice the width from two of the last, and at the end two that
/// overlap.
fn maxima_of_lines<K: Ordered, E: ElementConversion + Copy>(
    lines: Tensor<3, K>,
    radius: usize,
    nothing: E,
) -> Tensor<3, K> {
    let [outer, _, inner] = lines.dims();
    let border = Tensor::full(
        [outer, radius, inner],
        nothing,
        (&lines.device(), lines.dtype()),
    );
    let mut maxima = match radius {
        0 => return lines,
        _ => Tensor::cat(vec![border.clone(), lines, border], 1),
    };
    let window = 2 * radius + 1;
    let mut width = 1;
    while width < window {
        let step = width.min(window - width);
        let left = maxima.dims()[1] - step;
        let part = |start| maxima.clone().narrow(1, start, left);
        maxima = part(0).max_pair(part(step));
        width += step;
    }
    maxima
}
