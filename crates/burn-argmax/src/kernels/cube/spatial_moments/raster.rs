//! Where the entries of a map stand in it.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    super::{geometry::Axis, line::indices},
    AXES, Maps,
};

/// Indices along x, y and z.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Position {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) z: i32,
}

/// The rows of a map, and how far it is from one vector of a unit to its next.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Raster {
    width: i32,
    height: i32,
    stride_x: i32,
    stride_y: i32,
    stride_z: i32,
}

/// For units that take every `team`th vector.
pub(super) fn raster(maps: &Maps, team: usize) -> RasterLaunch {
    let (width, height) = (maps.width, maps.height);
    let stride = team * maps.layout.vector_size;
    let sizes = [
        width,
        height,
        stride % width,
        stride / width % height,
        stride / width / height,
    ];
    // A map has at most 2^30 entries, and a stride fewer than 2^12.
    let [width, height, x, y, z] = sizes.map(|size| size as i32);
    RasterLaunch::new(width, height, x, y, z)
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

    /// The position of the unit's next vector, without a division.
    pub(super) fn advance(&self, position: &mut Position) {
        let x = position.x + self.stride_x;
        let beyond = x >= self.width;
        position.x = select(beyond, x - self.width, x);
        let y = position.y + self.stride_y + i32::cast_from(beyond);
        let beyond = y >= self.height;
        position.y = select(beyond, y - self.height, y);
        position.z += self.stride_z + i32::cast_from(beyond);
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
        let lanes = Vector::<A, N>::cast_from(indices::<N>(0usize, Axis::Rows));
        Vector::new(A::cast_from(self.x - other.x)) + lanes
    }
}
