//! Mean and covariance of the pixel index, of `[maps, depth, height, width]`.

use alloc::{vec, vec::Vec};

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor, IntTensor},
    },
    tensor::Shape,
};

use super::{
    one_hot::first_argmax,
    rows::{Rows, argmax, center},
    tensors::{cast, entry_of, float_dtype, indices, is_silent, widen},
    window,
};
use crate::{Weighting, ops::SPATIAL_AXES as AXES};

/// The dimension of `[maps, depth, height, width]` that an axis runs along: x is the last.
const DIM_OF_AXIS: [usize; AXES] = [3, 2, 1];

/// Pairs of axes in the order of the covariances.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// Numbers of the maps, `[maps, 1]`, where they can be broadcast to `[maps, depth, height, width]`.
fn of_maps<B: Backend>(numbers: FloatTensor<B>) -> FloatTensor<B> {
    let maps = numbers.shape()[0];
    B::float_reshape(numbers, Shape::from([maps, 1, 1, 1]))
}

/// `[maps, positions]`.
fn flat(shape: &Shape) -> Shape {
    Shape::from([shape[0], shape[1] * shape[2] * shape[3]])
}

/// What can be broadcast to `[maps, depth, height, width]`, as `[maps, positions]`.
fn flatten<B: Backend>(values: FloatTensor<B>, shape: &Shape) -> FloatTensor<B> {
    B::float_reshape(B::float_expand(values, shape.clone()), flat(shape))
}

/// The place along each axis of an index into every map, `[maps, 1]`.
fn places<B: Backend>(index: IntTensor<B>, shape: &Shape) -> [IntTensor<B>; AXES] {
    let (height, width) = (shape[2] as i64, shape[3] as i64);
    let row = B::int_div_scalar(index.clone(), width.into());
    [
        B::int_remainder_scalar(index, width.into()),
        B::int_remainder_scalar(row.clone(), height.into()),
        B::int_div_scalar(row, height.into()),
    ]
}

/// The position of the maximum of every map along each axis, `[maps, 1]`.
fn centers<B: Backend>(heatmaps: FloatTensor<B>, shape: &Shape) -> [FloatTensor<B>; AXES] {
    let dtype = heatmaps.dtype();
    let argmax = argmax::<B>(heatmaps, 1);
    places::<B>(argmax, shape).map(|index| center::<B>(index, dtype))
}

/// The positions of maps of a `shape` farther than `radius` along some axis from the first maximum of
/// their map, if there is a radius.
pub(crate) fn outside<B: Backend>(
    heatmaps: &FloatTensor<B>,
    shape: &Shape,
    radius: Option<usize>,
) -> Option<BoolTensor<B>> {
    let radius = radius?;
    let device = heatmaps.device();
    let first = first_argmax::<B>(heatmaps.clone(), 1);
    let distant = places::<B>(first, shape)
        .into_iter()
        .zip(DIM_OF_AXIS)
        .map(|(center, dim)| {
            let center = B::int_reshape(center, Shape::from([shape[0], 1, 1, 1]));
            let distant = window::distant::<B>(shape, dim, center, radius, &device);
            B::bool_expand(distant, shape.clone())
        })
        .reduce(B::bool_or)
        .expect("there are axes");
    let distant = B::bool_reshape(distant, flat(shape));
    Some(window::in_sound_rows::<B>(distant, heatmaps, 1))
}

/// The distance of every position from the center of its map along each axis.
fn distances<B: Backend>(shape: &Shape, center: [FloatTensor<B>; AXES]) -> [FloatTensor<B>; AXES] {
    let mut dims = DIM_OF_AXIS.into_iter();
    center.map(|center| {
        let dim = dims.next().expect("a dimension for each axis");
        let dtype = float_dtype(center.dtype());
        let indices = indices::<B>(shape, dim, &center.device());
        B::float_sub(B::int_into_float(indices, dtype), of_maps::<B>(center))
    })
}

/// The distance of every position from the mean, which is at `offset` from the center.
fn deviations<B: Backend>(
    distances: [FloatTensor<B>; AXES],
    offset: &[FloatTensor<B>; AXES],
) -> [FloatTensor<B>; AXES] {
    let mut offset = offset.iter().cloned();
    distances.map(|distance| {
        let offset = offset.next().expect("an offset for each axis");
        B::float_sub(distance, of_maps::<B>(offset))
    })
}

