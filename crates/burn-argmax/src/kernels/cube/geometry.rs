//! How the lines of a tensor are laid over cubes. Plain arithmetic, testable without a device.
//!
//! A *line* is one lane of work along `dim`: a row, or, where lanes run across the inner
//! dimensions, a vector of neighboring columns. A *step* is one vector load along it. A *team* of
//! units shares a line, and a long line may be *split* over several cubes.

use burn_cubecl::cubecl::ir::HardwareProperties;

/// The most units of a cube. Enough to hide latency, and what every GPU allows.
const MAX_UNITS: usize = 256;

/// The shared memory that WebGPU promises. A constant, like the units: a device that has more gets
/// the same cubes, so that the order of summation does not depend on it.
const SHARED_BYTES: usize = 16_384;

/// Neighboring lines read together where lanes run across the inner dimensions.
const COALESCED_LINES: usize = 32;

/// Steps that are worth a unit of their own in a team.
const STEPS_PER_UNIT: usize = 4;

/// The longest chain of additions, and of merges, of one unit: its rounding errors stay well under
/// the tolerance, whatever the length of the line.
const MAX_CHAIN: usize = 128;

/// Steps that are worth a unit's share of a line when the line is split for occupancy alone.
const STEPS_PER_SPLIT_UNIT: usize = 16;

/// Below this many cubes a large device is partly idle, so long lines are split. A constant, not a
/// property of the device: the order of summation, and so the result, depends on the shape alone.
const ENOUGH_CUBES: usize = 1024;

/// Steps of one unit in a kernel that only maps.
const MAP_STEPS_PER_UNIT: usize = 8;

/// Whether vectors run along `dim` or across the inner dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Axis {
    /// The entries of a line are neighbors in memory.
    Rows,
    /// The same entries of neighboring lines are neighbors in memory.
    Columns,
}

/// What the launch depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) axis: Axis,
    /// Lines in all.
    pub(super) lines: usize,
    /// Steps of each line.
    pub(super) steps: usize,
    /// The most units of a cube here.
    pub(super) max_units: usize,
}

/// The shape of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Units that share a line. A power of two.
    pub(super) team: usize,
    /// Lines of a cube. A power of two.
    pub(super) lines_per_cube: usize,
    /// Cubes that share a line.
    pub(super) splits: usize,
    /// Steps of a line that one cube takes. A multiple of `team`.
    pub(super) steps_per_split: usize,
    /// Cubes in all.
    pub(super) cubes: usize,
}

impl Extent {
    /// The units of a cube, when each keeps so many bytes in shared memory.
    pub(super) fn max_units(hardware: &HardwareProperties, bytes_per_unit: usize) -> usize {
        let (x, y, _) = hardware.max_cube_dim;
        let device = hardware.max_units_per_cube.min(x).min(y) as usize;
        let shared = hardware.max_shared_memory_size.min(SHARED_BYTES);
        fitting_units(device, shared, bytes_per_unit)
    }

    /// For a kernel that reduces each line.
    pub(super) fn reduce(self) -> Geometry {
        let (team, lines_per_cube) = self.cube();
        let groups = self.lines.div_ceil(lines_per_cube);
        let for_accuracy = self.steps.div_ceil(team * MAX_CHAIN);
        let for_occupancy = ENOUGH_CUBES
            .div_ceil(groups)
            .min(self.steps / (team * STEPS_PER_SPLIT_UNIT));
        self.split(team, lines_per_cube, for_accuracy.max(for_occupancy))
    }

    /// For a kernel that merges the parts of each line, its steps. The team is as large as can be:
    /// merged by halves, the sums keep their precision where a chain would lose it. Where even so a
    /// unit had a long chain, as in the small cubes of a CPU, the lines are split again.
    pub(super) fn merge(self) -> Geometry {
        let team = self.steps.next_power_of_two().min(self.max_units);
        let lines = self.lines.next_power_of_two();
        let splits = self.steps.div_ceil(team * MAX_CHAIN);
        self.split(team, lines.min(self.max_units / team), splits)
    }

    /// For a kernel whose units do not share anything.
    pub(super) fn map(self) -> Geometry {
        let (team, lines_per_cube) = self.cube();
        let splits = self.steps.div_ceil(team * MAP_STEPS_PER_UNIT);
        self.split(team, lines_per_cube, splits)
    }

