//! Where the entries of a map stand in it.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use crate::ops::SPATIAL_AXES as AXES;

/// Indices along x, y and z.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Position {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) z: i32,
}

/// The rows of a map.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Raster {
    pub(super) width: i32,
    pub(super) height: i32,
}

#[cube]
impl Raster {
    /// Of the entry at an index of the map.
    pub(super) fn position(&self, index: i32) -> Position {
        let row = index / self.width;
        Position {
            x: index % self.width,
            y: row % self.height,
            z: row / self.height,
        }
    }

    /// The index of the entry at a position.
    pub(super) fn index(&self, position: &Position) -> i32 {
        (position.z * self.height + position.y) * self.width + position.x
    }

    /// Moves a position on by a stride, without a division.
    pub(super) fn advance(&self, position: &mut Position, stride: &Position) {
        let x = position.x + stride.x;
        let beyond = x >= self.width;
        position.x = select(beyond, x - self.width, x);
        let y = position.y + stride.y + i32::cast_from(beyond);
        let beyond = y >= self.height;
        position.y = select(beyond, y - self.height, y);
        position.z += stride.z + i32::cast_from(beyond);
    }
}

#[cube]
impl Position {
    pub(super) fn along(&self, #[comptime] axis: usize) -> i32 {
        match comptime!(axis) {
            0 => self.x,
            1 => self.y,
            _ => self.z,
        }
    }

    /// From another position, along each axis.
    pub(super) fn distances<A: Float>(&self, other: &Position) -> Sequence<A> {
        let mut distances = Sequence::<A>::new();
        #[unroll]
        for axis in 0..AXES {
            distances.push(A::cast_from(self.along(axis) - other.along(axis)));
        }
        distances
    }

    /// From another position along x, for each entry of a vector that starts here.
    pub(super) fn across<A: Float, N: Size>(&self, other: &Position) -> Vector<A, N> {
        let lanes = N::value();
        let first = self.x - other.x;
        let mut distances = Vector::<i32, N>::new(first);
        #[unroll]
        for lane in 0..lanes {
            distances.insert(lane, first + comptime!(lane as i32));
        }
        Vector::cast_from(distances)
    }
}
