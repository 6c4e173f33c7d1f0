//! The running softmax sums of a line, lane by lane.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    finite::not_finite,
    line::{CubePlan, Work},
};

/// Softmax sums over some entries, about a centre: with `w_i = exp(beta * (x_i - max))`, `sum` is
/// `sum_i w_i` and `moment` is `sum_i (coordinate_i - centre) * w_i`.
///
/// The centre is the coordinate of the maximum, so that a sharp peak far from the origin loses
/// nothing: the terms of `moment` are then as small as the weights beside the peak.
///
/// A `sum` of 0 means no entry; -1 marks an input that has no softmax. The marker is an ordinary
/// number because a compiler need not respect a NaN.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Moments<A: Float, C: Numeric, N: Size> {
    pub(super) max: Vector<A, N>,
    pub(super) sum: Vector<A, N>,
    pub(super) moment: Vector<A, N>,
    pub(super) centre: Vector<C, N>,
}

/// `exp(beta * difference)` for a difference that is not positive.
///
/// The product is kept finite on the way: 0 * -inf is not a weight of 1, as `beta = 0` must give,
/// and `exp` of -1000 is 0 in every precision.
#[cube]
pub(super) fn weight<A: Float, N: Size>(difference: Vector<A, N>, beta: A) -> Vector<A, N> {
    let finite = max(difference, Vector::new(A::min_value()));
    let exponent = Vector::new(beta) * finite;
    max(exponent, Vector::new(A::new(-1000.0_f32))).exp()
}

#[cube]
impl<A: Float, C: Numeric, N: Size> Moments<A, C, N> {
    /// Of no entry.
    pub(super) fn empty(centre: Vector<C, N>) -> Self {
        Moments::<A, C, N> {
            max: Vector::new(A::min_value()),
            sum: Vector::new(A::new(0.0_f32)),
            moment: Vector::new(A::new(0.0_f32)),
            centre,
        }
    }

    /// With one more entry in each lane: `-inf` has weight 0, NaN and `+inf` spoil the line.
    ///
    /// Of the two factors, the old sums' and the new entry's, one is 1: one `exp` gives both.
    pub(super) fn observe(&mut self, x: Vector<A, N>, at: Vector<C, N>, beta: A) {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let one = Vector::<A, N>::new(A::new(1.0_f32));

        let kind = not_finite::<A, N>(x);
        let absent = kind.any;
        let spoiled = kind.not_masked.or(self.sum.less_than(&zero));

        let x = select_many(absent, Vector::new(A::min_value()), x);
        // Also as the first entry: it may be no greater than the maximum of none.
        let first = self.sum.equal(&zero);
        let rises = select_many(
            absent,
            Vector::new(false),
            first.or(x.greater_than(&self.max)),
        );
        let factor = weight::<A, N>(zero - (x - self.max).abs(), beta);
        let arriving = select_many(absent, zero, select_many(rises, one, factor));
        let keep = select_many(rises, factor, one);
        let kept = self.sum * keep;

        // About the old centre the entry adds `distance * arriving`; about its own, the old sums
        // move by `-distance * kept`.
        let distance = Vector::<A, N>::cast_from(at - self.centre);
        let distance = select_many(absent, zero, distance);
        self.moment = self.moment * keep + distance * select_many(rises, zero - kept, arriving);
        self.sum = select_many(spoiled, zero - one, kept + arriving);
        self.centre = select_many(rises, at, self.centre);
        self.max = select_many(rises, x, self.max);
    }

    /// With the entries of `other`. The lower of two equal maxima's coordinates is the centre, in
    /// whatever order they come.
    pub(super) fn merge(&mut self, other: &Self, beta: A) {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let spoiled = self.sum.less_than(&zero).or(other.sum.less_than(&zero));
        let ties = other.max.equal(&self.max);
        let other_leads = other
            .max
            .greater_than(&self.max)
            .or(ties.vec_and(other.centre.less_than(&self.centre)));
        // No entry leads over none, and over none any does.
        let other_leads = select_many(other.sum.equal(&zero), Vector::new(false), other_leads)
            .or(self.sum.equal(&zero));

        let centre = select_many(other_leads, other.centre, self.centre);
        let max = select_many(other_leads, other.max, self.max);
        let behind = select_many(other_leads, self.max, other.max);
        let distance = select_many(
            other_leads,
            self.centre - other.centre,
            other.centre - self.centre,
        );
        let distance = Vector::<A, N>::cast_from(distance);

        let factor = weight::<A, N>(behind - max, beta);
        let lead_sum = select_many(other_leads, other.sum, self.sum);
        let lead_moment = select_many(other_leads, other.moment, self.moment);
        let moved_sum = select_many(other_leads, self.sum, other.sum) * factor;
        let moved_moment = select_many(other_leads, self.moment, other.moment) * factor;

        self.max = max;
        self.centre = centre;
        self.moment = lead_moment + (moved_moment + distance * moved_sum);
        self.sum = select_many(spoiled, Vector::new(A::new(-1.0_f32)), lead_sum + moved_sum);
    }

