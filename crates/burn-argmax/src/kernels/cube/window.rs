//! Windows about the first maximum of every line: what is outside of them is read as a mask.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{lines::Lines, operator::Types, peak::Peak};

/// How windows lie in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// There are none.
    Without,
    Line,
    /// The line is a map, and a vector does not reach over the end of a row.
    Map,
}

/// Scores within a radius of the first maximum along each axis stay what they are.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Window {
    radius: i32,
    width: i32,
    height: i32,
    mask: InputScalar,
    #[cube(comptime)]
    space: Space,
}

#[cube]
impl Window {
    /// The scores at some indices, and masks in the place of those outside.
    pub(super) fn masked<P: Types>(
        &self,
        scores: Vector<P::A, P::N>,
        index: Vector<P::K, P::N>,
        peak: &Peak<P>,
    ) -> Vector<P::A, P::N> {
        if comptime!(self.space == Space::Without) {
            scores
        } else {
            let outside = self.is_outside::<P>(index, peak.index);
            let outside = select_many(peak.broken, Vector::new(false), outside);
            select_many(outside, Vector::new(self.mask.get::<P::A>()), scores)
        }
    }

    fn is_outside<P: Types>(
        &self,
        index: Vector<P::K, P::N>,
        peak: Vector<P::K, P::N>,
    ) -> Vector<bool, P::N> {
        if comptime!(self.space == Space::Map) {
            let row = i32::cast_from(index.extract(0usize)) / self.width;
            let peak_row = i32::cast_from(peak.extract(0usize)) / self.width;
            let (layer, peak_layer) = (row / self.height, peak_row / self.height);
            let along_z = layer - peak_layer;
            let along_y = row - peak_row - along_z * self.height;
            let far = self.is_far(along_y) || self.is_far(along_z);
            let rows = P::K::cast_from((row - peak_row) * self.width);
            self.are_far::<P>(index - peak - Vector::new(rows))
                .or(Vector::new(far))
        } else {
            self.are_far::<P>(index - peak)
        }
    }

    fn is_far(&self, distance: i32) -> bool {
        distance > self.radius || distance < -self.radius
    }

    fn are_far<P: Types>(&self, distances: Vector<P::K, P::N>) -> Vector<bool, P::N> {
        let radius = P::K::cast_from(self.radius);
        distances
            .greater_than(&Vector::new(radius))
            .or(distances.less_than(&Vector::new(P::K::from_int(0) - radius)))
    }
}

/// The windows of lines.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    pub(super) radius: usize,
    pub(super) space: Space,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Windows {
    pub(super) fn launch(windows: Option<Self>, lines: &Lines) -> WindowLaunch {
        let (radius, space, width, height) = match windows {
            Some(windows) => (windows.radius, windows.space, windows.width, windows.height),
            None => (0, Space::Without, 1, 1),
        };
        // A line has at most 2^30 entries.
        let radius = radius.min(1 << 30) as i32;
        WindowLaunch::new(radius, width as i32, height as i32, lines.mask(), space)
    }
}
