//! Soft-argmax: the weighted mean of a coordinate, and its gradient
//! `grad * growth * (coordinate - mean) / sum`.

use super::weights::{Weights, weighted};
use crate::{
    Weighting,
    kernels::cpu::{
        Accumulator, Element, Lines,
        plan::LANES,
        traverse::{self, FACTORS, LineOp, LineState, Partial, Partials},
    },
};

/// Numbers of state a line: `[max, sum, center, offset]`.
pub(crate) const STATE: usize = 4;

/// Sums of a line: of the weights, and of these weighted by how far the coordinate is from that of the
/// maximum, so that nothing cancels when the peak is sharp.
const SUMS: usize = 2;

/// The radius of the window, if it does not cover every line.
pub(super) fn window_of(weighting: Weighting, lines: Lines) -> Option<usize> {
    weighting.radius.filter(|&radius| radius < lines.n - 1)
}

/// The results, and if it is kept the state, along the reduced dimension.
pub(crate) fn forward<T: Element>(
    logits: &[T],
    lines: Lines,
    weighting: Weighting,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>) {
    weighted!(T, weighting, weights => match window_of(weighting, lines) {
        None => traverse::reduce(logits, lines, Mean::of_indices(weights), keep_state),
        Some(radius) => traverse::reduce_windows(logits, lines, Mean::of_indices(weights), radius, keep_state),
    })
}

/// `grad * growth_j * (j - y) / sum`.
pub(crate) fn backward<T: Element>(
    logits: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    weighting: Weighting,
) -> Vec<T> {
    weighted!(T, weighting, weights => match window_of(weighting, lines) {
        None => traverse::map(logits, state, grad, lines, Mean::of_indices(weights)),
        Some(radius) => traverse::map_windows(logits, state, grad, lines, Mean::of_indices(weights), radius),
    })
}

