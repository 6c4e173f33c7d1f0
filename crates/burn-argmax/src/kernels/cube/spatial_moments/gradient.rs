//! What the gradient of the moments of a map is at an entry.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    super::{
        bits::magnitude,
        operator::{Entry, Map, Types, Walk},
        raster::Position,
        weights::Slope,
    },
    AXES, SpatialMoments,
    sums::unpack,
};
use crate::ops::spatial_moments_len;

/// What the gradient takes from a map, and where a unit reads next.
///
/// The moments, weighted by their upstream gradients, change with the probability of an entry by a
/// quadratic form in its position, less the form's mean.
#[derive(CubeType)]
pub(super) struct MapGradient<P: Types> {
    max: P::A,
    sum: P::A,
    center: Position,
    /// From the center to the mean.
    offset: Sequence<P::A>,
    /// The coefficients of the form, in the order of the moments.
    coefficients: Sequence<P::A>,
    /// The mean of its quadratic part.
    mean: P::A,
    slope: Slope<P::A, P::N>,
    position: Position,
    stride: Position,
}

#[cube]
impl<P: Types> MapGradient<P> {
    /// The form at the next vector: `a + b x + c x^2`, where x is from the mean and the rest the same
    /// for all of it.
    fn form(&self) -> Vector<P::A, P::N> {
        let distances = self.position.distances::<P::A>(&self.center);
        let y = distances[1] - self.offset[1];
        let z = distances[2] - self.offset[2];
        let x = self.position.across::<P::A, P::N>(&self.center);
        let x = x - Vector::new(self.offset[0]);
        let flat = self.coefficients[1] * y + self.coefficients[2] * z;
        let slope = self.coefficients[0];
        if comptime!(self.coefficients.len() > AXES) {
            let xx = self.coefficients[3];
            let xy = self.coefficients[4];
            let xz = self.coefficients[5];
            let yy = self.coefficients[6];
            let yz = self.coefficients[7];
            let zz = self.coefficients[8];
            let flat = flat + (yy * y * y + yz * y * z + zz * z * z - self.mean);
            let slope = slope + xy * y + xz * z;
            Vector::new(flat) + x * (Vector::new(slope) + x * Vector::new(xx))
        } else {
            Vector::new(flat) + x * Vector::new(slope)
        }
    }
}

#[cube]
impl Map for SpatialMoments {
    type Line<P: Types> = MapGradient<P>;

    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        upstream: &Sequence<Vector<P::A, P::N>>,
        walk: &Walk,
    ) -> Self::Line<P> {
        let count = comptime!(spatial_moments_len(op.covariance));
        let mut any = Vector::<P::K, P::N>::new(P::K::from_int(0));
        let mut scale = P::A::new(1.0_f32);
        #[unroll]
        for entry in 0..count {
            any |= magnitude::<P::A, P::K, P::N>(upstream[entry]);
            scale = max(scale, upstream[entry].extract(0usize).abs());
        }
        let silent = any.equal(&Vector::new(P::K::from_int(0)));

        // The squares of distances are large enough: a large upstream gradient is left to the end.
        let scale = min(scale, P::A::max_value());
        let mut coefficients = Sequence::<P::A>::new();
        #[unroll]
        for entry in 0..count {
            coefficients.push(upstream[entry].extract(0usize) / scale);
        }
        let mut offset = Sequence::<P::A>::new();
        #[unroll]
        for axis in 0..AXES {
            offset.push(unpack::<P::A, P::K, P::N>(
                state[comptime!(2 + AXES + axis)],
            ));
        }
        let mut mean = P::A::new(0.0_f32);
        #[unroll]
        for entry in AXES..count {
            let covariance = unpack::<P::A, P::K, P::N>(state[comptime!(2 + AXES + entry)]);
            mean += coefficients[entry] * covariance;
        }
        let sum = unpack::<P::A, P::K, P::N>(state[1]);
        MapGradient::<P> {
            max: unpack::<P::A, P::K, P::N>(state[0]),
            sum,
            center: Position {
                x: i32::cast_from(unpack::<P::A, P::K, P::N>(state[2])),
                y: i32::cast_from(unpack::<P::A, P::K, P::N>(state[3])),
                z: i32::cast_from(unpack::<P::A, P::K, P::N>(state[4])),
            },
            offset,
            coefficients,
            mean,
            slope: Slope::<P::A, P::N>::new(
                op.weights.rate::<P::A>(),
                Vector::new(scale),
                silent,
                Vector::new(sum != P::A::new(0.0_f32)),
                op.nan.get::<P::A>(),
            ),
            position: op.raster.position(walk.start),
            stride: op.raster.position(comptime!(walk.stride as i32)),
        }
    }

    fn map<P: Types>(op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let difference = entry.x - Vector::new(line.max);
        let power = op.weights.power::<P::A, P::N>(difference);
        let growth = power
            * op.weights
                .growth::<P::A, P::N>(entry.x, Vector::new(line.max));
        let growth = growth / Vector::new(line.sum);
        let distance = line.form();
        op.raster.advance(&mut line.position, &line.stride);
        line.slope.at::<P::K>(entry.x, growth, distance)
    }
}
