//! The running softmax sums of a map.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    super::{
        finite::not_finite,
        line::{CubePlan, Place, Work},
        moments::weight,
    },
    AXES, PAIRS,
    raster::{Position, Raster},
};
use crate::ops::spatial_moments_len;

/// Softmax sums over some entries of a map, about a centre: with `w_j = exp(beta * (x_j - max))`,
/// `sum` is `sum_j w_j`, and `moments` are the sums weighted by the distance from the centre along
/// each axis, and with covariance by the products of these distances, as in [`PAIRS`].
///
/// The centre is where the maximum stands, so that a sharp peak far from the origin loses nothing:
/// the terms of the moments are then as small as the weights beside the peak. Any entry is as good
/// where all are the smallest finite number.
///
/// A `sum` of 0 means no entry. A centre of -1 with the largest finite number for its maximum marks
/// an input that has no softmax, and leads over all others. The marks are ordinary numbers because a
/// compiler need not respect a NaN.
#[derive(CubeType)]
pub(super) struct Sums<A: Float> {
    pub(super) max: A,
    /// The index of the centre.
    pub(super) centre: i32,
    /// The same in coordinates.
    pub(super) position: Position,
    pub(super) sum: A,
    pub(super) moments: Sequence<A>,
}

/// Whether the second of two centres becomes that of both: of equal maxima, the first one's.
#[cube]
fn leads<A: Float>(max: A, centre: i32, other_max: A, other_centre: i32) -> bool {
    let ties = other_max == max;
    other_max > max || (ties && other_centre < centre)
}

#[cube]
fn lane_sum<A: Float, N: Size>(lanes: Vector<A, N>) -> A {
    let count = N::value();
    let mut sum = lanes.extract(0usize);
    #[unroll]
    for lane in 1..count {
        sum += lanes.extract(lane);
    }
    sum
}

#[cube]
impl<A: Float> Sums<A> {
    /// Of no entry, about a centre.
    pub(super) fn empty(
        max: A,
        centre: i32,
        raster: &Raster,
        #[comptime] covariance: bool,
    ) -> Self {
        let mut moments = Sequence::<A>::new();
        #[unroll]
        for _ in 0..comptime!(spatial_moments_len(covariance)) {
            moments.push(A::new(0.0_f32));
        }
        Sums::<A> {
            max,
            centre,
            position: raster.position(centre),
            sum: A::new(0.0_f32),
            moments,
        }
    }

    /// The same sums about a maximum that is no smaller, at another centre.
    fn raise(&mut self, max: A, centre: i32, position: &Position, beta: A) {
        let fall = Vector::<A, Const<1>>::new(self.max - max);
        let factor = weight::<A, Const<1>>(fall, beta).extract(0usize);
        let shift = self.position.distances::<A>(position);
        #[unroll]
        for entry in AXES..comptime!(self.moments.len()) {
            let (a, b) = comptime!(PAIRS[entry - AXES]);
            let moved = shift[a] * self.moments[b]
                + shift[b] * self.moments[a]
                + shift[a] * shift[b] * self.sum;
            self.moments[entry] = factor * (self.moments[entry] + moved);
        }
        #[unroll]
        for axis in 0..AXES {
            self.moments[axis] = factor * (self.moments[axis] + shift[axis] * self.sum);
        }
        self.sum *= factor;
        self.max = max;
        self.centre = centre;
        self.position.x = position.x;
        self.position.y = position.y;
        self.position.z = position.z;
    }

    /// With one more vector of a row, the first entry of which is at `index`. An absent entry has
    /// weight 0.
    fn observe<N: Size>(
        &mut self,
        values: Vector<A, N>,
        absent: Vector<bool, N>,
        index: i32,
        position: &Position,
        beta: A,
    ) {
        let lanes = N::value();
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let x = select_many(absent, Vector::new(A::min_value()), values);
        let mut top = x.extract(0usize);
        #[unroll]
        for lane in 1..lanes {
            top = max(top, x.extract(lane));
        }
        // A branch, for it is rarely taken past the first few vectors.
        if top > self.max {
            let mut first = 0i32;
            #[unroll]
            for others in 0..lanes {
                let lane = comptime!(lanes - 1 - others);
                first = select(x.extract(lane) == top, comptime!(lane as i32), first);
            }
            let peak = Position {
                x: position.x + first,
                y: position.y,
                z: position.z,
            };
            self.raise(top, index + first, &peak, beta);
        }

        let weights = weight::<A, N>(x - Vector::new(self.max), beta);
        let weights = select_many(absent, zero, weights);
        let x = position.across::<A, N>(&self.position);
        let weighted = weights * x;
        let sum = lane_sum::<A, N>(weights);
        let sum_x = lane_sum::<A, N>(weighted);
        // The other axes are the same for the whole vector.
        let distances = position.distances::<A>(&self.position);
        let y = distances[1];
        let z = distances[2];
        let sum_y = sum * y;
        let sum_z = sum * z;
        self.sum += sum;
        self.moments[0] += sum_x;
        self.moments[1] += sum_y;
        self.moments[2] += sum_z;
        if comptime!(self.moments.len() > AXES) {
            self.moments[3] += lane_sum::<A, N>(weighted * x);
            self.moments[4] += sum_x * y;
            self.moments[5] += sum_x * z;
            self.moments[6] += sum_y * y;
            self.moments[7] += sum_y * z;
            self.moments[8] += sum_z * z;
        }
    }

