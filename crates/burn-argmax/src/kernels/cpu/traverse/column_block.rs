//! The sums of a few elements at a time of columns, a vector of them side by side.

use super::{LineOp, Partials, finite_max, line_op::at};
use crate::kernels::cpu::{
    Accumulator,
    plan::{LANES, REDUCED_ROWS},
    simd::raise,
};

/// The sums of a block of elements of neighboring columns, about their maxima so far.
#[derive(Clone, Copy)]
pub(super) struct BlockSums<A, const SUMS: usize> {
    max: [A; LANES],
    center: [A; LANES],
    sums: [[A; LANES]; SUMS],
}

impl<A: Accumulator, const SUMS: usize> BlockSums<A, SUMS> {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        max: [A::NEG_INFINITY; LANES],
        center: [A::ZERO; LANES],
        sums: [[A::ZERO; LANES]; SUMS],
    };

    /// With [`REDUCED_ROWS`] more elements of each line, and their coordinates.
    #[inline(always)]
    pub fn observe<O, const STATE: usize, const FMA: bool>(
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
            op.observe::<FMA>(&mut sums, values(row), about, distances);
        }

        let mut moved = [[A::ZERO; LANES]; SUMS];
        for lane in 0..LANES {
            let scale = op.shrink::<FMA>(old.max[lane], about[lane]);
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

    /// What was summed, where nothing came before.
    #[inline(always)]
    pub fn partials(&self) -> Partials<A, SUMS> {
        Partials::new(self.max, self.center, self.sums)
    }

    /// Adds what was summed to what came before.
    #[inline(always)]
    pub fn add_to<O, const STATE: usize, const FMA: bool>(
        &self,
        before: &mut Partials<A, SUMS>,
        op: O,
    ) where
        O: LineOp<A, SUMS, STATE>,
    {
        for lane in 0..LANES {
            let (old, new) = (before.max[lane], self.max[lane]);
            let (max, center) = if new > old {
                (new, self.center[lane])
            } else {
                (old, before.center[lane])
            };
            let moved = |sums: [f64; SUMS], from: A, its_center: A| {
                let scale = op.shrink::<FMA>(from, finite_max(max)).to_f64();
                O::moved::<f64, FMA>(sums, scale, its_center.sub(center).to_f64())
            };
            let sums = at(&self.sums, lane).map(A::to_f64);
            let later = moved(sums, new, self.center[lane]);
            let earlier = moved(at(&before.sums, lane), old, before.center[lane]);
            for sum in 0..SUMS {
                before.sums[sum][lane] = earlier[sum] + later[sum];
            }
            before.max[lane] = max;
            before.center[lane] = center;
        }
    }
}
