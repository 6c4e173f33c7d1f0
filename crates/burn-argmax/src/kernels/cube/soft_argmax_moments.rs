//! Mean and variance of the index of every line, and their gradient.

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
use crate::{
    Weighting,
    ops::{LINE_MOMENTS, LINE_STATE},
};

#[derive(CubeType, CubeLaunch)]
struct SoftArgmaxMoments {
    weights: Weights,
    nan: InputScalar,
}

#[cube]
impl Reduction for SoftArgmaxMoments {
    type Lanes<P: Types> = Moments<P::A, P::K, P::N>;
    type Sums<P: Types> = Moments<P::A, P::K, P::M>;

    fn empty<P: Types>(
        _op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        Moments::<P::A, P::K, P::N>::empty(true)
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        lanes.observe::<P::K>(entry.x, entry.index, &op.weights);
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, SoftArgmaxMoments>(op, &lanes.store::<P::K>())
    }

    fn merge<P: Types>(op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.merge(other, &op.weights);
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store::<P::K>()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Moments::<P::A, P::K, P::M>::load::<P::K>(numbers, true)
    }

    /// The state is that of an average, and the variance.
    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        _known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let nan = op.nan.get::<P::A>();
        let average = sums.average(nan, &op.weights);
        let variance = sums.variance(nan, &op.weights);
        let mut state = average.store::<P::K>();
        state.push(Vector::reinterpret(variance));
        let mut result = Sequence::<Vector<P::A, P::M>>::new();
        result.push(average.center + average.offset);
        result.push(variance);
        Finished::<P> { state, result }
    }
}

/// What the gradient takes from a line.
#[derive(CubeType)]
struct Line<P: Types> {
    average: Average<P::A, P::N>,
    center: Vector<P::K, P::N>,
    variance: Vector<P::A, P::N>,
    /// The upstream gradients, over their scale.
    of_mean: Vector<P::A, P::N>,
    of_variance: Vector<P::A, P::N>,
    slope: Slope<P::A, P::N>,
}

#[cube]
impl Map for SoftArgmaxMoments {
    type Line<P: Types> = Line<P>;

    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Line<P> {
        let average = Average::<P::A, P::N>::load::<P::K>(state);
        let any =
            magnitude::<P::A, P::K, P::N>(upstream[0]) | magnitude::<P::A, P::K, P::N>(upstream[1]);
        // The squares of distances are large enough: a large upstream gradient is left to the end.
        let one = Vector::<P::A, P::N>::new(P::A::new(1.0_f32));
        let scale = max(one, max(upstream[0].abs(), upstream[1].abs()));
        let scale = min(scale, Vector::new(P::A::max_value()));
        Line::<P> {
            average,
            center: Vector::cast_from(average.center),
            variance: Vector::reinterpret(state[4]),
            of_mean: upstream[0] / scale,
            of_variance: upstream[1] / scale,
            slope: Slope::<P::A, P::N>::new(
                op.weights.rate::<P::A>(),
                scale,
                any.equal(&Vector::new(P::K::from_int(0))),
                average.valid(),
                op.nan.get::<P::A>(),
            ),
        }
    }

    fn map<P: Types>(op: &Self, line: &mut Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let growth = line.average.growth(entry.x, &op.weights);
        let distance = Vector::<P::A, P::N>::cast_from(entry.index - line.center);
        let distance = distance - line.average.offset;
        let spread = distance * distance - line.variance;
        let change = line.of_mean * distance + line.of_variance * spread;
        line.slope.at::<P::K>(entry.x, growth, change)
    }
}

fn op(lines: &Lines, weighting: Weighting) -> SoftArgmaxMomentsLaunch {
    SoftArgmaxMomentsLaunch::new(lines.weights(weighting.weights), lines.nan())
}

/// See [`ArgmaxOps::soft_argmax_moments_forward`](crate::ArgmaxOps::soft_argmax_moments_forward); the
/// moments are in the dtype that sums run in.
pub(crate) fn soft_argmax_moments_forward(
    logits: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> (CubeTensor, CubeTensor) {
    let lines = Lines::new("soft_argmax_moments_forward", "logits", &logits, dim);
    let counts = Counts {
        sums: 5,
        state: LINE_STATE,
        result: LINE_MOMENTS,
    };
    let inputs = Inputs::of(lines.view(logits)).within(&lines, weighting.radius);
    let op = || op(&lines, weighting);
    let (state, moments) = lines.reduce::<SoftArgmaxMoments>(inputs, counts, op);
    (moments.expect("a result is counted"), state)
}

/// See [`ArgmaxOps::soft_argmax_moments_backward`](crate::ArgmaxOps::soft_argmax_moments_backward); the
/// upstream gradient is in the dtype that sums run in.
pub(crate) fn soft_argmax_moments_backward(
    logits: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    weighting: Weighting,
) -> CubeTensor {
    let mut lines = Lines::new("soft_argmax_moments_backward", "logits", &logits, dim);
    lines.admit("state", &state, LINE_STATE, lines.accumulator);
    lines.admit("grad", &grad, LINE_MOMENTS, lines.accumulator);
    let inputs = Inputs::of(lines.view(logits)).within(&lines, weighting.radius);
    let op = op(&lines, weighting);
    lines.map::<SoftArgmaxMoments>(inputs, Some(state), Some(grad), op)
}