/// The products of the deviations along two axes, in the order of the covariances.
fn products<B: Backend>(deviations: &[FloatTensor<B>; AXES]) -> Vec<FloatTensor<B>> {
    PAIRS
        .into_iter()
        .map(|(a, b)| B::float_mul(deviations[a].clone(), deviations[b].clone()))
        .collect()
}

/// The moments, and the state for the backward pass.
pub fn spatial_moments_forward<B: Backend>(
    heatmaps: FloatTensor<B>,
    covariance: bool,
    weighting: Weighting,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let shape = heatmaps.shape();
    let heatmaps = B::float_reshape(heatmaps, flat(&shape));
    let center = centers::<B>(heatmaps.clone(), &shape);
    let outside = outside::<B>(&heatmaps, &shape, weighting.radius);
    let rows = Rows::<B>::new(heatmaps, 1, weighting.weights, outside);
    let mean = |values| rows.offset(flatten::<B>(values, &shape));
    let distances = distances::<B>(&shape, center.clone());
    let offset = distances.clone().map(mean);
    let mut second = Vec::new();
    if covariance {
        let deviations = deviations::<B>(distances, &offset);
        second.extend(products::<B>(&deviations).into_iter().map(mean));
    }

    let moments = center.iter().zip(&offset);
    let moments = moments.map(|(center, offset)| B::float_add(center.clone(), offset.clone()));
    let moments: Vec<_> = moments.chain(second.iter().cloned()).collect();
    let mut state = vec![rows.max, rows.sum];
    state.extend(center);
    state.extend(offset);
    state.extend(second);
    (B::float_cat(moments, 1), B::float_cat(state, 1))
}

/// The gradient of the moments.
pub fn spatial_moments_backward<B: Backend>(
    heatmaps: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    covariance: bool,
    weighting: Weighting,
) -> FloatTensor<B> {
    let (dtype, shape) = (heatmaps.dtype(), heatmaps.shape());
    let grad = widen::<B>(grad);
    let (rows, slopes) = slopes::<B>(heatmaps, state, covariance, weighting);
    let slope = slopes
        .into_iter()
        .enumerate()
        .map(|(entry, slope)| B::float_mul(slope, entry_of::<B>(grad.clone(), 1, entry)))
        .reduce(B::float_add)
        .expect("there are axes");
    let gradient = rows.gradient(slope, is_silent::<B>(grad, 1));
    cast::<B>(B::float_reshape(gradient, shape), dtype)
}

/// The slope of each moment along each score, `[maps, positions]`, but for the root of the
/// rate.
pub(super) fn slopes<B: Backend>(
    heatmaps: FloatTensor<B>,
    state: FloatTensor<B>,
    covariance: bool,
    weighting: Weighting,
) -> (Rows<B>, Vec<FloatTensor<B>>) {
    let shape = heatmaps.shape();
    let at = |entry| entry_of::<B>(state.clone(), 1, entry);
    let heatmaps = B::float_reshape(heatmaps, flat(&shape));
    let outside = outside::<B>(&heatmaps, &shape, weighting.radius);
    let rows = Rows::<B>::with_max(heatmaps, at(0), 1, weighting.weights, outside);
    let distances = distances::<B>(&shape, [2, 3, 4].map(at));
    let deviations = deviations::<B>(distances, &[5, 6, 7].map(at));
    let mut from_mean = deviations.to_vec();
    if covariance {
        let products = products::<B>(&deviations).into_iter().enumerate();
        from_mean.extend(
            products.map(|(pair, product)| B::float_sub(product, of_maps::<B>(at(8 + pair)))),
        );
    }
    // Multiplied as maps: Burn's fusion reads zeros where a tensor that is broadcast along its last
    // dimensions is reshaped before.
    let steepness = B::float_reshape(rows.steepness(), shape.clone());
    let slopes = from_mean
        .into_iter()
        .map(|distance| B::float_mul(steepness.clone(), distance))
        .map(|slope| B::float_reshape(slope, flat(&shape)))
        .collect();
    (rows, slopes)
}
