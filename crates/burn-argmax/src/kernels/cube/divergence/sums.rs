//! Sums of the terms of a map, or of their slopes along the logarithms of its lines.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    super::{
        bits::Kind,
        kernels::fold_lanes,
        operator::{Entry, Finished, Reduction, Types, Walk},
    },
    Sum, Summand,
    target::Reader,
    terms::{slope_of_log, value},
};

/// A sum of some entries, lane by lane.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Part<A: Float, K: Int, N: Size> {
    sum: Vector<A, N>,
    /// 0, or 1 if an entry was no probability, or a logarithm was not that of one.
    broken: Vector<K, N>,
}

#[cube]
impl<A: Float, K: Int, N: Size> Part<A, K, N> {
    fn store(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = Sequence::<Vector<K, N>>::new();
        numbers.push(Vector::reinterpret(self.sum));
        numbers.push(self.broken);
        numbers
    }
}

/// The part that a unit reads, and where it reads next.
#[derive(CubeType)]
pub(super) struct UnitPart<P: Types> {
    part: Part<P::A, P::K, P::N>,
    reader: Reader,
}

#[cube]
impl<L: Float> Reduction for Sum<L> {
    type Lanes<P: Types> = UnitPart<P>;
    type Sums<P: Types> = Part<P::A, P::K, P::M>;

    fn empty<P: Types>(
        op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        walk: &Walk,
    ) -> Self::Lanes<P> {
        UnitPart::<P> {
            part: Part::<P::A, P::K, P::N> {
                sum: Vector::new(P::A::new(0.0_f32)),
                broken: Vector::new(P::K::from_int(0)),
            },
            reader: op.target.reader::<P>(walk),
        }
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        let p = entry.x;
        let log_q = op.target.next::<P>(&mut lanes.reader);
        let of_p = Kind::<P::N>::of::<P::A, P::K>(p);
        let of_q = Kind::<P::N>::of::<P::A, P::K>(log_q);
        let negative = p.less_than(&Vector::new(P::A::new(0.0_f32)));
        let broken = of_p.broken.or(of_p.masked).or(of_q.broken).or(negative);
        let none = Vector::<P::K, P::N>::new(P::K::from_int(0));
        lanes.part.broken |= select_many(broken, Vector::new(P::K::from_int(1)), none);
        lanes.part.sum += match comptime!(op.summand) {
            Summand::Value => value::<P::A, P::N>(p, log_q, &op.tiny, op.divergence),
            Summand::SlopeOfLog => slope_of_log::<P::A, P::N>(p, log_q, &op.tiny, op.divergence),
        };
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, Sum<L>>(op, &lanes.part.store())
    }

    fn merge<P: Types>(_op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.sum += other.sum;
        sums.broken |= other.broken;
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Part::<P::A, P::K, P::M> {
            sum: Vector::reinterpret(numbers[0]),
            broken: numbers[1],
        }
    }

    /// The sum, and NaN if something was broken.
    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        _known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let nan = Vector::<P::A, P::M>::new(op.nan.get::<P::A>());
        let whole = sums.broken.equal(&Vector::new(P::K::from_int(0)));
        let mut state = Sequence::<Vector<P::K, P::M>>::new();
        state.push(Vector::reinterpret(select_many(whole, sums.sum, nan)));
        Finished::<P> {
            state,
            result: Sequence::<Vector<P::A, P::M>>::new(),
        }
    }
}