    /// One lane, alone.
    fn lane<M: Size>(&self, #[comptime] lane: usize) -> Moments<A, C, M> {
        Moments::<A, C, M> {
            max: Vector::new(self.max.extract(lane)),
            sum: Vector::new(self.sum.extract(lane)),
            moment: Vector::new(self.moment.extract(lane)),
            centre: Vector::new(self.centre.extract(lane)),
        }
    }

    /// The sums of each line: the lanes merged if they belong to one line (`M` is 1), and as they
    /// are if each is a line of its own (`M` is `N`).
    pub(super) fn lines<M: Size>(&self, beta: A) -> Moments<A, C, M> {
        let (lanes, lines) = (N::value(), M::value());
        if comptime!(lanes == lines) {
            Moments::<A, C, M> {
                max: Vector::cast_from(self.max),
                sum: Vector::cast_from(self.sum),
                moment: Vector::cast_from(self.moment),
                centre: Vector::cast_from(self.centre),
            }
        } else {
            let mut merged = self.lane::<M>(0usize);
            #[unroll]
            for lane in 1..lanes {
                merged.merge(&self.lane::<M>(lane), beta);
            }
            merged
        }
    }
}

/// The sums of every unit of a cube, for a team to merge.
#[derive(CubeType)]
struct Exchange<A: Float, C: Numeric, M: Size> {
    max: Shared<[Vector<A, M>]>,
    sum: Shared<[Vector<A, M>]>,
    moment: Shared<[Vector<A, M>]>,
    centre: Shared<[Vector<C, M>]>,
}

#[cube]
impl<A: Float, C: Numeric, M: Size> Exchange<A, C, M> {
    fn write(&mut self, unit: usize, moments: &Moments<A, C, M>) {
        self.max[unit] = moments.max;
        self.sum[unit] = moments.sum;
        self.moment[unit] = moments.moment;
        self.centre[unit] = moments.centre;
    }

    fn read(&self, unit: usize) -> Moments<A, C, M> {
        Moments::<A, C, M> {
            max: self.max[unit],
            sum: self.sum[unit],
            moment: self.moment[unit],
            centre: self.centre[unit],
        }
    }
}

/// Bytes of shared memory that [`merge_team`] takes for each unit.
pub(super) fn exchange_bytes(accumulator_size: usize, vector_size: usize) -> usize {
    4 * vector_size * accumulator_size.max(size_of::<i32>())
}

/// Merges the sums of a team by halves; the unit of rank 0 is left with the whole.
///
/// Through shared memory and not by plane operations, which WGSL devices need not have. Every unit
/// of the cube must come here, for the barriers.
#[cube]
pub(super) fn merge_team<A: Float, C: Numeric, M: Size>(
    moments: &mut Moments<A, C, M>,
    work: &Work,
    beta: A,
    #[comptime] plan: CubePlan,
) {
    let team = comptime!(plan.team);
    let units = comptime!(plan.units());
    let neighbour = comptime!(plan.neighbour());
    if comptime!(team > 1) {
        let mut exchange = Exchange::<A, C, M> {
            max: Shared::new_slice(units),
            sum: Shared::new_slice(units),
            moment: Shared::new_slice(units),
            centre: Shared::new_slice(units),
        };
        exchange.write(work.unit, &*moments);

        #[unroll]
        for level in 0..comptime!(team.ilog2() as usize) {
            let half = comptime!(team >> (level + 1));
            sync_cube();
            if work.rank < half {
                moments.merge(&exchange.read(work.unit + half * neighbour), beta);
                exchange.write(work.unit, &*moments);
            }
        }
    }
}
