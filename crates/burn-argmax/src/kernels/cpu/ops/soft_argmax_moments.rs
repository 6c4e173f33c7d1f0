//! Mean and variance of the index under weights, and their gradient
//! `growth * (g * (j - mean) + h * ((j - mean)^2 - variance)) / sum`.

use super::{
    soft_argmax::{has_weights, window_of},
    weights::{Weights, weighted},
};
use crate::{
    Weighting,
    kernels::cpu::{
        Accumulator, Element, Lines, check_length,
        plan::LANES,
        traverse::{self, FACTORS, LineOp, LineState, Partial, Partials},
    },
};

/// Numbers of the moments of a line: `[mean, variance]`.
pub(crate) const MOMENTS: usize = 2;

/// Numbers of state a line: `[max, sum, center, offset, variance]`, and room for the upstream gradient
/// of the variance.
pub(crate) const STATE: usize = 6;

const VARIANCE: usize = 4;
const UPSTREAM: usize = 5;

/// Sums of a line: of the weights, and of these weighted by the distance and by its square.
const SUMS: usize = 3;

/// The moments and the state, each along the reduced dimension.
pub(crate) fn forward<T: Element>(
    logits: &[T],
    lines: Lines,
    weighting: Weighting,
) -> (Vec<T>, Vec<T::Accumulator>) {
    let (means, state) = weighted!(T, weighting, weights => match window_of(weighting, lines) {
        None => traverse::reduce(logits, lines, Moments(weights), true),
        Some(radius) => traverse::reduce_windows(logits, lines, Moments(weights), radius, true),
    });
    let mut moments = Vec::with_capacity(MOMENTS * means.len());
    let tables = means
        .chunks(lines.inner)
        .zip(state.chunks(STATE * lines.inner));
    for (means, state) in tables {
        let variances = &state[VARIANCE * lines.inner..][..lines.inner];
        moments.extend_from_slice(means);
        moments.extend(variances.iter().map(|variance| T::narrow(*variance)));
    }
    (moments, state)
}