    fn cube(self) -> (usize, usize) {
        let lines = self.lines.next_power_of_two();
        let wanted_team = self.steps.div_ceil(STEPS_PER_UNIT).next_power_of_two();
        let team = match self.axis {
            Axis::Rows => wanted_team.min(self.max_units),
            Axis::Columns => {
                let together = lines.min(COALESCED_LINES).min(self.max_units);
                wanted_team.min(self.max_units / together)
            }
        };
        (team, lines.min(self.max_units / team))
    }

    fn split(self, team: usize, lines_per_cube: usize, splits: usize) -> Geometry {
        let steps_per_split = self.steps.div_ceil(splits.max(1)).next_multiple_of(team);
        let splits = self.steps.div_ceil(steps_per_split);
        Geometry {
            team,
            lines_per_cube,
            splits,
            steps_per_split,
            cubes: self.lines.div_ceil(lines_per_cube) * splits,
        }
    }
}

/// A power of two, and at least 1.
fn fitting_units(device: usize, shared: usize, bytes_per_unit: usize) -> usize {
    let fitting = MAX_UNITS.min(device).min(shared / bytes_per_unit.max(1));
    1 << fitting.max(1).ilog2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(axis: Axis, lines: usize, steps: usize) -> Extent {
        Extent {
            axis,
            lines,
            steps,
            max_units: 256,
        }
    }

    fn extents() -> impl Iterator<Item = Extent> {
        let sizes = [1, 2, 3, 31, 64, 1023, 4096, 65_537, 1_000_000];
        [Axis::Rows, Axis::Columns]
            .into_iter()
            .flat_map(move |axis| {
                sizes
                    .into_iter()
                    .flat_map(move |lines| sizes.map(|steps| extent(axis, lines, steps)))
            })
    }

    #[test]
    fn every_step_of_every_line_is_taken_once() {
        for extent in extents() {
            for geometry in [extent.reduce(), extent.merge(), extent.map()] {
                let Geometry {
                    team,
                    lines_per_cube,
                    splits,
                    steps_per_split,
                    cubes,
                } = geometry;
                assert!(team.is_power_of_two() && lines_per_cube.is_power_of_two());
                assert!(team * lines_per_cube <= 256, "{extent:?} {geometry:?}");
                assert_eq!(steps_per_split % team, 0);
                assert!(splits * steps_per_split >= extent.steps);
                assert!(
                    (splits - 1) * steps_per_split < extent.steps,
                    "no idle split"
                );
                assert_eq!(cubes % splits, 0);
                assert!(cubes / splits * lines_per_cube >= extent.lines);
            }
        }
    }

    #[test]
    fn no_unit_adds_a_long_chain() {
        for max_units in [1, 2, 16, 256] {
            for extent in extents() {
                let mut extent = Extent {
                    max_units,
                    ..extent
                };
                let mut geometry = extent.reduce();
                loop {
                    let chain = geometry.steps_per_split / geometry.team;
                    assert!(chain <= MAX_CHAIN, "{extent:?} {geometry:?}");
                    if geometry.splits == 1 {
                        break;
                    }
                    assert!(geometry.splits < extent.steps, "each launch leaves less");
                    extent.steps = geometry.splits;
                    geometry = extent.merge();
                }
            }
        }
    }

    #[test]
    fn a_few_long_rows_occupy_many_cubes() {
        assert!(extent(Axis::Rows, 1, 1 << 24).reduce().cubes >= ENOUGH_CUBES);
        assert_eq!(extent(Axis::Rows, 65_536, 16).reduce().splits, 1);
    }

    #[test]
    fn columns_are_read_together() {
        let geometry = extent(Axis::Columns, 8 * 96 * 32, 192).reduce();
        assert!(geometry.lines_per_cube >= COALESCED_LINES);
    }

    #[test]
    fn shared_memory_bounds_the_cube() {
        assert_eq!(fitting_units(1024, 16_384, 64), 256);
        assert_eq!(fitting_units(1024, 16_384, 128), 128);
        assert_eq!(fitting_units(96, 49_152, 16), 64);
    }
}
