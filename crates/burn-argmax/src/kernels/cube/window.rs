//! Windows about the first maximum of every line: what is outside of them is read as a mask.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    bits::{finite_of_key, infinity},
    launch::Inputs,
    lines::Lines,
    operator::Types,
    peak::{INDEX, KEY, NUMBERS, peaks},
};

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

/// The first maximum of a line.
#[derive(CubeType)]
pub(super) struct Peak<P: Types> {
    key: Vector<P::K, P::N>,
    index: Vector<P::K, P::N>,
    /// Whether it is a NaN or `+inf`: such a line has no window.
    broken: Vector<bool, P::N>,
}

#[cube]
impl<P: Types> Peak<P> {
    /// From the numbers of a line, if there are any: else its maximum is 0, and it has no window.
    pub(super) fn of(numbers: &Sequence<Vector<P::K, P::N>>) -> Peak<P> {
        if comptime!(numbers.len() < NUMBERS) {
            Peak::<P> {
                key: Vector::new(P::K::from_int(0)),
                index: Vector::new(P::K::from_int(0)),
                broken: Vector::new(true),
            }
        } else {
            Peak::<P> {
                key: numbers[KEY],
                index: numbers[INDEX],
                broken: numbers[KEY].greater_equal(&Vector::new(infinity::<P::K>())),
            }
        }
    }

    /// The maximum, or 0 if it is not finite.
    pub(super) fn finite_max(&self) -> Vector<P::A, P::N> {
        finite_of_key::<P::A, P::K, P::N>(self.key)
    }
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
    radius: usize,
    space: Space,
    width: usize,
    height: usize,
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

impl Inputs {
    /// With the windows of lines, if these have a radius: one more read of the scores.
    pub(super) fn within(self, lines: &Lines, radius: Option<usize>) -> Self {
        self.with_windows(lines, radius, Space::Line, [1, 1])
    }

    /// With those of maps of a `[width, height]`.
    pub(super) fn within_maps(
        self,
        lines: &Lines,
        radius: Option<usize>,
        sizes: [usize; 2],
    ) -> Self {
        self.with_windows(lines, radius, Space::Map, sizes)
    }

    fn with_windows(
        mut self,
        lines: &Lines,
        radius: Option<usize>,
        space: Space,
        [width, height]: [usize; 2],
    ) -> Self {
        if let Some(radius) = radius {
            self.known = Some(peaks(lines, self.clone()));
            self.windows = Some(Windows {
                radius,
                space,
                width,
                height,
            });
        }
        self
    }
}