/// [`backward`], which takes the place of the logits: no memory of its own.
pub(crate) fn backward_in_place<T: Element>(
    logits: &mut [T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    weighting: Weighting,
) {
    weighted!(T, weighting, weights => match window_of(weighting, lines) {
        None => traverse::map_in_place(logits, state, grad, lines, Mean::of_indices(weights)),
        Some(radius) => {
            traverse::map_windows_in_place(logits, state, grad, lines, Mean::of_indices(weights), radius);
        }
    });
}

/// Whether weights may be divided by their sum.
#[inline(always)]
pub(super) fn has_weights(sum: f64) -> bool {
    sum.is_finite() && sum != 0.0
}

/// The mean of a coordinate under weights. `BINS` may be infinite or NaN where they weigh nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mean<W, const BINS: bool>(W);

impl<W> Mean<W, false> {
    /// Of a coordinate that is always finite, or for which the caller answers.
    pub fn of_indices(weights: W) -> Self {
        Self(weights)
    }
}

impl<W> Mean<W, true> {
    pub fn of_bins(weights: W) -> Self {
        Self(weights)
    }
}

impl<A: Accumulator, W: Weights<A>, const BINS: bool> LineOp<A, SUMS, STATE> for Mean<W, BINS> {
    #[inline(always)]
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A {
        self.0.shrink::<FMA>(from, to)
    }

    #[inline(always)]
    fn rescale(self, from: f64, to: f64) -> f64 {
        self.0.rescale(from, to)
    }

    #[inline(always)]
    fn observe<const FMA: bool>(
        self,
        [sum, weighted]: &mut [[A; LANES]; SUMS],
        values: [A; LANES],
        max: [A; LANES],
        distances: [A; LANES],
    ) {
        for lane in 0..LANES {
            let weight = self.0.weight::<FMA>(values[lane], max[lane]);
            sum[lane] = sum[lane].add(weight);
            // What is added is chosen, not whether: the sums stay in registers.
            let addend = weight.mul(distances[lane]);
            let is_nothing = BINS && weight == A::ZERO;
            weighted[lane] = match BINS {
                true => weighted[lane].add(if is_nothing { A::ZERO } else { addend }),
                false => weight.mul_add::<FMA>(distances[lane], weighted[lane]),
            };
        }
    }

    #[inline(always)]
    fn moved<X: Accumulator, const FMA: bool>(
        [sum, weighted]: [X; SUMS],
        scale: X,
        shift: X,
    ) -> [X; SUMS] {
        let sum = scale.mul(sum);
        [sum, shift.mul_add::<FMA>(sum, scale.mul(weighted))]
    }

    #[inline(always)]
    fn finish<T: Element<Accumulator = A>>(partial: Partial<SUMS>) -> (T, [A; STATE]) {
        if !partial.is_valid() || !has_weights(partial.sums[0]) {
            return (T::round(f64::NAN), [A::NAN; STATE]);
        }
        let [sum, weighted] = partial.sums;
        let offset = weighted / sum;
        let result = T::round(partial.center + offset);
        // A large index may not fit the accumulator: the offset makes up for the rounding.
        let center = A::from_f64(partial.center);
        let offset = offset + (partial.center - center.to_f64());
        let state = [partial.max, sum, center.to_f64(), offset].map(A::from_f64);
        (result, state)
    }

    #[inline(always)]
    fn finish_each<T: Element<Accumulator = A>>(
        partials: &Partials<A, SUMS>,
    ) -> ([T; LANES], [[A; LANES]; STATE]) {
        let mut results = [T::ZERO; LANES];
        let mut state = [[A::NAN; LANES]; STATE];
        for lane in 0..LANES {
            let (max, center) = (partials.max[lane], partials.center[lane]);
            let [sum, weighted] = [partials.sums[0][lane], partials.sums[1][lane]];
            let valid = max > A::NEG_INFINITY && has_weights(sum);
            // NaN, and all that is made of it, where there is no softmax.
            let sum = if valid { sum } else { f64::NAN };
            let nothing = A::from_f64(sum * 0.0);
            let offset = weighted / sum;
            results[lane] = T::round(center.to_f64() + offset);
            state[0][lane] = max.add(nothing);
            state[1][lane] = A::from_f64(sum);
            state[2][lane] = center.add(nothing);
            state[3][lane] = A::from_f64(offset);
        }
        (results, state)
    }

    #[inline(always)]
    fn place([max, _, center, offset]: [A; STATE]) -> [A; 3] {
        [max, center, offset]
    }

    /// `grad * rate / sum`, exactly 0 where `grad` is. What exceeds the largest finite value is left to
    /// a second factor, so that a weight of 0 stays 0, and none of the products is larger than the
    /// last.
    #[inline(always)]
    fn factors(self, [_, sum, ..]: [A; STATE], grad: A) -> [A; FACTORS] {
        let largest = A::LARGEST.to_f64();
        let grad = grad.to_f64();
        let factor = grad * (self.0.rate() / sum.to_f64());
        let first = if factor > largest { largest } else { factor };
        let first = if first < -largest { -largest } else { first };
        let excess = factor.abs() * (1.0 / largest);
        let excess = if excess > 1.0 { excess } else { 1.0 };
        let excess = if excess > largest { largest } else { excess };
        // NaN where `grad` is not finite.
        let first = first + grad * 0.0;
        let first = if grad == 0.0 { 0.0 } else { first };
        [A::from_f64(first), A::from_f64(excess), A::ZERO, A::ZERO]
    }

    /// In a broken line exactly 0 at a mask, and where the upstream gradient is exactly 0.
    #[inline(always)]
    fn map<const FMA: bool, const BROKEN: bool>(
        self,
        state: LineState<A>,
        value: A,
        distance: A,
    ) -> A {
        let growth = self.0.growth::<FMA>(value, state.max);
        let slope = growth.mul(distance.sub(state.offset));
        let [first, last, ..] = state.factors;
        let slope = slope.mul(first).mul(last);
        let is_nothing = BINS && growth == A::ZERO;
        let is_mask = BROKEN && value == A::NEG_INFINITY;
        if is_nothing || is_mask || (BROKEN && first == A::ZERO) {
            A::ZERO
        } else {
            slope
        }
    }
}
