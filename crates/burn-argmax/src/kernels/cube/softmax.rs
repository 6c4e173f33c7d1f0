//! The softmax of every line, and its vector-Jacobian product: the gradient of the softmax average of
//! the upstream gradient, with that held fixed. Both read their inputs twice, to reduce and to map.

use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::{Kind, heard},
    kernels::fold_lanes,
    launch::Inputs,
    lines::Lines,
    moments::{Average, Moments},
    operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
    soft_argmax::averages,
    weights::{Slope, Weights},
};
use crate::Weighting;

#[derive(CubeType, CubeLaunch)]
struct Softmax {
    weights: Weights,
    nan: InputScalar,
}

#[cube]
impl Map for Softmax {
    type Line<P: Types> = Average<P::A, P::N>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Average<P::A, P::N> {
        Average::<P::A, P::N>::load::<P::K>(state)
    }

    fn map<P: Types>(
        op: &Self,
        line: &mut Average<P::A, P::N>,
        entry: &Entry<P>,
    ) -> Vector<P::A, P::N> {
        let masked = Kind::<P::N>::of::<P::A, P::K>(entry.x).masked;
        let zero = Vector::new(P::A::new(0.0_f32));
        let probability = select_many(masked, zero, line.growth(entry.x, &op.weights));
        let nan = Vector::new(op.nan.get::<P::A>());
        select_many(line.valid(), probability, nan)
    }
}

#[derive(CubeType, CubeLaunch)]
struct SoftmaxGradient {
    weights: Weights,
    nan: InputScalar,
}

/// The sums over some entries.
#[derive(CubeType)]
struct Sums<A: Float, K: Int, N: Size> {
    moments: Moments<A, A, N>,
    /// What is [`heard`] from upstream, or-ed.
    upstream: Vector<K, N>,
}

#[cube]
impl<A: Float, K: Int, N: Size> Sums<A, K, N> {
    fn store(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = self.moments.store::<K>();
        numbers.push(self.upstream);
        numbers
    }
}

#[cube]
impl Reduction for SoftmaxGradient {
    type Lanes<P: Types> = Sums<P::A, P::K, P::N>;
    type Sums<P: Types> = Sums<P::A, P::K, P::M>;

    fn empty<P: Types>(
        _op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        Sums::<P::A, P::K, P::N> {
            moments: Moments::<P::A, P::A, P::N>::empty(false),
            upstream: Vector::new(P::K::from_int(0)),
        }
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        let moments = &mut lanes.moments;
        moments.observe::<P::K>(entry.x, entry.beside, &op.weights);
        lanes.upstream |= heard::<P::A, P::K, P::N>(entry.x, entry.beside);
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, SoftmaxGradient>(op, &lanes.store())
    }

    fn merge<P: Types>(op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.moments.merge(&other.moments, &op.weights);
        sums.upstream |= other.upstream;
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Sums::<P::A, P::K, P::M> {
            moments: Moments::<P::A, P::A, P::M>::load::<P::K>(numbers, false),
            upstream: numbers[4],
        }
    }

    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        _known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let average = sums.moments.average(op.nan.get::<P::A>(), &op.weights);
        let mut state = average.store::<P::K>();
        state.push(sums.upstream);
        Finished::<P> {
            state,
            result: Sequence::<Vector<P::A, P::M>>::new(),
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
impl Map for SoftmaxGradient {
    type Line<P: Types> = Line<P>;

    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Line<P> {
        let average = Average::<P::A, P::N>::load::<P::K>(state);
        Line::<P> {
            average,
            slope: Slope::<P::A, P::N>::of_distances::<P::K>(
                op.weights.rate::<P::A>(),
                state[4],
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

/// See [`ArgmaxOps::softmax`](crate::ArgmaxOps::softmax).
pub(crate) fn softmax(logits: CubeTensor, dim: usize, beta: f64) -> CubeTensor {
    let lines = Lines::new("softmax", "logits", &logits, dim);
    let scores = Inputs::of(lines.view(logits));
    softmaxes(&lines, scores, beta)
}

pub(super) fn softmaxes(lines: &Lines, scores: Inputs, beta: f64) -> CubeTensor {
    let softmax = Weighting::softmax(beta);
    let (_, state) = averages(lines, scores.clone(), softmax);
    let op = SoftmaxLaunch::new(lines.weights(softmax.weights), lines.nan());
    lines.map::<Softmax>(scores, Some(state), None, op)
}

/// See [`ArgmaxOps::softmax_backward`](crate::ArgmaxOps::softmax_backward).
pub(crate) fn softmax_backward(
    logits: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    beta: f64,
) -> CubeTensor {
    let mut lines = Lines::new("softmax_backward", "logits", &logits, dim);
    lines.admit("grad", &grad, lines.length(), lines.dtype);
    let scores = Inputs::of(lines.view(logits));
    gradients(&lines, scores, grad, beta)
}

/// For an upstream gradient that the lines have admitted.
pub(super) fn gradients(lines: &Lines, scores: Inputs, grad: CubeTensor, beta: f64) -> CubeTensor {
    let counts = Counts {
        sums: 5,
        state: 5,
        result: 0,
    };
    let inputs = Inputs {
        beside: Some(lines.view(grad)),
        ..scores
    };
    let softmax = Weighting::softmax(beta);
    let op = || SoftmaxGradientLaunch::new(lines.weights(softmax.weights), lines.nan());
    let (state, _) = lines.reduce::<SoftmaxGradient>(inputs.clone(), counts, op);
    lines.map::<SoftmaxGradient>(inputs, Some(state), None, op())
}
