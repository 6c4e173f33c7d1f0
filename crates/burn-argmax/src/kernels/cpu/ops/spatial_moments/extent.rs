//! How large maps are, and the parts of them: windows, and the rows of a block.

use crate::{
    Weighting,
    kernels::cpu::{Element, Lines, traverse::Slot},
    ops::SPATIAL_AXES as AXES,
};

/// Pairs of axes in the order of the covariances: xx, xy, xz, yy, yz, zz.
pub(super) const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// The size of a map along x, y and z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent(pub [usize; AXES]);

impl Extent {
    /// Of `[maps, depth, height, width]`.
    pub fn of(heatmaps: &[usize]) -> Self {
        let [_, depth, height, width] = heatmaps else {
            unreachable!("the public functions give four dimensions");
        };
        Self([*width, *height, *depth])
    }

    pub(in crate::kernels::cpu::ops) fn len(self) -> usize {
        self.0.iter().product()
    }

    /// Of as many maps as there are.
    pub(super) fn maps<T>(self, heatmaps: &[T]) -> Lines {
        Lines {
            outer: heatmaps.len() / self.len(),
            n: self.len(),
            inner: 1,
        }
    }

    /// The radius of the window, if it does not cover every map.
    pub(super) fn window(self, weighting: Weighting) -> Option<usize> {
        let Self(sizes) = self;
        let radius = weighting.radius?;
        sizes.iter().any(|size| radius < size - 1).then_some(radius)
    }

    pub(super) fn position(self, index: usize) -> [i64; AXES] {
        let [width, height, _] = self.0;
        let position = [
            index % width,
            index / width % height,
            index / width / height,
        ];
        position.map(|coordinate| coordinate as i64)
    }

    /// The inverse of [`position`](Self::position).
    pub(super) fn place(self, position: [i64; AXES]) -> usize {
        let [width, height, _] = self.0;
        let [x, y, z] = position.map(|coordinate| coordinate as usize);
        (z * height + y) * width + x
    }
}

/// A part of every map, of an extent of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    whole: Extent,
    pub(super) first: [usize; AXES],
    pub(super) extent: Extent,
}

impl Window {
    /// Within `radius` of a place, along each axis.
    pub(super) fn about(whole: Extent, place: usize, radius: usize) -> Self {
        let center = whole.position(place).map(|coordinate| coordinate as usize);
        let first = center.map(|center| center.saturating_sub(radius));
        let extent = std::array::from_fn(|axis| {
            let end = center[axis].saturating_add(radius).saturating_add(1);
            end.min(whole.0[axis]) - first[axis]
        });
        Self {
            whole,
            first,
            extent: Extent(extent),
        }
    }

    /// Where the rows of the window begin in the map, in turn.
    pub(super) fn rows(self) -> impl Iterator<Item = usize> {
        let [x, y, z] = self.first.map(|coordinate| coordinate as i64);
        let [_, rows, layers] = self.extent.0.map(|size| size as i64);
        (z..z + layers).flat_map(move |z| (y..y + rows).map(move |y| self.whole.place([x, y, z])))
    }

    /// What is in the window of a map.
    pub(super) fn of<T: Copy>(self, map: &[T]) -> Vec<T> {
        let [width, ..] = self.extent.0;
        let mut inside = Vec::with_capacity(self.extent.len());
        for row in self.rows() {
            inside.extend_from_slice(&map[row..][..width]);
        }
        inside
    }

    /// Puts it there.
    pub(super) fn put<T: Element, S: Slot<T>>(self, inside: &[T], map: &mut [S]) {
        let [width, ..] = self.extent.0;
        for (row, inside) in self.rows().zip(inside.chunks_exact(width)) {
            S::put_all(&mut map[row..][..width], inside);
        }
    }

    /// Where a place of the window is in the map.
    pub(super) fn place(self, inside: usize) -> usize {
        let inside = self.extent.position(inside);
        let position = std::array::from_fn(|axis| inside[axis] + self.first[axis] as i64);
        self.whole.place(position)
    }
}

/// The parts of rows that a block is made of: their index in it, their length, and the distance of
/// their first element from a position.
#[inline(always)]
pub(super) fn rows(
    start: usize,
    length: usize,
    extent: Extent,
    center: [i64; AXES],
) -> impl Iterator<Item = (usize, usize, [i64; AXES])> {
    let [width, height, _] = extent.0;
    let [mut x, mut y, mut z] = extent.position(start);
    let mut begin = 0;
    std::iter::from_fn(move || {
        if begin == length {
            return None;
        }
        let taken = (width - x as usize).min(length - begin);
        let row = (begin, taken, [x - center[0], y - center[1], z - center[2]]);
        begin += taken;
        x = 0;
        y += 1;
        if y as usize == height {
            y = 0;
            z += 1;
        }
        Some(row)
    })
}
