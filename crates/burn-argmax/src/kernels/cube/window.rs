//! Windows about the first maximum of every line: what is outside of them becomes a mask.

use burn_core::{backend::TensorMetadata, tensor::Shape};
use burn_cubecl::{cubecl, ops::reshape, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::infinity,
    launch::Inputs,
    lines::Lines,
    operator::{Entry, Map, Types, Walk},
    peak::{INDEX, KEY, peaks},
};

/// The scores within a radius of the first maximum along each axis of a map, and masks elsewhere. A line
/// is a map of one row. One with a NaN or `+inf` stays as it is.
#[derive(CubeType, CubeLaunch)]
struct Window {
    radius: i32,
    width: i32,
    height: i32,
    mask: InputScalar,
}

#[cube]
impl Window {
    fn is_far<P: Types>(
        &self,
        one: Vector<P::K, P::N>,
        other: Vector<P::K, P::N>,
    ) -> Vector<bool, P::N> {
        let radius = Vector::<P::K, P::N>::new(P::K::cast_from(self.radius));
        (one - other)
            .greater_than(&radius)
            .or((other - one).greater_than(&radius))
    }
}

/// The peak of a line.
#[derive(CubeType)]
struct Peak<P: Types> {
    is_broken: Vector<bool, P::N>,
    index: Vector<P::K, P::N>,
}

#[cube]
impl Map for Window {
    type Line<P: Types> = Peak<P>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Self::Line<P> {
        Peak::<P> {
            is_broken: state[KEY].greater_equal(&Vector::new(infinity::<P::K>())),
            index: state[INDEX],
        }
    }

    fn map<P: Types>(op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let width = Vector::<P::K, P::N>::new(P::K::cast_from(op.width));
        let height = Vector::<P::K, P::N>::new(P::K::cast_from(op.height));
        let (row, peak_row) = (entry.index / width, line.index / width);
        let (layer, peak_layer) = (row / height, peak_row / height);
        let along_x = op.is_far::<P>(entry.index - row * width, line.index - peak_row * width);
        let along_y = op.is_far::<P>(row - layer * height, peak_row - peak_layer * height);
        let outside = along_x.or(along_y).or(op.is_far::<P>(layer, peak_layer));
        let outside = select_many(line.is_broken, Vector::new(false), outside);
        select_many(outside, Vector::new(op.mask.get::<P::A>()), entry.x)
    }
}

fn masked(
    lines: &Lines,
    values: CubeTensor,
    radius: usize,
    width: usize,
    height: usize,
) -> CubeTensor {
    let inputs = Inputs::of(lines.view(values));
    let peaks = peaks(lines, inputs.clone());
    // A line has at most 2^30 entries.
    let radius = radius.min(1 << 30) as i32;
    let op = WindowLaunch::new(radius, width as i32, height as i32, lines.mask());
    lines.map::<Window>(inputs, peaks, None, op)
}

/// Lines with masks outside of their windows, if these have a radius.
pub(crate) fn lines_within(logits: CubeTensor, dim: usize, radius: Option<usize>) -> CubeTensor {
    let Some(radius) = radius else {
        return logits;
    };
    let lines = Lines::new("within", "logits", &logits, dim);
    let width = lines.length();
    masked(&lines, logits, radius, width, 1)
}

/// The same of maps `[maps, depth, height, width]`.
pub(crate) fn maps_within(heatmaps: CubeTensor, radius: Option<usize>) -> CubeTensor {
    let Some(radius) = radius else {
        return heatmaps;
    };
    let shape = heatmaps.shape();
    let (height, width) = (shape[2], shape[3]);
    let flat = reshape(heatmaps, Shape::from([shape[0], shape[1] * height * width]));
    let lines = Lines::new("within", "heatmaps", &flat, 1);
    reshape(masked(&lines, flat, radius, width, height), shape)
}