/// The gradient, of an upstream gradient of the moments.
pub(crate) fn backward<T: Element>(
    logits: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    weighting: Weighting,
) -> Vec<T> {
    let (state, grad) = upstream(state, grad, lines);
    weighted!(T, weighting, weights => match window_of(weighting, lines) {
        None => traverse::map(logits, &state, &grad, lines, Moments(weights)),
        Some(radius) => {
            traverse::map_windows(logits, &state, &grad, lines, Moments(weights), radius)
        }
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
    let (state, grad) = upstream(state, grad, lines);
    weighted!(T, weighting, weights => match window_of(weighting, lines) {
        None => traverse::map_in_place(logits, &state, &grad, lines, Moments(weights)),
        Some(radius) => {
            traverse::map_windows_in_place(logits, &state, &grad, lines, Moments(weights), radius);
        }
    });
}

/// The state with the upstream gradient of the variance, and that of the mean.
fn upstream<T: Element>(
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
) -> (Vec<T::Accumulator>, Vec<T>) {
    check_length("state", state.len(), STATE * lines.count());
    check_length("grad", grad.len(), MOMENTS * lines.count());
    let inner = lines.inner;
    let mut state = state.to_vec();
    let mut of_means = Vec::with_capacity(lines.count());
    let tables = state
        .chunks_mut(STATE * inner)
        .zip(grad.chunks(MOMENTS * inner));
    for (state, grad) in tables {
        let (of_mean, of_variance) = grad.split_at(inner);
        of_means.extend_from_slice(of_mean);
        for (entry, grad) in state[UPSTREAM * inner..].iter_mut().zip(of_variance) {
            *entry = grad.widen();
        }
    }
    (state, of_means)
}

/// Up to here a factor times the square of a distance fits every accumulator.
const SAFE: f64 = 18_446_744_073_709_551_616.0;

/// Mean and variance under weights.
#[derive(Clone, Copy, Debug)]
struct Moments<W>(W);

impl<A: Accumulator, W: Weights<A>> LineOp<A, SUMS, STATE> for Moments<W> {
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
        [sum, first, second]: &mut [[A; LANES]; SUMS],
        values: [A; LANES],
        max: [A; LANES],
        distances: [A; LANES],
    ) {
        for lane in 0..LANES {
            let weight = self.0.weight::<FMA>(values[lane], max[lane]);
            let distance = distances[lane];
            let moment = weight.mul(distance);
            sum[lane] = sum[lane].add(weight);
            first[lane] = first[lane].add(moment);
            second[lane] = moment.mul_add::<FMA>(distance, second[lane]);
        }
    }

    #[inline(always)]
    fn moved<X: Accumulator, const FMA: bool>(sums: [X; SUMS], scale: X, shift: X) -> [X; SUMS] {
        let [sum, first, second] = sums.map(|sum| scale.mul(sum));
        let moved = shift.mul_add::<FMA>(sum, first);
        // sum (d + s)^2 = sum d^2 + s (sum d + sum (d + s))
        [sum, moved, shift.mul_add::<FMA>(first.add(moved), second)]
    }

    #[inline(always)]
    fn finish<T: Element<Accumulator = A>>(partial: Partial<SUMS>) -> (T, [A; STATE]) {
        let [sum, first, second] = partial.sums;
        if !partial.is_valid() || !has_weights(sum) {
            return (T::round(f64::NAN), [A::NAN; STATE]);
        }
        let offset = first / sum;
        let variance = second / sum - offset * offset;
        let result = T::round(partial.center + offset);
        // A large index may not fit the accumulator: the offset makes up for the rounding.
        let center = A::from_f64(partial.center);
        let offset = offset + (partial.center - center.to_f64());
        let state = [partial.max, sum, center.to_f64(), offset, variance, 0.0];
        (result, state.map(A::from_f64))
    }

    #[inline(always)]
    fn finish_each<T: Element<Accumulator = A>>(
        partials: &Partials<A, SUMS>,
    ) -> ([T; LANES], [[A; LANES]; STATE]) {
        let mut results = [T::ZERO; LANES];
        let mut state = [[A::ZERO; LANES]; STATE];
        for lane in 0..LANES {
            let (result, entries) = Self::finish(partials.lane(lane, 0.0));
            results[lane] = result;
            for entry in 0..STATE {
                state[entry][lane] = entries[entry];
            }
        }
        (results, state)
    }

    #[inline(always)]
    fn place([max, _, center, offset, ..]: [A; STATE]) -> [A; 3] {
        [max, center, offset]
    }

    /// Both upstream gradients times `rate / sum`, the variance, and what the slope is multiplied by at the end:
    /// 1, unless it may pass the largest number on the way. NaN if an upstream gradient is not finite.
    #[inline(always)]
    fn factors(self, [_, sum, _, _, variance, upstream]: [A; STATE], grad: A) -> [A; FACTORS] {
        let rate = self.0.rate() / sum.to_f64();
        let (of_mean, of_variance) = (grad.to_f64(), upstream.to_f64());
        let size = (of_mean.abs().max(of_variance.abs()) * rate).min(f64::MAX);
        let excess = (size / SAFE).max(1.0);
        let nothing = of_mean * 0.0 + of_variance * 0.0;
        let is_silent = of_mean == 0.0 && of_variance == 0.0;
        let factor = |grad: f64| {
            let factor = (grad * rate / excess).clamp(-SAFE, SAFE) + nothing;
            A::from_f64(if is_silent { 0.0 } else { factor })
        };
        [
            factor(of_mean),
            factor(of_variance),
            variance,
            A::from_f64(excess.min(A::LARGEST.to_f64())),
        ]
    }

    /// In a broken line exactly 0 at a mask, and where both upstream gradients are exactly 0.
    #[inline(always)]
    fn map<const FMA: bool, const BROKEN: bool>(
        self,
        state: LineState<A>,
        value: A,
        distance: A,
    ) -> A {
        let [of_mean, of_variance, variance, excess] = state.factors;
        let growth = self.0.growth::<FMA>(value, state.max);
        let distance = distance.sub(state.offset);
        let square = distance.mul_add::<FMA>(distance, A::ZERO.sub(variance));
        let slope = growth.mul(square).mul(of_variance);
        let slope = growth
            .mul(distance)
            .mul_add::<FMA>(of_mean, slope)
            .mul(excess);
        let silent = of_mean == A::ZERO && of_variance == A::ZERO;
        if BROKEN && (value == A::NEG_INFINITY || silent) {
            A::ZERO
        } else {
            slope
        }
    }
}
