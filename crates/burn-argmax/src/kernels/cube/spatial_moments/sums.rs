//! The softmax sums of a map, and the moments that they come to.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    super::{
        bits::Kind,
        operator::{Entry, Finished, Reduction, Types, Walk},
        raster::{Position, Raster},
        weights::{Form, Weights},
    },
    AXES, PAIRS, SpatialMoments,
};
use crate::ops::spatial_moments_len;

/// Sums over some entries of a map, about a center: with weights `w_j`, `sum` is `sum_j w_j`, and `moments` are the sums weighted by the distance from the center along
/// each axis, and with covariance by the products of these distances, as in [`PAIRS`].
///
/// The center is where the maximum stands, so that a sharp peak far from the origin loses nothing:
/// the terms of the moments are then as small as the weights beside the peak. Any entry is as good
/// where all are the smallest finite number.
///
/// What `sum` and `max` mark is that of [`Moments`](super::super::moments::Moments).
#[derive(CubeType)]
pub(super) struct Sums<A: Float> {
    max: A,
    sum: A,
    center: Position,
    moments: Sequence<A>,
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
    /// Of no entry, about a center.
    fn empty(center: Position, #[comptime] covariance: bool) -> Self {
        let mut moments = Sequence::<A>::new();
        #[unroll]
        for _ in 0..comptime!(spatial_moments_len(covariance)) {
            moments.push(A::new(0.0_f32));
        }
        Sums::<A> {
            max: A::min_value(),
            sum: A::new(0.0_f32),
            center,
            moments,
        }
    }

    /// The same sums about a maximum that is no smaller, at another center.
    fn recenter(&mut self, max: A, center: &Position, weights: &Weights) {
        let (from, to) = (Vector::<A, Const<1>>::new(self.max), Vector::new(max));
        let factor = weights.shrink::<A, Const<1>>(from, to).extract(0usize);
        let shift = self.center.distances::<A>(center);
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
        self.center.x = center.x;
        self.center.y = center.y;
        self.center.z = center.z;
    }

    /// With one more vector of a row, which starts at a position. An absent entry has weight 0.
    fn observe<N: Size>(
        &mut self,
        values: Vector<A, N>,
        absent: Vector<bool, N>,
        position: &Position,
        op: &Weights,
    ) {
        let lanes = N::value();
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let x = select_many(absent, Vector::new(A::min_value()), values);
        let ranks = op.rank::<A, N>(x);
        let mut top = ranks.extract(0usize);
        #[unroll]
        for lane in 1..lanes {
            top = max(top, ranks.extract(lane));
        }
        // A branch, for it is rarely taken past the first few vectors.
        if top > self.max {
            let mut first = 0i32;
            #[unroll]
            for others in 0..lanes {
                let lane = comptime!(lanes - 1 - others);
                first = select(ranks.extract(lane) == top, comptime!(lane as i32), first);
            }
            let peak = Position {
                x: position.x + first,
                y: position.y,
                z: position.z,
            };
            self.recenter(top, &peak, op);
        }

        let highest = Vector::new(self.max);
        let weights = op.power::<A, N>(x - highest) * op.less::<A, N>(x, highest);
        let weights = select_many(absent, zero, weights);
        let x = position.across::<A, N>(&self.center);
        let weighted = weights * x;
        let sum = lane_sum::<A, N>(weights);
        let sum_x = lane_sum::<A, N>(weighted);
        // The other axes are the same for the whole vector.
        let distances = position.distances::<A>(&self.center);
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

    /// With the entries of `other`, about the higher of the two maxima: of equal ones, the first.
    fn merge(&mut self, other: &Self, raster: &Raster, weights: &Weights) {
        let zero = A::new(0.0_f32);
        let spoiled = self.is_spoiled(weights) || other.is_spoiled(weights);
        let ties = other.max == self.max;
        let before = raster.index(&other.center) < raster.index(&self.center);
        let higher = other.max > self.max || (ties && before);
        // No entry leads over none, and over none any does.
        let other_leads = self.sum == zero || (higher && other.sum != zero);

        let lead_max = select(other_leads, other.max, self.max);
        let lead_sum = select(other_leads, other.sum, self.sum);
        let lead_center = Position {
            x: select(other_leads, other.center.x, self.center.x),
            y: select(other_leads, other.center.y, self.center.y),
            z: select(other_leads, other.center.z, self.center.z),
        };
        let mut lead_moments = Sequence::<A>::new();
        #[unroll]
        for entry in 0..comptime!(self.moments.len()) {
            lead_moments.push(select(
                other_leads,
                other.moments[entry],
                self.moments[entry],
            ));
            let behind = select(other_leads, self.moments[entry], other.moments[entry]);
            self.moments[entry] = behind;
        }
        self.max = select(other_leads, self.max, other.max);
        self.sum = select(other_leads, self.sum, other.sum);
        self.center.x = select(other_leads, self.center.x, other.center.x);
        self.center.y = select(other_leads, self.center.y, other.center.y);
        self.center.z = select(other_leads, self.center.z, other.center.z);
        self.recenter(lead_max, &lead_center, weights);
        self.sum += lead_sum;
        #[unroll]
        for entry in 0..comptime!(self.moments.len()) {
            self.moments[entry] += lead_moments[entry];
        }
        self.spoil(spoiled, weights);
    }

    fn is_spoiled(&self, weights: &Weights) -> bool {
        if comptime!(weights.form == Form::Given) {
            self.max == A::max_value()
        } else {
            self.sum < A::new(0.0_f32)
        }
    }

    fn spoil(&mut self, spoiled: bool, weights: &Weights) {
        if comptime!(weights.form == Form::Given) {
            self.max = select(spoiled, A::max_value(), self.max);
        } else {
            self.sum = select(spoiled, A::new(-1.0_f32), self.sum);
        }
    }
}

/// The sums of what a unit reads, and where it reads next.
#[derive(CubeType)]
pub(super) struct UnitSums<P: Types> {
    sums: Sums<P::A>,
    broken: Vector<bool, P::N>,
    position: Position,
    stride: Position,
}

/// A float as the integer of its bits.
#[cube]
fn pack<A: Float, K: Int, M: Size>(x: A) -> Vector<K, M> {
    Vector::reinterpret(Vector::<A, M>::new(x))
}

#[cube]
pub(super) fn unpack<A: Float, K: Int, M: Size>(x: Vector<K, M>) -> A {
    Vector::<A, M>::reinterpret(x).extract(0usize)
}

#[cube]
impl Reduction for SpatialMoments {
    type Lanes<P: Types> = UnitSums<P>;
    type Sums<P: Types> = Sums<P::A>;

