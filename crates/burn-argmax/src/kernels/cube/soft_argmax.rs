//! The expected index of every line, and its gradient.

use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::magnitude,
    kernels::fold_lanes,
    launch::Inputs,
    lines::Lines,
    moments::{Average, Moments},
    operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
    weights::{Slope, Weights},
};
use crate::Weighting;

#[derive(CubeType, CubeLaunch)]
struct SoftArgmax {
    weights: Weights,
    nan: InputScalar,
}

#[cube]
impl Reduction for SoftArgmax {
    type Lanes<P: Types> = Moments<P::A, P::K, P::N>;
    type Sums<P: Types> = Moments<P::A, P::K, P::M>;

    fn empty<P: Types>(
        _op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        Moments::<P::A, P::K, P::N>::empty(false)
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        lanes.observe::<P::K>(entry.x, entry.index, &op.weights);
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, SoftArgmax>(op, &lanes.store::<P::K>())
    }

    fn merge<P: Types>(op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.merge(other, &op.weights);
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store::<P::K>()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Moments::<P::A, P::K, P::M>::load::<P::K>(numbers, false)
    }

    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        _known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let average = sums.average(op.nan.get::<P::A>(), &op.weights);
        let mut result = Sequence::<Vector<P::A, P::M>>::new();
        result.push(average.center + average.offset);
        Finished::<P> {
            state: average.store::<P::K>(),
            result,
        }
    }
}

/// What the gradient takes from a line.
#[derive(CubeType)]
struct Line<P: Types> {
    average: Average<P::A, P::N>,
    center: Vector<P::K, P::N>,
    slope: Slope<P::A, P::N>,
}

#[cube]
impl Map for SoftArgmax {
    type Line<P: Types> = Line<P>;

    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Line<P> {
        let average = Average::<P::A, P::N>::load::<P::K>(state);
        let upstream = upstream[0];
        let silent = magnitude::<P::A, P::K, P::N>(upstream).equal(&Vector::new(P::K::from_int(0)));
        Line::<P> {
            average,
            center: Vector::cast_from(average.center),
            slope: Slope::<P::A, P::N>::new(
                op.weights.rate::<P::A>(),
                upstream,
                silent,
                average.valid(),
                op.nan.get::<P::A>(),
            ),
        }
    }

    fn map<P: Types>(op: &Self, line: &mut Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let growth = line.average.growth(entry.x, &op.weights);
        let distance = Vector::<P::A, P::N>::cast_from(entry.index - line.center);
        let distance = distance - line.average.offset;
        line.slope.at::<P::K>(entry.x, growth, distance)
    }
}

fn op(lines: &Lines, weighting: Weighting) -> SoftArgmaxLaunch {
    SoftArgmaxLaunch::new(lines.weights(weighting.weights), lines.nan())
}

/// See [`ArgmaxOps::soft_argmax_forward`](crate::ArgmaxOps::soft_argmax_forward); the result is in the
/// dtype that sums run in.
pub(crate) fn soft_argmax_forward(
    logits: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> (CubeTensor, CubeTensor) {
    let lines = Lines::new("soft_argmax_forward", "logits", &logits, dim);
    let inputs = Inputs::of(lines.view(logits)).within(&lines, weighting.radius);
    averages(&lines, inputs, weighting)
}

/// The expected index of every line, and its state.
pub(super) fn averages(
    lines: &Lines,
    inputs: Inputs,
    weighting: Weighting,
) -> (CubeTensor, CubeTensor) {
    let counts = Counts {
        sums: 4,
        state: 4,
        result: 1,
    };
    let (state, result) = lines.reduce::<SoftArgmax>(inputs, counts, || op(lines, weighting));
    (result.expect("a result is counted"), state)
}

/// See [`ArgmaxOps::soft_argmax_backward`](crate::ArgmaxOps::soft_argmax_backward); the upstream
/// gradient is in the dtype that sums run in.
pub(crate) fn soft_argmax_backward(
    logits: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> CubeTensor {
    let mut lines = Lines::new("soft_argmax_backward", "logits", &logits, dim);
    lines.admit("state", &state, 4, lines.accumulator);
    lines.admit("grad", &grad, 1, lines.accumulator);
    let inputs = Inputs::of(lines.view(logits)).within(&lines, weighting.radius);
    lines.map::<SoftArgmax>(inputs, Some(state), Some(grad), op(&lines, weighting))
}
