//! The sums of a few elements at a time of columns, a vector of them side by side.

use super::{LineOp, Partials, finite_max, line_op::at};
use crate::kernels::cpu::{
    Accumulator,
    plan::REDUCED_ROWS,
    simd::{LANES, raise},
};

/// The sums of a block of elements of neighboring columns, about their maxima so far.
#[derive(Clone, Copy)]
pub(super) struct BlockSums<A, const SUMS: usize> {
    max: [A; LANES],
    center: [A; LANES],
    sums: [[A; LANES]; SUMS],
}

impl<A: Accumulator, const SUMS: usize> BlockSums<A, SUMS> {
    /// Of no line.
    pub const NONE: Self = Self {
        max: [A::ZERO; LANES],
        center: [A::ZERO; LANES],
        sums: [[A::ZERO; LANES]; SUMS],
    };

    /// Nothing yet, about the maxima of what came before.
    #[inline(always)]
    pub fn about(before: &Partials<A, SUMS>) -> Self {
        Self {
            max: before.max,
            center: before.center,
            ..Self::NONE
        }
    }

    /// With [`REDUCED_ROWS`] more elements of each line, and their coordinates.
    #[inline(always)]
    pub fn observe<O, const STATE: usize, const FMA: bool, const FLAT: bool>(
        &mut self,
        values: impl Fn(usize) -> [A; LANES],
        coordinates: impl Fn(usize) -> [A; LANES],
        op: O,
    ) where
        O: LineOp<A, SUMS, STATE>,
    {
        let old = *self;
        let mut max = old.max;
        for row in 0..REDUCED_ROWS {
            raise(&mut max, values(row));
        }
        // From the last to the first, so that the first of equal maxima is left, and before all of
        // them the one that was there.
        let mut center = old.center;
        for row in (0..REDUCED_ROWS).rev() {
            let (values, coordinates) = (values(row), coordinates(row));
            for lane in 0..LANES {
                let hit = values[lane] == max[lane];
                center[lane] = if hit { coordinates[lane] } else { center[lane] };
            }
        }
        for lane in 0..LANES {
            let stays = old.max[lane] == max[lane];
            center[lane] = if stays {
                old.center[lane]
            } else {
                center[lane]
            };
        }
        let mut about = max;
        for lane in 0..LANES {
            about[lane] = finite_max(max[lane]);
        }

        let mut sums = [[A::ZERO; LANES]; SUMS];
        for row in 0..REDUCED_ROWS {
            let mut distances = coordinates(row);
            for lane in 0..LANES {
                distances[lane] = distances[lane].sub(center[lane]);
            }
            op.observe::<FMA, FLAT>(&mut sums, values(row), about, distances);
        }

        let mut moved = [[A::ZERO; LANES]; SUMS];
        for lane in 0..LANES {
            let scale = op.shrink::<FMA, FLAT>(old.max[lane], about[lane]);
            let shift = old.center[lane].sub(center[lane]);
            let lane_sums = O::moved::<A, FMA>(at(&old.sums, lane), scale, shift);
            for sum in 0..SUMS {
                moved[sum][lane] = lane_sums[sum];
            }
        }
        for sum in 0..SUMS {
            for lane in 0..LANES {
                self.sums[sum][lane] = moved[sum][lane].add(sums[sum][lane]);
            }
        }
        self.max = max;
        self.center = center;
    }

    /// Adds what was summed about these maxima to what came before, which moves to the same.
    #[inline(always)]
    pub fn add_to<O, const STATE: usize, const FMA: bool, const FLAT: bool>(
        &self,
        before: &mut Partials<A, SUMS>,
        op: O,
    ) where
        O: LineOp<A, SUMS, STATE>,
    {
        for lane in 0..LANES {
            let about = finite_max(self.max[lane]);
            let scale = op.shrink::<FMA, FLAT>(before.max[lane], about).to_f64();
            let shift = before.center[lane].sub(self.center[lane]).to_f64();
            let moved = O::moved::<f64, FMA>(at(&before.sums, lane), scale, shift);
            for (sum, moved) in moved.iter().enumerate() {
                before.sums[sum][lane] = moved + self.sums[sum][lane].to_f64();
            }
        }
        before.max = self.max;
        before.center = self.center;
    }
}
