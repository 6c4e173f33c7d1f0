//! Which part of which line a unit works on, and where the numbers of a line stand.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::geometry::{Axis, Geometry};

/// The launch, as far as it varies at run time.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Grid {
    pub(super) lines: usize,
    pub(super) lanes: usize,
    pub(super) steps: usize,
    pub(super) splits: usize,
    pub(super) steps_per_split: usize,
}

/// The strides of one tensor, in vectors.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Place {
    pub(super) outer: usize,
    pub(super) step: usize,
    pub(super) lane: usize,
}

/// The launch, as far as a kernel is compiled for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct CubePlan {
    pub(super) axis: Axis,
    pub(super) team: usize,
    pub(super) lines_per_cube: usize,
    /// Whether a cube takes its lines whole.
    pub(super) whole: bool,
}

impl CubePlan {
    pub(super) fn new(axis: Axis, geometry: Geometry) -> Self {
        Self {
            axis,
            team: geometry.team,
            lines_per_cube: geometry.lines_per_cube,
            whole: geometry.splits == 1,
        }
    }

    /// Units of a cube.
    pub(super) fn units(self) -> usize {
        self.team * self.lines_per_cube
    }

    /// Units between members of a team.
    pub(super) fn neighbor(self) -> usize {
        match self.axis {
            Axis::Rows => 1,
            Axis::Columns => self.lines_per_cube,
        }
    }

    /// Neighbors in memory are neighbors in x.
    pub(super) fn cube_dim(self) -> CubeDim {
        let (team, lines) = (self.team as u32, self.lines_per_cube as u32);
        match self.axis {
            Axis::Rows => CubeDim::new_2d(team, lines),
            Axis::Columns => CubeDim::new_2d(lines, team),
        }
    }
}

/// The steps `first`, `first + team`, … below `end` of a line.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Work {
    /// Whether the line exists: the last cubes may have none left.
    pub(super) exists: bool,
    pub(super) line: usize,
    pub(super) outer: usize,
    pub(super) lane: usize,
    /// The part of the line that this cube takes.
    pub(super) split: usize,
    pub(super) rank: usize,
    /// The unit's position in its cube.
    pub(super) unit: usize,
    pub(super) first: usize,
    pub(super) end: usize,
}

#[cube]
impl Work {
    pub(super) fn new(grid: &Grid, #[comptime] plan: CubePlan) -> Work {
        let split = CUBE_POS % grid.splits;
        let group = CUBE_POS / grid.splits;
        let (rank, line) = match comptime!(plan.axis) {
            Axis::Rows => (UNIT_POS_X as usize, UNIT_POS_Y as usize),
            Axis::Columns => (UNIT_POS_Y as usize, UNIT_POS_X as usize),
        };
        let line = group * comptime!(plan.lines_per_cube) + line;
        let exists = line < grid.lines;
        let start = split * grid.steps_per_split;
        let end = select(exists, min(start + grid.steps_per_split, grid.steps), 0);
        Work {
            exists,
            line,
            outer: line / grid.lanes,
            lane: line % grid.lanes,
            split,
            rank,
            unit: UNIT_POS as usize,
            first: start + rank,
            end,
        }
    }

    /// Where the line starts in a tensor.
    pub(super) fn start(&self, place: &Place) -> usize {
        self.outer * place.outer + self.lane * place.lane
    }

    /// Where the line starts in a contiguous tensor.
    pub(super) fn contiguous(&self, grid: &Grid) -> usize {
        self.outer * grid.steps * grid.lanes + self.lane
    }

    /// Where the first of a line's numbers stands in a table of so many for each line. The others
    /// follow `lanes` apart.
    pub(super) fn numbers(&self, grid: &Grid, #[comptime] count: usize) -> usize {
        self.outer * count * grid.lanes + self.lane
    }
}

/// The indices along `dim` of the entries of one vector.
#[cube]
pub(super) fn indices<K: Int, N: Size>(step: usize, #[comptime] axis: Axis) -> Vector<K, N> {
    let lanes = N::value();
    match comptime!(axis) {
        Axis::Rows => {
            let first = K::cast_from(step) * K::from_int(comptime!(lanes as i64));
            let mut indices = Vector::<K, N>::new(first);
            #[unroll]
            for lane in 0..lanes {
                indices.insert(lane, first + K::from_int(comptime!(lane as i64)));
            }
            indices
        }
        Axis::Columns => Vector::new(K::cast_from(step)),
    }
}

/// What a line has one of, for each entry of a vector: the same for all along a row, and lane by
/// lane across columns.
#[cube]
pub(super) fn spread<T: Numeric, M: Size, N: Size>(line: Vector<T, M>) -> Vector<T, N> {
    let (lanes, lines) = (N::value(), M::value());
    if comptime!(lanes == lines) {
        Vector::cast_from(line)
    } else {
        Vector::new(line.extract(0usize))
    }
}
