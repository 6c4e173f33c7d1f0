//! The probabilities that a map should have: products of one line an axis, never in memory.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::super::{
    operator::{Types, Walk},
    raster::{Position, Raster},
};

/// Logarithms of the lines of every map, one after the other, x first. `L` is the float that sums run in.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Target<L: Float> {
    logs: Box<[L]>,
    /// Logarithms of a map.
    length: usize,
    raster: Raster,
    of: Scope,
}

/// What part of a map the lines are that a kernel reads.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Scope {
    /// Tables of lines of a map.
    pub(super) tables: usize,
    /// From an entry of a line to the next.
    pub(super) step: i32,
}

/// Where a unit reads next.
#[derive(CubeType)]
pub(super) struct Reader {
    /// Where the logarithms of the map start.
    logs: usize,
    position: Position,
    stride: Position,
}

#[cube]
impl<L: Float> Target<L> {
    pub(super) fn reader<P: Types>(&self, walk: &Walk) -> Reader {
        let lanes = P::N::value();
        let first = i32::cast_from(walk.outer % self.of.tables) * self.raster.width
            + i32::cast_from(walk.lane) * comptime!(lanes as i32)
            + walk.start * self.of.step;
        Reader {
            logs: walk.outer / self.of.tables * self.length,
            position: self.raster.position(first),
            stride: self
                .raster
                .position(comptime!(walk.stride as i32) * self.of.step),
        }
    }

    /// The logarithms of the next vector's probabilities.
    pub(super) fn next<P: Types>(&self, reader: &mut Reader) -> Vector<P::A, P::N> {
        let lanes = P::N::value();
        let x = reader.logs + usize::cast_from(reader.position.x);
        let y = reader.logs + usize::cast_from(self.raster.width + reader.position.y);
        let z = self.raster.width + self.raster.height + reader.position.z;
        let z = reader.logs + usize::cast_from(z);
        let others = self.logs[y] + self.logs[z];
        let mut logs = Vector::<P::A, P::N>::new(P::A::new(0.0_f32));
        #[unroll]
        for lane in 0..lanes {
            logs.insert(lane, P::A::cast_from(self.logs[x + lane] + others));
        }
        self.raster.advance(&mut reader.position, &reader.stride);
        logs
    }
}
