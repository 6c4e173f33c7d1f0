//! The expected bin of every line, and its gradients for the scores and for the bins.

use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::{Kind, magnitude},
    kernels::fold_lanes,
    launch::Inputs,
    lines::Lines,
    moments::{Average, Moments},
    operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
    weights::{Slope, Weights},
};
use crate::Weighting;

#[derive(CubeType, CubeLaunch)]
struct SoftArgmaxOver {
    weights: Weights,
    nan: InputScalar,
}

#[cube]
impl Reduction for SoftArgmaxOver {
    type Lanes<P: Types> = Moments<P::A, P::A, P::N>;
    type Sums<P: Types> = Moments<P::A, P::A, P::M>;

    fn empty<P: Types>(
        _op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        Moments::<P::A, P::A, P::N>::empty(false)
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
        Moments::<P::A, P::A, P::M>::load::<P::K>(numbers, false)
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

/// The gradient for the bins: the share of each score, times the upstream gradient.
#[derive(CubeType, CubeLaunch)]
struct Shares {
    weights: Weights,
    nan: InputScalar,
}

/// What the gradient for the bins takes from a line.
#[derive(CubeType)]
struct ShareLine<P: Types> {
    average: Average<P::A, P::N>,
    upstream: Vector<P::A, P::N>,
    /// Whether the upstream gradient is exactly 0.
    silent: Vector<bool, P::N>,
}

#[cube]
impl Map for Shares {
    type Line<P: Types> = ShareLine<P>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> ShareLine<P> {
        let upstream = upstream[0];
        ShareLine::<P> {
            average: Average::<P::A, P::N>::load::<P::K>(state),
            upstream,
            silent: magnitude::<P::A, P::K, P::N>(upstream).equal(&Vector::new(P::K::from_int(0))),
        }
    }

    fn map<P: Types>(op: &Self, line: &mut ShareLine<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let zero = Vector::<P::A, P::N>::new(P::A::new(0.0_f32));
        let share = line.average.share(entry.x, &op.weights);
        let slope = select_many(share.equal(&zero), zero, share * line.upstream);
        let nan = Vector::<P::A, P::N>::new(op.nan.get::<P::A>());
        let slope = select_many(line.average.valid(), slope, nan);
        let masked = Kind::<P::N>::of::<P::A, P::K>(entry.x).masked;
        select_many(line.silent.or(masked), zero, slope)
    }
}

fn op(lines: &Lines, weighting: Weighting) -> SoftArgmaxOverLaunch {
    SoftArgmaxOverLaunch::new(lines.weights(weighting.weights), lines.nan())
}

/// The scores and a bin for each. Bins that lines share, by a stride of 0, are read as they lie.
fn inputs(
    lines: &mut Lines,
    logits: CubeTensor,
    bins: CubeTensor,
    radius: Option<usize>,
) -> Inputs {
    lines.admit("bins", &bins, lines.length(), lines.accumulator);
    Inputs {
        beside: Some(lines.view_beside(bins)),
        ..Inputs::of(lines.view(logits)).within(lines, radius)
    }
}

/// See [`ArgmaxOps::soft_argmax_over_forward`](crate::ArgmaxOps::soft_argmax_over_forward); each score has a
/// bin, and the result is in the dtype that sums run in.
pub(crate) fn soft_argmax_over_forward(
    logits: CubeTensor,
    bins: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> (CubeTensor, CubeTensor) {
    let mut lines = Lines::new("soft_argmax_over_forward", "logits", &logits, dim);
    let counts = Counts {
        sums: 4,
        state: 4,
        result: 1,
    };
    let inputs = inputs(&mut lines, logits, bins, weighting.radius);
    let (state, result) = lines.reduce::<SoftArgmaxOver>(inputs, counts, || op(&lines, weighting));
    (result.expect("a result is counted"), state)
}

/// See [`ArgmaxOps::soft_argmax_over_backward`](crate::ArgmaxOps::soft_argmax_over_backward); each score has a
/// bin, and the upstream gradient is in the dtype that sums run in.
pub(crate) fn soft_argmax_over_backward(
    logits: CubeTensor,
    bins: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> CubeTensor {
    let mut lines = Lines::new("soft_argmax_over_backward", "logits", &logits, dim);
    lines.admit("state", &state, 4, lines.accumulator);
    lines.admit("grad", &grad, 1, lines.accumulator);
    let inputs = inputs(&mut lines, logits, bins, weighting.radius);
    lines.map::<SoftArgmaxOver>(inputs, Some(state), Some(grad), op(&lines, weighting))
}

/// The gradient for a bin of each score, see
/// [`ArgmaxOps::soft_argmax_over_bins_backward`](crate::ArgmaxOps::soft_argmax_over_bins_backward).
pub(crate) fn soft_argmax_over_bins_backward(
    logits: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> CubeTensor {
    let mut lines = Lines::new("soft_argmax_over_bins_backward", "logits", &logits, dim);
    lines.admit("state", &state, 4, lines.accumulator);
    lines.admit("grad", &grad, 1, lines.accumulator);
    let inputs = Inputs::of(lines.view(logits)).within(&lines, weighting.radius);
    let op = SharesLaunch::new(lines.weights(weighting.weights), lines.nan());
    lines.map::<Shares>(inputs, Some(state), Some(grad), op)
}
