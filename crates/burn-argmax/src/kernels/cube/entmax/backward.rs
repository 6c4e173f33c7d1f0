//! The gradient: a reduction to its mean in every line, and a map.

use burn_cubecl::{cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    super::{
        bits::{heard, order_key},
        kernels::fold_lanes,
        launch::Inputs,
        lines::Lines,
        operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
        weights::Slope,
    },
    roots::{Level, Roots, STATE},
};
use crate::composed::accumulator_max;

/// The gradient, less its mean over the slopes.
#[derive(CubeType, CubeLaunch)]
struct EntmaxGradient {
    roots: Roots,
    beta: InputScalar,
    /// What slopes are multiplied by in the sums, so that these are no larger than what comes from upstream.
    share: InputScalar,
    nan: InputScalar,
}

/// Sums over some entries that have a slope, about the upstream gradient of the largest: what comes to the
/// others may be less than its rounding.
#[derive(CubeType)]
struct Mean<A: Float, K: Int, N: Size> {
    slopes: Vector<A, N>,
    /// `sum_i s_i (grad_i - center)`.
    moment: Vector<A, N>,
    center: Vector<A, N>,
    /// The [`order_key`] of the largest.
    key: Vector<K, N>,
    /// What is [`heard`] from upstream, or-ed.
    upstream: Vector<K, N>,
}

#[cube]
impl<A: Float, K: Int, N: Size> Mean<A, K, N> {
    /// With others, of which the largest is `key`.
    fn add(
        &mut self,
        slopes: Vector<A, N>,
        moment: Vector<A, N>,
        center: Vector<A, N>,
        key: Vector<K, N>,
    ) {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let leads = key.greater_than(&self.key);
        let lead = select_many(leads, center, self.center);
        let behind = select_many(leads, self.center, center);
        let moved = select_many(leads, self.slopes, slopes);
        // What has no slope has no distance, also from an infinite gradient.
        let distance = select_many(moved.equal(&zero), zero, behind - lead);
        self.moment += moment + distance * moved;
        self.slopes += slopes;
        self.center = lead;
        self.key = select_many(leads, key, self.key);
    }

    fn store(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = Sequence::<Vector<K, N>>::new();
        numbers.push(Vector::reinterpret(self.slopes));
        numbers.push(Vector::reinterpret(self.moment));
        numbers.push(Vector::reinterpret(self.center));
        numbers.push(self.key);
        numbers.push(self.upstream);
        numbers
    }
}

/// The same, and what entries are weighed by.
#[derive(CubeType)]
struct MeanLanes<A: Float, K: Int, N: Size> {
    mean: Mean<A, K, N>,
    level: Level<A, N>,
}

#[cube]
impl Reduction for EntmaxGradient {
    type Lanes<P: Types> = MeanLanes<P::A, P::K, P::N>;
    type Sums<P: Types> = Mean<P::A, P::K, P::M>;

    fn empty<P: Types>(
        _op: &Self,
        known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        MeanLanes::<P::A, P::K, P::N> {
            mean: Mean::<P::A, P::K, P::N> {
                slopes: Vector::new(P::A::new(0.0_f32)),
                moment: Vector::new(P::A::new(0.0_f32)),
                center: Vector::new(P::A::new(0.0_f32)),
                key: Vector::new(P::K::min_value()),
                upstream: Vector::new(P::K::from_int(0)),
            },
            level: Level::<P::A, P::N>::of::<P::K>(known, true),
        }
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        let zero = Vector::<P::A, P::N>::new(P::A::new(0.0_f32));
        let none = Vector::<P::K, P::N>::new(P::K::min_value());
        let weighed = op.roots.weigh::<P::A, P::K, P::N>(entry.x, &lanes.level);
        let slope = weighed.slope * Vector::new(op.share.get::<P::A>());
        let nothing = slope.equal(&zero);
        let key = order_key::<P::A, P::K, P::N>(entry.x);
        let key = select_many(nothing, none, key);
        let center = select_many(nothing, zero, entry.beside);
        let mean = &mut lanes.mean;
        mean.add(slope, zero, center, key);
        mean.upstream |= heard::<P::A, P::K, P::N>(entry.x, entry.beside);
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, EntmaxGradient>(op, &lanes.mean.store())
    }

    fn merge<P: Types>(_op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.add(other.slopes, other.moment, other.center, other.key);
        sums.upstream |= other.upstream;
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.store()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Mean::<P::A, P::K, P::M> {
            slopes: Vector::reinterpret(numbers[0]),
            moment: Vector::reinterpret(numbers[1]),
            center: Vector::reinterpret(numbers[2]),
            key: numbers[3],
            upstream: numbers[4],
        }
    }

    fn finish<P: Types>(
        _op: &Self,
        sums: &Self::Sums<P>,
        known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let level = Level::<P::A, P::M>::of::<P::K>(known, true);
        let one = Vector::<P::A, P::M>::new(P::A::new(1.0_f32));
        let slopes = select_many(level.valid, sums.slopes, one);
        let mut state = Sequence::<Vector<P::K, P::M>>::new();
        #[unroll]
        for number in 0..STATE {
            state.push(known[number]);
        }
        state.push(Vector::reinterpret(sums.center));
        state.push(Vector::reinterpret(sums.moment / slopes));
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
    level: Level<P::A, P::N>,
    center: Vector<P::A, P::N>,
    offset: Vector<P::A, P::N>,
    slope: Slope<P::A, P::N>,
}

#[cube]
impl Map for EntmaxGradient {
    type Line<P: Types> = Line<P>;

    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Line<P> {
        let level = Level::<P::A, P::N>::of::<P::K>(state, true);
        Line::<P> {
            level,
            center: Vector::reinterpret(state[STATE]),
            offset: Vector::reinterpret(state[STATE + 1]),
            slope: Slope::<P::A, P::N>::of_distances::<P::K>(
                op.beta.get::<P::A>(),
                state[STATE + 2],
                level.valid,
                op.nan.get::<P::A>(),
            ),
        }
    }

    fn map<P: Types>(op: &Self, line: &mut Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let weighed = op.roots.weigh::<P::A, P::K, P::N>(entry.x, &line.level);
        let distance = (entry.beside - line.center) - line.offset;
        line.slope.at::<P::K>(entry.x, weighed.slope, distance)
    }
}

/// See [`ArgmaxOps::entmax_backward`](crate::ArgmaxOps::entmax_backward).
pub(crate) fn entmax_backward(
    logits: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> CubeTensor {
    let mut lines = Lines::new("entmax_backward", "logits", &logits, dim);
    lines.admit("state", &state, STATE, lines.accumulator);
    lines.admit("grad", &grad, lines.length(), lines.dtype);
    let counts = Counts {
        sums: 5,
        state: STATE + 3,
        result: 0,
    };
    let inputs = Inputs {
        beside: Some(lines.view(grad)),
        known: Some(into_contiguous(state)),
        ..Inputs::of(lines.view(logits))
    };
    let op = || {
        let roots = lines.roots(alpha, beta);
        let beta = beta.min(accumulator_max(lines.accumulator));
        let share = 1.0 / lines.length().next_power_of_two() as f64;
        let [beta, share] = [beta, share].map(|number| lines.scalar(number));
        EntmaxGradientLaunch::new(roots, beta, share, lines.nan())
    };
    let (state, _) = lines.reduce::<EntmaxGradient>(inputs.clone(), counts, op);
    let inputs = Inputs {
        known: None,
        ..inputs
    };
    lines.map::<EntmaxGradient>(inputs, Some(state), None, op())
}
