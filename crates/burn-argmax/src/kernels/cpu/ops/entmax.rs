//! Entmax: weights `[w + r * (x - max)]_+^k` with `k = 1 / (alpha - 1)` and `r = beta / k`, where `w`, which
//! is the root of the largest weight, is such that they sum to 1. Its gradient is
//! `beta * s * (grad - sum(s * grad) / sum(s))`, where `s` is the weight to the power `2 - alpha`.

use std::f64::consts::LOG2_E;

use crate::kernels::cpu::{
    Accumulator, Lines,
    log::log_near_one,
    plan::LANES,
    simd::{larger, smaller},
    traverse::{self, ThresholdOp},
};

/// Numbers of the state of a line: its maximum, and `w` in two parts.
pub(crate) const STATE: usize = traverse::THRESHOLD_STATE;

/// Evaluates an expression with `$bound` bound to the weights of an `alpha` from above 1 to 2.
macro_rules! entmax {
    ($alpha:expr, $beta:expr, $bound:ident => $body:expr) => {
        if $alpha == 2.0 {
            let $bound = Entmax::new($alpha, $beta, Linear);
            $body
        } else if $alpha == 1.5 {
            let $bound = Entmax::new($alpha, $beta, Square);
            $body
        } else {
            let $bound = Entmax::new($alpha, $beta, Power::new($alpha));
            $body
        }
    };
}

/// The weights of every line, and its state.
pub(crate) fn forward<A: Accumulator>(
    logits: &[A],
    lines: Lines,
    alpha: f64,
    beta: f64,
) -> (Vec<A>, Vec<A>) {
    entmax!(alpha, beta, op => traverse::map_above_threshold(logits, lines, op))
}

/// The gradient, which takes the place of `grad`.
pub(crate) fn backward<A: Accumulator>(
    logits: &[A],
    state: &[A],
    grad: &mut [A],
    lines: Lines,
    alpha: f64,
    beta: f64,
) {
    entmax!(alpha, beta, op => {
        traverse::less_mean_above_threshold(logits, state, grad, lines, op, beta);
    });
}

#[derive(Clone, Copy)]
struct Entmax<A, P> {
    /// `r` in two parts.
    rate: [A; 2],
    power: P,
}

impl<A: Accumulator, P> Entmax<A, P> {
    fn new(alpha: f64, beta: f64, power: P) -> Self {
        let rate = (beta * (alpha - 1.0)).min(A::LARGEST.to_f64());
        let high = A::from_f64(rate);
        Self {
            rate: [high, A::from_f64(rate - high.to_f64())],
            power,
        }
    }
}

/// What roots are raised to.
trait Raise<A>: Copy + Sync {
    /// `root^k` and `root^(k - 1)` of roots above 0, of which `less` is `root - 1`, and more exact near 1.
    fn raise<const FMA: bool>(self, roots: [A; LANES], less: [A; LANES]) -> [[A; LANES]; 2];

    /// `1 - sum^(-1 / k)`, which is exact near a sum of 1.
    fn less_root(self, sum: f64) -> f64;
}

/// For an alpha of 2, sparsemax.
#[derive(Clone, Copy)]
struct Linear;

impl<A: Accumulator> Raise<A> for Linear {
    #[inline(always)]
    fn raise<const FMA: bool>(self, roots: [A; LANES], _less: [A; LANES]) -> [[A; LANES]; 2] {
        [roots, [A::ONE; LANES]]
    }

    #[inline(always)]
    fn less_root(self, sum: f64) -> f64 {
        (sum - 1.0) / sum
    }
}

/// For an alpha of 3/2.
#[derive(Clone, Copy)]
struct Square;

impl<A: Accumulator> Raise<A> for Square {
    #[inline(always)]
    fn raise<const FMA: bool>(self, roots: [A; LANES], _less: [A; LANES]) -> [[A; LANES]; 2] {
        [roots.map(|root| root.mul(root)), roots]
    }

    #[inline(always)]
    fn less_root(self, sum: f64) -> f64 {
        (sum - 1.0) / (sum + sum.sqrt())
    }
}

/// For any other: `2^(k * log2(root))`.
#[derive(Clone, Copy)]
struct Power<A> {
    /// `k * log2(e)` in two parts.
    rate: [A; 2],
    exponent: f64,
}

impl<A: Accumulator> Power<A> {
    fn new(alpha: f64) -> Self {
        let rate = LOG2_E / (alpha - 1.0);
        let high = A::from_f64(rate);
        Self {
            rate: [high, A::from_f64(rate - high.to_f64())],
            exponent: 1.0 / (alpha - 1.0),
        }
    }
}

impl<A: Accumulator> Raise<A> for Power<A> {
    #[inline(always)]
    fn raise<const FMA: bool>(self, roots: [A; LANES], less: [A; LANES]) -> [[A; LANES]; 2] {
        let [high, low] = self.rate;
        let roots = roots.map(|root| larger(root, A::SMALLEST));
        let (mut weights, mut slopes) = ([A::ZERO; LANES], [A::ZERO; LANES]);
        for lane in 0..LANES {
            let log = log_near_one::<A, FMA>(roots[lane], less[lane]);
            weights[lane] = smaller(log, A::ZERO).exp2::<FMA>(high, low);
        }
        for lane in 0..LANES {
            slopes[lane] = weights[lane].div(roots[lane]);
        }
        [weights, slopes]
    }

    #[inline(always)]
    fn less_root(self, sum: f64) -> f64 {
        -f64::exp_m1(-sum.ln() / self.exponent)
    }
}

impl<A: Accumulator, P: Raise<A>> ThresholdOp<A> for Entmax<A, P> {
    #[inline(always)]
    fn weigh<const FMA: bool>(
        self,
        below: [A; LANES],
        [high, low]: [[A; LANES]; 2],
    ) -> [[A; LANES]; 2] {
        let [rate, rest] = self.rate;
        let (mut roots, mut less) = ([A::ZERO; LANES], [A::ZERO; LANES]);
        for lane in 0..LANES {
            let low = below[lane].mul_add::<FMA>(rest, low[lane]);
            roots[lane] = below[lane].mul_add::<FMA>(rate, high[lane]).add(low);
            let high = high[lane].sub(A::ONE);
            less[lane] = below[lane].mul_add::<FMA>(rate, high).add(low);
        }
        // Each by a loop of its own: of pairs the compiler would make vectors of pairs.
        // Not of a NaN: a mask times a rate of 0.
        let [mut weights, mut slopes] = self.power.raise::<FMA>(roots, less);
        for lane in 0..LANES {
            weights[lane] = if roots[lane] > A::ZERO {
                weights[lane]
            } else {
                A::ZERO
            };
        }
        for lane in 0..LANES {
            slopes[lane] = if roots[lane] > A::ZERO {
                slopes[lane]
            } else {
                A::ZERO
            };
        }
        [weights, slopes]
    }

    /// Newton's step for the norm of the roots, which is convex in `w`: from a `w` that is too large
    /// it stays too large, and it is exact where all weights are the same.
    fn step(self, [weights, slopes]: [f64; 2]) -> f64 {
        weights * self.power.less_root(weights) / slopes
    }

    fn reach(self) -> A {
        // With the rounding of the rate, and of the distance times it.
        A::from_f64(1.00001 / self.rate[0].to_f64())
    }
}
