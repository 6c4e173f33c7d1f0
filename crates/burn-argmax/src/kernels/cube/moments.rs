//! The weighted average of a coordinate over a line, and its variance: sums lane by lane, and what they
//! come to.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    bits::Kind,
    weights::{Form, Weights},
};

/// Sums over some entries, about a center: with weights `w_i`, `sum` is `sum_i w_i` and `moment` is `sum_i (coordinate_i - center) * w_i`.
///
/// The center is the coordinate of the maximum, so that a sharp peak far from the origin loses
/// nothing: the terms of `moment` are then as small as the weights beside the peak. Coordinates
/// that are indices are integers, and only their distances become floats.
///
/// A `sum` of 0 means no entry, or none that counts: such sums are the same about every center. A `sum` of
/// -1 marks a line with a NaN or `+inf`, and where weights are given, whose sum may be negative, the
/// largest number as `max` does. The marker is an ordinary number because a compiler need not respect a
/// NaN.
#[derive(CubeType)]
pub(super) struct Moments<A: Float, C: Numeric, N: Size> {
    max: Vector<A, N>,
    sum: Vector<A, N>,
    moment: Vector<A, N>,
    center: Vector<C, N>,
    /// For a variance, `sum_i (coordinate_i - center)^2 * w_i`, and else nothing.
    squares: Sequence<Vector<A, N>>,
}

#[cube]
impl<A: Float, C: Numeric, N: Size> Moments<A, C, N> {
    /// Of no entry.
    pub(super) fn empty(#[comptime] variance: bool) -> Self {
        let mut squares = Sequence::<Vector<A, N>>::new();
        if comptime!(variance) {
            squares.push(Vector::new(A::new(0.0_f32)));
        }
        Moments::<A, C, N> {
            max: Vector::new(A::min_value()),
            sum: Vector::new(A::new(0.0_f32)),
            moment: Vector::new(A::new(0.0_f32)),
            center: Vector::new(C::from_int(0)),
            squares,
        }
    }

    /// With one more entry in each lane: `-inf` has weight 0, NaN and `+inf` spoil the line.
    ///
    /// Of the two factors, the old sums' and the new entry's, one is 1: one `exp` gives both.
    pub(super) fn observe<K: Int>(&mut self, x: Vector<A, N>, at: Vector<C, N>, weights: &Weights) {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let one = Vector::<A, N>::new(A::new(1.0_f32));

        let kind = Kind::<N>::of::<A, K>(x);
        let absent = kind.masked.or(kind.broken);
        let spoiled = kind.broken.or(self.is_spoiled(weights));

        let x = select_many(absent, Vector::new(A::min_value()), x);
        // Also as the first entry: it may be no greater than the maximum of none.
        let first = self.sum.equal(&zero);
        let rank = weights.rank::<A, N>(x);
        let rises = select_many(
            absent,
            Vector::new(false),
            first.or(rank.greater_than(&self.max)),
        );
        let highest = select_many(rises, rank, self.max);
        let factor = weights.shrink::<A, N>(min(rank, self.max), max(rank, self.max));
        let arriving = select_many(rises, one, factor) * weights.less::<A, N>(x, highest);
        let arriving = select_many(absent, zero, arriving);
        let keep = select_many(rises, factor, one);
        let kept = self.sum * keep;

        // About the old center the entry adds `distance * arriving`; about its own, the old sums
        // move by `-distance * kept`.
        // What weighs nothing has no distance, also from an infinite coordinate.
        let moved = select_many(rises, zero - kept, arriving);
        let distance = Vector::<A, N>::cast_from(at - self.center);
        let distance = select_many(moved.equal(&zero), zero, distance);
        let kept_moment = self.moment * keep;
        let moment = distance * moved;
        #[unroll]
        for entry in 0..comptime!(self.squares.len()) {
            let of_sums = kept_moment + kept_moment + moment;
            let change = distance * select_many(rises, zero - of_sums, moment);
            self.squares[entry] = self.squares[entry] * keep + change;
        }
        self.moment = kept_moment + moment;
        self.sum = kept + arriving;
        self.center = select_many(rises, at, self.center);
        self.max = highest;
        self.spoil(spoiled, weights);
    }

    fn is_spoiled(&self, weights: &Weights) -> Vector<bool, N> {
        if comptime!(weights.form == Form::Given) {
            self.max.equal(&Vector::new(A::max_value()))
        } else {
            self.sum.less_than(&Vector::new(A::new(0.0_f32)))
        }
    }

    fn spoil(&mut self, spoiled: Vector<bool, N>, weights: &Weights) {
        if comptime!(weights.form == Form::Given) {
            self.max = select_many(spoiled, Vector::new(A::max_value()), self.max);
        } else {
            self.sum = select_many(spoiled, Vector::new(A::new(-1.0_f32)), self.sum);
        }
    }

