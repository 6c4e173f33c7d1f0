//! The sums of a few elements at a time of interleaved lines, a vector of them side by side.

use super::{
    Accumulator,
    beta::{Beta, finite_max},
    partial::{LANES, Partials},
};

/// Elements of each line that are held while their maximum is found and their weights are summed.
pub(crate) const DEPTH: usize = 8;

/// The sums of a block of elements of neighbouring lines, about their maxima so far.
#[derive(Clone, Copy)]
pub(crate) struct Sums<A> {
    max: [A; LANES],
    centre: [A; LANES],
    sum: [A; LANES],
    weighted: [A; LANES],
}

impl<A: Accumulator> Sums<A> {
    /// Of no line.
    pub const NONE: Self = Self {
        max: [A::ZERO; LANES],
        centre: [A::ZERO; LANES],
        sum: [A::ZERO; LANES],
        weighted: [A::ZERO; LANES],
    };

    /// Nothing yet, about the maxima of what came before.
    #[inline(always)]
    pub fn about(before: &Partials<A>) -> Self {
        Self {
            max: before.max,
            centre: before.centre,
            ..Self::NONE
        }
    }

    /// With [`DEPTH`] more elements of each line, and their coordinates.
    #[inline(always)]
    pub fn observe<const FMA: bool, const FLAT: bool>(
        &mut self,
        values: impl Fn(usize) -> [A; LANES],
        coordinates: impl Fn(usize) -> [A; LANES],
        beta: Beta<A>,
    ) {
        let old = *self;
        let mut max = old.max;
        for row in 0..DEPTH {
            let values = values(row);
            for lane in 0..LANES {
                max[lane] = if values[lane] > max[lane] {
                    values[lane]
                } else {
                    max[lane]
                };
            }
        }
        // From the last to the first, so that the first of equal maxima is left, and before all of
        // them the one that was there.
        let mut centre = old.centre;
        for row in (0..DEPTH).rev() {
            let (values, coordinates) = (values(row), coordinates(row));
            for lane in 0..LANES {
                let hit = values[lane] == max[lane];
                centre[lane] = if hit { coordinates[lane] } else { centre[lane] };
            }
        }
        for lane in 0..LANES {
            let stays = old.max[lane] == max[lane];
            centre[lane] = if stays {
                old.centre[lane]
            } else {
                centre[lane]
            };
        }
        // A line of masks so far weighs nothing, but a NaN in it must not be lost.
        let mut about = max;
        for lane in 0..LANES {
            about[lane] = finite_max(max[lane]);
        }

        let mut sums = [A::ZERO; LANES];
        let mut weighted = [A::ZERO; LANES];
        for row in 0..DEPTH {
            let (values, coordinates) = (values(row), coordinates(row));
            for lane in 0..LANES {
                let e = beta.weight::<FMA, FLAT>(values[lane], about[lane]);
                let distance = coordinates[lane].sub(centre[lane]);
                sums[lane] = sums[lane].add(e);
                weighted[lane] = e.mul_add::<FMA>(distance, weighted[lane]);
            }
        }

        for lane in 0..LANES {
            let scale = beta.weight::<FMA, FLAT>(old.max[lane], about[lane]);
            let shift = old.centre[lane].sub(centre[lane]);
            // The scale comes first: where it is 0, the product stays 0 however far the centre moves.
            let sum = scale.mul(old.sum[lane]);
            let moved = shift.mul_add::<FMA>(sum, scale.mul(old.weighted[lane]));
            self.sum[lane] = sum.add(sums[lane]);
            self.weighted[lane] = moved.add(weighted[lane]);
        }
        self.max = max;
        self.centre = centre;
    }

    /// Adds what was summed about these maxima to what came before, which moves to the same.
    #[inline(always)]
    pub fn add_to<const FMA: bool, const FLAT: bool>(
        &self,
        before: &mut Partials<A>,
        beta: Beta<A>,
    ) {
        for lane in 0..LANES {
            let about = finite_max(self.max[lane]);
            let scale = beta.weight::<FMA, FLAT>(before.max[lane], about).to_f64();
            let shift = before.centre[lane].sub(self.centre[lane]).to_f64();
            let moved = before.weighted[lane] + shift * before.sum[lane];
            before.sum[lane] = scale * before.sum[lane] + self.sum[lane].to_f64();
            before.weighted[lane] = scale * moved + self.weighted[lane].to_f64();
        }
        before.max = self.max;
        before.centre = self.centre;
    }
}