    fn empty<P: Types>(
        op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        walk: &Walk,
    ) -> Self::Lanes<P> {
        UnitSums::<P> {
            sums: Sums::<P::A>::empty(op.raster.position(0i32), op.covariance),
            broken: Vector::new(false),
            position: op.raster.position(walk.start),
            stride: op.raster.position(comptime!(walk.stride as i32)),
        }
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        let kind = Kind::<P::N>::of::<P::A, P::K>(entry.x);
        lanes.broken = lanes.broken.or(kind.broken);
        lanes.sums.observe::<P::N>(
            entry.x,
            kind.masked.or(kind.broken),
            &lanes.position,
            &op.weights,
        );
        op.raster.advance(&mut lanes.position, &lanes.stride);
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        let count = P::N::value();
        let mut sums = lanes.sums;
        #[unroll]
        for lane in 0..count {
            sums.spoil(lanes.broken.extract(lane), &op.weights);
        }
        sums
    }

    fn merge<P: Types>(op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.merge(other, &op.raster, &op.weights);
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        let mut numbers = Sequence::<Vector<P::K, P::M>>::new();
        numbers.push(pack::<P::A, P::K, P::M>(sums.max));
        numbers.push(pack::<P::A, P::K, P::M>(sums.sum));
        #[unroll]
        for axis in 0..AXES {
            numbers.push(Vector::cast_from(sums.center.along(axis)));
        }
        #[unroll]
        for entry in 0..comptime!(sums.moments.len()) {
            numbers.push(pack::<P::A, P::K, P::M>(sums.moments[entry]));
        }
        numbers
    }

    fn load<P: Types>(op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        let mut moments = Sequence::<P::A>::new();
        #[unroll]
        for entry in 0..comptime!(spatial_moments_len(op.covariance)) {
            let number = comptime!(2 + AXES + entry);
            moments.push(unpack::<P::A, P::K, P::M>(numbers[number]));
        }
        Sums::<P::A> {
            max: unpack::<P::A, P::K, P::M>(numbers[0]),
            sum: unpack::<P::A, P::K, P::M>(numbers[1]),
            center: Position {
                x: i32::cast_from(numbers[2].extract(0usize)),
                y: i32::cast_from(numbers[3].extract(0usize)),
                z: i32::cast_from(numbers[4].extract(0usize)),
            },
            moments,
        }
    }

    /// The state is as [`ArgmaxOps::spatial_moments_forward`](crate::ArgmaxOps) says. A map without
    /// moments has a `sum` of 0 and NaN for the rest.
    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        _known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let nan = op.nan.get::<P::A>();
        let valid = !sums.is_spoiled(&op.weights) && sums.sum != P::A::new(0.0_f32);
        let divisor = select(valid, sums.sum, P::A::new(1.0_f32));
        let sum = select(valid, sums.sum, P::A::new(0.0_f32));

        let mut centers = Sequence::<P::A>::new();
        let mut offsets = Sequence::<P::A>::new();
        #[unroll]
        for axis in 0..AXES {
            // An index may be too large for a float: the offset makes up for the rounding.
            let index = sums.center.along(axis);
            let rounded = P::A::cast_from(index);
            let rounding = P::A::cast_from(index - i32::cast_from(rounded));
            let offset = rounding + sums.moments[axis] / divisor;
            centers.push(select(valid, rounded, nan));
            offsets.push(select(valid, offset, nan));
        }
        let mut covariances = Sequence::<P::A>::new();
        #[unroll]
        for entry in AXES..comptime!(sums.moments.len()) {
            let (a, b) = comptime!(PAIRS[entry - AXES]);
            let about_center = sums.moments[entry] / divisor;
            let shift = (sums.moments[a] / divisor) * (sums.moments[b] / divisor);
            covariances.push(select(valid, about_center - shift, nan));
        }

        let mut state = Sequence::<Vector<P::K, P::M>>::new();
        let mut result = Sequence::<Vector<P::A, P::M>>::new();
        state.push(pack::<P::A, P::K, P::M>(select(valid, sums.max, nan)));
        state.push(pack::<P::A, P::K, P::M>(sum));
        #[unroll]
        for axis in 0..AXES {
            state.push(pack::<P::A, P::K, P::M>(centers[axis]));
            result.push(Vector::new(centers[axis] + offsets[axis]));
        }
        #[unroll]
        for axis in 0..AXES {
            state.push(pack::<P::A, P::K, P::M>(offsets[axis]));
        }
        #[unroll]
        for entry in 0..comptime!(covariances.len()) {
            state.push(pack::<P::A, P::K, P::M>(covariances[entry]));
            result.push(Vector::new(covariances[entry]));
        }
        Finished::<P> { state, result }
    }
}