    /// With the entries of `other`. The lower of two equal maxima's coordinates is the center, in
    /// whatever order they come.
    pub(super) fn merge(&mut self, other: &Self, weights: &Weights) {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let spoiled = self.is_spoiled(weights).or(other.is_spoiled(weights));
        let ties = other.max.equal(&self.max);
        let other_leads = other
            .max
            .greater_than(&self.max)
            .or(ties.vec_and(other.center.less_than(&self.center)));
        // No entry leads over none, and over none any does.
        let other_leads = select_many(other.sum.equal(&zero), Vector::new(false), other_leads)
            .or(self.sum.equal(&zero));

        let center = select_many(other_leads, other.center, self.center);
        let max = select_many(other_leads, other.max, self.max);
        let behind_max = select_many(other_leads, self.max, other.max);
        let behind_center = select_many(other_leads, self.center, other.center);

        let factor = weights.shrink::<A, N>(behind_max, max);
        let lead_sum = select_many(other_leads, other.sum, self.sum);
        let lead_moment = select_many(other_leads, other.moment, self.moment);
        let moved_sum = select_many(other_leads, self.sum, other.sum) * factor;
        let moved_moment = select_many(other_leads, self.moment, other.moment) * factor;
        // What weighs nothing has no distance, also from an infinite coordinate.
        let distance = Vector::<A, N>::cast_from(behind_center - center);
        let distance = select_many(moved_sum.equal(&zero), zero, distance);

        self.max = max;
        self.center = center;
        let moment = distance * moved_sum;
        #[unroll]
        for entry in 0..comptime!(self.squares.len()) {
            let lead = select_many(other_leads, other.squares[entry], self.squares[entry]);
            let behind = select_many(other_leads, self.squares[entry], other.squares[entry]);
            let change = distance * (moved_moment + moved_moment + moment);
            self.squares[entry] = lead + (behind * factor + change);
        }
        self.moment = lead_moment + (moved_moment + moment);
        self.sum = lead_sum + moved_sum;
        self.spoil(spoiled, weights);
    }

    pub(super) fn store<K: Int>(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = Sequence::<Vector<K, N>>::new();
        numbers.push(Vector::reinterpret(self.max));
        numbers.push(Vector::reinterpret(self.sum));
        numbers.push(Vector::reinterpret(self.moment));
        numbers.push(Vector::reinterpret(self.center));
        #[unroll]
        for entry in 0..comptime!(self.squares.len()) {
            numbers.push(Vector::reinterpret(self.squares[entry]));
        }
        numbers
    }

    pub(super) fn load<K: Int>(
        numbers: &Sequence<Vector<K, N>>,
        #[comptime] variance: bool,
    ) -> Self {
        let mut squares = Sequence::<Vector<A, N>>::new();
        if comptime!(variance) {
            squares.push(Vector::reinterpret(numbers[4]));
        }
        Moments::<A, C, N> {
            max: Vector::reinterpret(numbers[0]),
            sum: Vector::reinterpret(numbers[1]),
            moment: Vector::reinterpret(numbers[2]),
            center: Vector::reinterpret(numbers[3]),
            squares,
        }
    }

    /// NaN where a line has no average.
    pub(super) fn variance(&self, nan: A, weights: &Weights) -> Vector<A, N> {
        let valid = self.is_valid(weights);
        let divisor = select_many(valid, self.sum, Vector::new(A::new(1.0_f32)));
        let offset = self.moment / divisor;
        let variance = self.squares[0usize] / divisor - offset * offset;
        select_many(valid, variance, Vector::new(nan))
    }

    fn is_valid(&self, weights: &Weights) -> Vector<bool, N> {
        let some = self.sum.not_equal(&Vector::new(A::new(0.0_f32)));
        select_many(self.is_spoiled(weights), Vector::new(false), some)
    }

    /// NaN but for a `sum` of 0 where a line has no average.
    pub(super) fn average(&self, nan: A, weights: &Weights) -> Average<A, N> {
        let nan = Vector::<A, N>::new(nan);
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let valid = self.is_valid(weights);
        let divisor = select_many(valid, self.sum, Vector::new(A::new(1.0_f32)));

        // An index may be too large for a float: the sums move to where it is rounded to.
        let center = Vector::<A, N>::cast_from(self.center);
        let rounding = Vector::<A, N>::cast_from(self.center - Vector::<C, N>::cast_from(center));
        let offset = (self.moment + rounding * self.sum) / divisor;
        Average::<A, N> {
            max: select_many(valid, self.max, nan),
            sum: select_many(valid, self.sum, zero),
            center: select_many(valid, center, nan),
            offset: select_many(valid, offset, nan),
        }
    }
}

/// The average of a coordinate over a line, `center + offset`, and what its gradient needs.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Average<A: Float, N: Size> {
    max: Vector<A, N>,
    sum: Vector<A, N>,
    pub(super) center: Vector<A, N>,
    pub(super) offset: Vector<A, N>,
}

#[cube]
impl<A: Float, N: Size> Average<A, N> {
    pub(super) fn store<K: Int>(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = Sequence::<Vector<K, N>>::new();
        numbers.push(Vector::reinterpret(self.max));
        numbers.push(Vector::reinterpret(self.sum));
        numbers.push(Vector::reinterpret(self.center));
        numbers.push(Vector::reinterpret(self.offset));
        numbers
    }

    pub(super) fn load<K: Int>(numbers: &Sequence<Vector<K, N>>) -> Self {
        Average::<A, N> {
            max: Vector::reinterpret(numbers[0]),
            sum: Vector::reinterpret(numbers[1]),
            center: Vector::reinterpret(numbers[2]),
            offset: Vector::reinterpret(numbers[3]),
        }
    }

    /// Whether the line has an average.
    pub(super) fn valid(&self) -> Vector<bool, N> {
        self.sum.not_equal(&Vector::new(A::new(0.0_f32)))
    }

    /// The weight of a score, over the sum.
    pub(super) fn share(&self, x: Vector<A, N>, weights: &Weights) -> Vector<A, N> {
        let power = weights.power::<A, N>(x - self.max);
        power * weights.less::<A, N>(x, self.max) / self.sum
    }

    /// How the weight of a score grows, over the rate and the sum.
    pub(super) fn growth(&self, x: Vector<A, N>, weights: &Weights) -> Vector<A, N> {
        let power = weights.power::<A, N>(x - self.max);
        power * weights.growth::<A, N>(x, self.max) / self.sum
    }
}
