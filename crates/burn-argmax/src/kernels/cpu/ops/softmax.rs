//! Softmax: weights over their sum, and its gradient `beta * p * (grad - sum(grad * p))`.

use super::{
    soft_argmax::{Mean, has_weights},
    weights::{Weights, softmaxed},
};
use crate::kernels::cpu::{
    Accumulator, Element, Lines,
    plan::LANES,
    traverse::{self, FACTORS, LineOp, LineState, Partial, Partials},
};

/// `softmax(beta * x)` of every line.
pub(crate) fn forward<T: Element>(logits: &[T], lines: Lines, beta: f64) -> Vec<T> {
    softmaxed!(T, beta, weights => {
        traverse::normalize(logits, lines, Share::of_scores(weights))
    })
}

/// The gradient, which takes the place of `grad`: no memory of its own, whose pages the system would
/// have to clear first.
pub(crate) fn backward<T: Element>(logits: &[T], grad: &mut [T], lines: Lines, beta: f64) {
    // The upstream gradient is the coordinate; the traversal clears it at masks.
    softmaxed!(T, beta, weights => {
        traverse::reduce_and_map(logits, grad, lines, Mean::of_indices(weights));
    });
}

/// Weights over their sum, times the upstream gradient.
#[derive(Clone, Copy)]
pub(super) struct Share<W> {
    weights: W,
    /// Whether a mask gives 0 in a line without weights too, as gradients do.
    clears_masks: bool,
}

impl<W> Share<W> {
    /// The probabilities, for an upstream gradient of 1.
    fn of_scores(weights: W) -> Self {
        Self {
            weights,
            clears_masks: false,
        }
    }

    /// The gradient for the coordinate of a mean.
    pub fn of_bins(weights: W) -> Self {
        Self {
            weights,
            clears_masks: true,
        }
    }
}

/// Numbers of state a line: `[max, sum]`, and two that a mean has.
const STATE: usize = super::soft_argmax::STATE;

impl<A: Accumulator, W: Weights<A>> LineOp<A, 1, STATE> for Share<W> {
    #[inline(always)]
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A {
        self.weights.shrink::<FMA>(from, to)
    }

    #[inline(always)]
    fn rescale(self, from: f64, to: f64) -> f64 {
        self.weights.rescale(from, to)
    }

    #[inline(always)]
    fn observe<const FMA: bool>(
        self,
        [sum]: &mut [[A; LANES]; 1],
        values: [A; LANES],
        max: [A; LANES],
        _distances: [A; LANES],
    ) {
        for lane in 0..LANES {
            let weight = self.weights.weight::<FMA>(values[lane], max[lane]);
            sum[lane] = sum[lane].add(weight);
        }
    }

    #[inline(always)]
    fn moved<X: Accumulator, const FMA: bool>([sum]: [X; 1], scale: X, _shift: X) -> [X; 1] {
        [scale.mul(sum)]
    }

    #[inline(always)]
    fn finish<T: Element<Accumulator = A>>(partial: Partial<1>) -> (T, [A; STATE]) {
        let [sum] = partial.sums;
        let valid = partial.is_valid() && has_weights(sum);
        let sum = if valid { sum } else { f64::NAN };
        let entries = [partial.max, sum, 0.0, 0.0].map(A::from_f64);
        (T::ZERO, entries)
    }

    #[inline(always)]
    fn finish_each<T: Element<Accumulator = A>>(
        partials: &Partials<A, 1>,
    ) -> ([T; LANES], [[A; LANES]; STATE]) {
        let mut sums = [A::ZERO; LANES];
        let lines = partials.max.iter().zip(&partials.sums[0]);
        for (state, (max, sum)) in sums.iter_mut().zip(lines) {
            let valid = *max > A::NEG_INFINITY && has_weights(*sum);
            *state = A::from_f64(if valid { *sum } else { f64::NAN });
        }
        let zeros = [A::ZERO; LANES];
        ([T::ZERO; LANES], [partials.max, sums, zeros, zeros])
    }

    #[inline(always)]
    fn place([max, ..]: [A; STATE]) -> [A; 3] {
        [max, A::ZERO, A::ZERO]
    }

    /// `grad / sum`, and what rounding takes of it: multiplied by both, a weight is rounded once. What exceeds
    /// the largest finite value, of a faint sum, is left to a last factor.
    #[inline(always)]
    fn factors(self, [_, sum, ..]: [A; STATE], grad: A) -> [A; FACTORS] {
        let largest = A::LARGEST.to_f64();
        let grad = grad.to_f64();
        let factor = grad / sum.to_f64();
        let first = if factor > largest { largest } else { factor };
        let first = if first < -largest { -largest } else { first };
        let excess = factor.abs() * (1.0 / largest);
        let excess = if excess > 1.0 { excess } else { 1.0 };
        let excess = if excess > largest { largest } else { excess };
        // NaN where `grad` is not finite.
        let first = first + grad * 0.0;
        let first = if grad == 0.0 { 0.0 } else { first };
        let high = A::from_f64(first);
        let low = A::from_f64(first - high.to_f64());
        [high, low, A::from_f64(excess), A::ZERO]
    }

    /// In a broken line the factor is NaN, but where the upstream gradient is exactly 0.
    #[inline(always)]
    fn map<const FMA: bool, const BROKEN: bool>(
        self,
        state: LineState<A>,
        value: A,
        _distance: A,
    ) -> A {
        let [high, low, last, _] = state.factors;
        let weight = self.weights.weight::<FMA>(value, state.max);
        let share = weight.mul_add::<FMA>(high, weight.mul(low));
        // Probabilities have a sum that is at least 1.
        let share = if self.clears_masks {
            share.mul(last)
        } else {
            share
        };
        let is_mask = self.clears_masks && value == A::NEG_INFINITY;
        if BROKEN && (is_mask || high == A::ZERO) {
            A::ZERO
        } else {
            share
        }
    }
}
