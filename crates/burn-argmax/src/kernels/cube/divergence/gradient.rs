//! The gradient of a divergence for the entries of a map.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    super::{
        bits::{infinity, magnitude},
        operator::{Entry, Map, Types, Walk},
    },
    Gradient,
    target::Reader,
    terms::slope,
};

/// What the gradient takes from a map, and where a unit reads next.
#[derive(CubeType)]
pub(super) struct Line<P: Types> {
    upstream: Vector<P::A, P::N>,
    /// Whether the upstream gradient is exactly 0.
    silent: Vector<bool, P::N>,
    /// Whether the loss is NaN.
    broken: Vector<bool, P::N>,
    reader: Reader,
}

#[cube]
impl<L: Float> Map for Gradient<L> {
    type Line<P: Types> = Line<P>;

    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        upstream: &Sequence<Vector<P::A, P::N>>,
        walk: &Walk,
    ) -> Self::Line<P> {
        let upstream = upstream[0];
        let size = magnitude::<P::A, P::K, P::N>(upstream);
        let loss = magnitude::<P::A, P::K, P::N>(Vector::reinterpret(state[0]));
        Line::<P> {
            upstream,
            silent: size.equal(&Vector::new(P::K::from_int(0))),
            broken: loss.greater_than(&Vector::new(infinity::<P::K>())),
            reader: op.target.reader::<P>(walk),
        }
    }

    fn map<P: Types>(op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let log_q = op.target.next::<P>(&mut line.reader);
        let slope = slope::<P::A, P::N>(entry.x, log_q, &op.tiny, op.divergence);
        let nan = Vector::<P::A, P::N>::new(op.nan.get::<P::A>());
        let slope = select_many(line.broken, nan, slope * line.upstream);
        select_many(line.silent, Vector::new(P::A::new(0.0_f32)), slope)
    }
}
