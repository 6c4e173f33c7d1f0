//! The weights: Newton's steps to the level of every line, each one read, and a map.

use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    super::{
        first_max::peaks,
        kernels::fold_lanes,
        launch::Inputs,
        lines::Lines,
        operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
        peak::KEY,
    },
    roots::{GRAIN, Level, Roots, STATE},
};
use crate::composed::entmax_steps;

/// One of Newton's steps for the norm of the roots, which is convex in the level: a level that is too large
/// falls, and stays too large.
#[derive(CubeType, CubeLaunch)]
struct Step {
    roots: Roots,
    #[cube(comptime)]
    has_level: bool,
}

const SHORTER: f32 = 1.0 - 1.0 / 65536.0;

/// Sums over some entries.
#[derive(CubeType)]
struct Totals<A: Float, N: Size> {
    weights: Vector<A, N>,
    slopes: Vector<A, N>,
}

#[cube]
impl<A: Float, N: Size> Totals<A, N> {
    fn store<K: Int>(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = Sequence::<Vector<K, N>>::new();
        numbers.push(Vector::reinterpret(self.weights));
        numbers.push(Vector::reinterpret(self.slopes));
        numbers
    }
}

/// The same, and what entries are weighed by.
#[derive(CubeType)]
struct TotalLanes<A: Float, N: Size> {
    totals: Totals<A, N>,
    level: Level<A, N>,
}

#[cube]
impl Reduction for Step {
    type Lanes<P: Types> = TotalLanes<P::A, P::N>;
    type Sums<P: Types> = Totals<P::A, P::M>;

    fn empty<P: Types>(
        op: &Self,
        known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        TotalLanes::<P::A, P::N> {
            totals: Totals::<P::A, P::N> {
                weights: Vector::new(P::A::new(0.0_f32)),
                slopes: Vector::new(P::A::new(0.0_f32)),
            },
            level: Level::<P::A, P::N>::of::<P::K>(known, op.has_level),
        }
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        let weighed = op.roots.weigh::<P::A, P::K, P::N>(entry.x, &lanes.level);
        lanes.totals.weights += weighed.weight;
        lanes.totals.slopes += weighed.slope;
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, Step>(op, &lanes.totals.store::<P::K>())
    }

    fn merge<P: Types>(_op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.weights += other.weights;
        sums.slopes += other.slopes;
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store::<P::K>()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Totals::<P::A, P::M> {
            weights: Vector::reinterpret(numbers[0]),
            slopes: Vector::reinterpret(numbers[1]),
        }
    }

    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let level = Level::<P::A, P::M>::of::<P::K>(known, op.has_level);
        let zero = Vector::<P::A, P::M>::new(P::A::new(0.0_f32));
        let one = Vector::<P::A, P::M>::new(P::A::new(1.0_f32));
        // Of a line that has no entmax, what is finite comes to nothing.
        let weights = select_many(level.valid, sums.weights, one);
        let slopes = select_many(level.valid, sums.slopes, one);
        let less = op.roots.less_root::<P::A, P::K, P::M>(weights);
        // Shorter than exact by more than the sums may be wrong: a level that was rounded to be too small might
        // leave out all but the peak.
        let step = weights * less / slopes * Vector::new(P::A::new(SHORTER));
        let low = level.low - max(step, zero);
        let grain = Vector::<P::A, P::M>::new(P::A::new(GRAIN));
        let half = Vector::new(P::A::new(0.5_f32));
        let grains = Vector::<P::K, P::M>::cast_from((level.high + low) / grain + half);
        let high = Vector::<P::A, P::M>::cast_from(grains) * grain;
        let low = (level.high - high) + low;
        let mut state = Sequence::<Vector<P::K, P::M>>::new();
        state.push(known[KEY]);
        state.push(Vector::reinterpret(high));
        state.push(Vector::reinterpret(low));
        Finished::<P> {
            state,
            result: Sequence::<Vector<P::A, P::M>>::new(),
        }
    }
}

/// The weights.
#[derive(CubeType, CubeLaunch)]
struct Entmax {
    roots: Roots,
    nan: InputScalar,
}

#[cube]
impl Map for Entmax {
    type Line<P: Types> = Level<P::A, P::N>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Level<P::A, P::N> {
        Level::<P::A, P::N>::of::<P::K>(state, true)
    }

    fn map<P: Types>(
        op: &Self,
        level: &mut Level<P::A, P::N>,
        entry: &Entry<P>,
    ) -> Vector<P::A, P::N> {
        let weighed = op.roots.weigh::<P::A, P::K, P::N>(entry.x, &*level);
        let nan = Vector::new(op.nan.get::<P::A>());
        select_many(level.valid, weighed.weight, nan)
    }
}

/// See [`ArgmaxOps::entmax_forward`](crate::ArgmaxOps::entmax_forward). In the state the maximum is an
/// [`order_key`], which tells a row that has no entmax.
pub(crate) fn entmax_forward(
    logits: CubeTensor,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> (CubeTensor, CubeTensor) {
    let lines = Lines::new("entmax_forward", "logits", &logits, dim);
    let scores = Inputs::of(lines.view(logits));
    let counts = Counts {
        sums: 2,
        state: STATE,
        result: 0,
    };
    let state =
        (0..entmax_steps(lines.length())).fold(peaks(&lines, scores.clone()), |known, step| {
            let inputs = Inputs {
                known: Some(known),
                ..scores.clone()
            };
            let op = || StepLaunch::new(lines.roots(alpha, beta), step > 0);
            lines.reduce::<Step>(inputs, counts, op).0
        });
    let op = EntmaxLaunch::new(lines.roots(alpha, beta), lines.nan());
    let weights = lines.map::<Entmax>(scores, Some(state.clone()), None, op);
    (weights, state)
}
