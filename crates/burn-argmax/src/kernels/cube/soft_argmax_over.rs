//! The expected bin of every line, and its gradient for the scores.

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
use crate::weighting;

#[derive(CubeType, CubeLaunch)]
struct SoftArgmaxOver {
    weights: Weights,
    nan: InputScalar,
}

#[cube]
impl Reduction for SoftArgmaxOver {
    type Lanes<P: Types> = Moments<P::A, P::A, P::N>;
    type Sums<P: Types> = Moments<P::A, P::A, P::M>;

    fn empty<P: Types>(_op: &Self, _walk: &Walk) -> Self::Lanes<P> {
        Moments::<P::A, P::A, P::N>::empty()
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        lanes.observe::<P::K>(entry.x, entry.beside, &op.weights);
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, SoftArgmaxOver>(op, &lanes.store::<P::K>())
    }

    fn merge<P: Types>(op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.merge(other, &op.weights);
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store::<P::K>()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Moments::<P::A, P::A, P::M>::load::<P::K>(numbers)
    }

    fn finish<P: Types>(op: &Self, sums: &Self::Sums<P>) -> Finished<P> {
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
    slope: Slope<P::A, P::N>,
}

#[cube]
impl Map for SoftArgmaxOver {
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
        let distance = (entry.beside - line.average.center) - line.average.offset;
        line.slope.at::<P::K>(entry.x, growth, distance)
    }
}

fn op(lines: &Lines, weights: weighting::Weights) -> SoftArgmaxOverLaunch {
    SoftArgmaxOverLaunch::new(lines.weights(weights), lines.nan())
}

/// The scores and a bin for each. Rows that share their bins, by a stride of 0, are read as they lie.
fn inputs(lines: &mut Lines, logits: CubeTensor, bins: CubeTensor) -> Inputs {
    lines.admit("bins", &bins, lines.length(), lines.accumulator);
    Inputs {
        scores: Some(lines.view(logits)),
        beside: Some(lines.view(bins)),
        ..Inputs::default()
    }
}

/// See [`ArgmaxOps::soft_argmax_over_forward`](crate::ArgmaxOps::soft_argmax_over_forward); the scores
/// too are in the dtype that sums run in, and each has a bin.
pub(crate) fn soft_argmax_over_forward(
    logits: CubeTensor,
    bins: CubeTensor,
    dim: usize,
    weights: weighting::Weights,
) -> (CubeTensor, CubeTensor) {
    let mut lines = Lines::new("soft_argmax_over_forward", "logits", &logits, dim);
    let counts = Counts {
        sums: 4,
        state: 4,
        result: 1,
    };
    let inputs = inputs(&mut lines, logits, bins);
    let (state, result) = lines.reduce::<SoftArgmaxOver>(inputs, counts, || op(&lines, weights));
    (result.expect("a result is counted"), state)
}

/// See [`ArgmaxOps::soft_argmax_over_backward`](crate::ArgmaxOps::soft_argmax_over_backward); the scores
/// and the upstream gradient too are in the dtype that sums run in, and each score has a bin.
pub(crate) fn soft_argmax_over_backward(
    logits: CubeTensor,
    bins: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    weights: weighting::Weights,
) -> CubeTensor {
    let mut lines = Lines::new("soft_argmax_over_backward", "logits", &logits, dim);
    lines.admit("state", &state, 4, lines.accumulator);
    lines.admit("grad", &grad, 1, lines.accumulator);
    let inputs = inputs(&mut lines, logits, bins);
    lines.map::<SoftArgmaxOver>(inputs, state, Some(grad), op(&lines, weights))
}