    /// With the entries of `other`, whose sums are moved to the common centre.
    pub(super) fn merge(&mut self, other: &mut Self, beta: A) {
        let other_leads = leads::<A>(self.max, self.centre, other.max, other.centre);
        let max = select(other_leads, other.max, self.max);
        let centre = select(other_leads, other.centre, self.centre);
        let position = Position {
            x: select(other_leads, other.position.x, self.position.x),
            y: select(other_leads, other.position.y, self.position.y),
            z: select(other_leads, other.position.z, self.position.z),
        };
        self.raise(max, centre, &position, beta);
        other.raise(max, centre, &position, beta);
        self.sum += other.sum;
        #[unroll]
        for entry in 0..comptime!(self.moments.len()) {
            self.moments[entry] += other.moments[entry];
        }
    }

    /// Puts sum and moments so far apart, for neighbours to lie beside each other.
    pub(super) fn store(&self, numbers: &mut [A], at: usize, apart: usize) {
        numbers[at] = self.sum;
        #[unroll]
        for entry in 0..comptime!(self.moments.len()) {
            numbers[at + comptime!(1 + entry) * apart] = self.moments[entry];
        }
    }

    /// With sum and moments about the same centre, put there by [`store`](Sums::store).
    pub(super) fn add_stored(&mut self, numbers: &[A], at: usize, apart: usize) {
        self.sum += numbers[at];
        #[unroll]
        for entry in 0..comptime!(self.moments.len()) {
            self.moments[entry] += numbers[at + comptime!(1 + entry) * apart];
        }
    }
}

/// The sums of the entries that a unit takes.
#[cube]
pub(super) fn unit_sums<E: Float, A: Float, N: Size>(
    heatmaps: &Tensor<Vector<E, N>>,
    heatmaps_place: &Place,
    raster: &Raster,
    work: &Work,
    beta: A,
    #[comptime] plan: CubePlan,
    #[comptime] covariance: bool,
) -> Sums<A> {
    let lanes = N::value();
    let start = work.start(heatmaps_place);
    let mut sums = Sums::<A>::empty(A::min_value(), 0i32, raster, covariance);
    let mut spoiled = Vector::<bool, N>::new(false);
    let mut step = work.first;
    let mut index = i32::cast_from(step) * comptime!(lanes as i32);
    let mut position = raster.position(index);
    while step < work.end {
        let values = Vector::<A, N>::cast_from(heatmaps[start + step * heatmaps_place.step]);
        let kind = not_finite::<A, N>(values);
        spoiled = spoiled.or(kind.not_masked);
        sums.observe::<N>(values, kind.any, index, &position, beta);
        step += comptime!(plan.team);
        index += comptime!((plan.team * lanes) as i32);
        raster.advance(&mut position);
    }
    #[unroll]
    for lane in 0..lanes {
        let spoiled = spoiled.extract(lane);
        sums.max = select(spoiled, A::max_value(), sums.max);
        sums.centre = select(spoiled, -1i32, sums.centre);
    }
    sums
}

/// Floats that [`Sums::store`] puts.
pub(super) fn stored_numbers(covariance: bool) -> usize {
    1 + spatial_moments_len(covariance)
}

/// Bytes of shared memory that [`merge_team`] takes for each unit.
pub(super) fn exchange_bytes(accumulator_size: usize, covariance: bool) -> usize {
    (1 + stored_numbers(covariance)) * accumulator_size + size_of::<i32>()
}

/// Merges the sums of a team by halves, once all are about the same centre; the unit of rank 0 is
/// left with the whole. Every unit of the cube must come here, for the barriers.
///
/// Through shared memory and not by plane operations, which WGSL devices need not have.
#[cube]
pub(super) fn merge_team<A: Float>(
    sums: &mut Sums<A>,
    raster: &Raster,
    work: &Work,
    beta: A,
    #[comptime] plan: CubePlan,
    #[comptime] covariance: bool,
) {
    let team = comptime!(plan.team);
    let units = comptime!(plan.units());
    let neighbour = comptime!(plan.neighbour());
    if comptime!(team > 1) {
        let unit = work.unit;
        let mut maxima = Shared::<[A]>::new_slice(units);
        let mut centres = Shared::<[i32]>::new_slice(units);
        maxima[unit] = sums.max;
        centres[unit] = sums.centre;
        #[unroll]
        for level in 0..comptime!(team.ilog2() as usize) {
            let half = comptime!(team >> (level + 1));
            sync_cube();
            if work.rank < half {
                let other = unit + half * neighbour;
                if leads::<A>(maxima[unit], centres[unit], maxima[other], centres[other]) {
                    maxima[unit] = maxima[other];
                    centres[unit] = centres[other];
                }
            }
        }
        sync_cube();
        let leader = unit - work.rank * neighbour;
        let centre = centres[leader];
        sums.raise(maxima[leader], centre, &raster.position(centre), beta);

        let mut numbers = Shared::<[A]>::new_slice(comptime!(units * stored_numbers(covariance)));
        sums.store(&mut numbers, unit, units);
        #[unroll]
        for level in 0..comptime!(team.ilog2() as usize) {
            let half = comptime!(team >> (level + 1));
            sync_cube();
            if work.rank < half {
                sums.add_stored(&numbers, unit + half * neighbour, units);
                sums.store(&mut numbers, unit, units);
            }
        }
    }
}
