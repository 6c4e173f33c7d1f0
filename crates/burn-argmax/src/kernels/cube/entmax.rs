//! Entmax: weights `[w + r * (x - max)]_+^k` with `k = 1 / (alpha - 1)` and `r = beta / k`, where `w`, which
//! is the root of the largest weight, is such that they sum to 1. Each of Newton's steps to it is one
//! read. The gradient is `beta * s * (grad - sum(s * grad) / sum(s))`, where `s` is the weight to the
//! power `2 - alpha`.

use burn_core::tensor::DType;
use burn_cubecl::{cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::{Kind, finite_of_key, heard, is_finite, order_key},
    kernels::fold_lanes,
    launch::Inputs,
    lines::Lines,
    log::{log, log_near_one},
    operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
    peak::{KEY, peaks},
    weights::{Slope, less_power},
};
use crate::composed::{accumulator_max, entmax_steps};

/// Where the two parts of a level stand, behind the key of the peak.
const HIGH: usize = 1;
const LOW: usize = 2;
const STATE: usize = 3;

/// What roots are raised to: 1 for an alpha of 2, 2 for one of 3/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Power {
    One,
    Two,
    /// `k`.
    Any,
}

#[derive(CubeType, CubeLaunch)]
struct Roots {
    /// How far below the maximum all weights are 0.
    reach: InputScalar,
    /// `r` in two parts.
    rate: InputScalar,
    rate_low: InputScalar,
    /// `k`.
    exponent: InputScalar,
    #[cube(comptime)]
    power: Power,
}

/// What is known of a line: its maximum, and the root of the weight that belongs to it.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Level<A: Float, N: Size> {
    max: Vector<A, N>,
    /// Whether the line has a finite maximum.
    valid: Vector<bool, N>,
    /// The level in steps of [`GRAIN`], and what it is more: a weight may be less than the last digit of the
    /// level, and there may be very many of it.
    high: Vector<A, N>,
    low: Vector<A, N>,
}

const GRAIN: f32 = 1.0 / 65536.0;

#[cube]
impl<A: Float, N: Size> Level<A, N> {
    /// Of a line of which the peak alone is known it is 1: the weight of the peak is no larger.
    fn of<K: Int>(known: &Sequence<Vector<K, N>>, #[comptime] has_level: bool) -> Level<A, N> {
        let mut high = Vector::<A, N>::new(A::new(1.0_f32));
        let mut low = Vector::<A, N>::new(A::new(0.0_f32));
        if comptime!(has_level) {
            high = Vector::reinterpret(known[HIGH]);
            low = Vector::reinterpret(known[LOW]);
        }
        Level::<A, N> {
            max: finite_of_key::<A, K, N>(known[KEY]),
            valid: is_finite::<K, N>(known[KEY]),
            high,
            low,
        }
    }
}

/// A weight, and how it grows with its root, over `k`.
#[derive(CubeType)]
struct Weighed<A: Float, N: Size> {
    weight: Vector<A, N>,
    slope: Vector<A, N>,
}

/// A root whose weight is none, and of which there is a logarithm.
const SMALLEST: f32 = f32::MIN_POSITIVE;

#[cube]
impl Roots {
    fn weigh<A: Float, K: Int, N: Size>(
        &self,
        x: Vector<A, N>,
        level: &Level<A, N>,
    ) -> Weighed<A, N> {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let one = Vector::<A, N>::new(A::new(1.0_f32));
        let masked = Kind::<N>::of::<A, K>(x).masked;
        let x = select_many(masked, level.max, x);
        let farthest = zero - Vector::new(self.reach.get::<A>());
        // Farther away, a product with the rate might not be finite.
        let below = max(x - level.max, farthest);
        let low = below * Vector::new(self.rate_low.get::<A>()) + level.low;
        let rate = Vector::<A, N>::new(self.rate.get::<A>());
        let root = fma(below, rate, level.high) + low;
        let outside = masked.or(root.less_equal(&zero));
        let weighed = match comptime!(self.power) {
            Power::One => Weighed::<A, N> {
                weight: root,
                slope: one,
            },
            Power::Two => Weighed::<A, N> {
                weight: root * root,
                slope: root,
            },
            Power::Any => {
                let less = fma(below, rate, level.high - one) + low;
                let root = max(root, Vector::new(A::new(SMALLEST)));
                let log = min(log_near_one::<A, K, N>(root, less), zero);
                let weight = (log * Vector::new(self.exponent.get::<A>())).exp();
                Weighed::<A, N> {
                    weight,
                    slope: weight / root,
                }
            }
        };
        Weighed::<A, N> {
            weight: select_many(outside, zero, weighed.weight),
            slope: select_many(outside, zero, weighed.slope),
        }
    }

    /// `1 - sum^(-1 / k)`.
    fn less_root<A: Float, K: Int, N: Size>(&self, sum: Vector<A, N>) -> Vector<A, N> {
        let less = sum - Vector::new(A::new(1.0_f32));
        match comptime!(self.power) {
            Power::One => less / sum,
            Power::Two => less / (sum + sum.sqrt()),
            Power::Any => {
                let log = log::<A, K, N>(sum);
                less_power::<A, N>(log / Vector::new(self.exponent.get::<A>()))
            }
        }
    }
}

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
        let silent = state[STATE + 2].equal(&Vector::new(P::K::from_int(0)));
        Line::<P> {
            level,
            center: Vector::reinterpret(state[STATE]),
            offset: Vector::reinterpret(state[STATE + 1]),
            slope: Slope::<P::A, P::N>::new(
                op.beta.get::<P::A>(),
                // The upstream gradient is in the distances.
                Vector::new(P::A::new(1.0_f32)),
                silent,
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

impl Lines {
    fn roots(&self, alpha: f64, beta: f64) -> RootsLaunch {
        let largest = accumulator_max(self.accumulator);
        let rate = (beta * (alpha - 1.0)).min(largest);
        let (high, smallest) = match self.accumulator {
            DType::F64 => (rate, f64::MIN_POSITIVE),
            _ => (f64::from(rate as f32), f64::from(f32::MIN_POSITIVE)),
        };
        let power = 1.0 / (alpha - 1.0);
        // Twice what is enough, and a normal number also where the rate is the largest.
        let reach = (2.0 / rate).clamp(smallest, largest);
        RootsLaunch::new(
            self.scalar(reach),
            self.scalar(high),
            self.scalar(rate - high),
            self.scalar(power),
            match power {
                1.0 => Power::One,
                2.0 => Power::Two,
                _ => Power::Any,
            },
        )
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
