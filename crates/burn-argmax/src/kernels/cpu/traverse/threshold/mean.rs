//! The mean of what comes from upstream to a line, under the slopes of its weights.

use std::hint::black_box;

use super::{
    op::{ThresholdOp, below, least_of, within_reach},
    state::{LaneStates, in_two},
};
use crate::kernels::cpu::{Accumulator, plan::LANES, simd::any};

/// Numbers of the mean of a line: the mean in two parts, what comes to its maximum, and how far the mean is from
/// that. All are NaN in a line that has no weights, unless nothing comes from upstream.
pub(super) const MEAN: usize = 4;

/// Sums over a line, or over lines side by side.
///
/// In double precision, and about what comes to the maximum: where one weight is nearly all, the gradient is a
/// small difference from that.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    pub slopes: [f64; LANES],
    /// Of the slopes times what comes upstream less `peak`.
    pub products: [f64; LANES],
    /// What comes to the maximum, if that is finite, and else 0.
    pub peak: [f64; LANES],
}

impl Sums {
    pub fn about(peak: f64) -> Self {
        Self {
            slopes: [0.0; LANES],
            products: [0.0; LANES],
            peak: [if peak.is_finite() { peak } else { 0.0 }; LANES],
        }
    }

    /// Adds a vector.
    #[inline(always)]
    pub fn add<A, O, const FMA: bool>(
        &mut self,
        scores: [A; LANES],
        upstream: [A; LANES],
        state: LaneStates<A>,
        op: O,
    ) where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let Some(slopes) = slopes_of::<A, O, FMA>(scores, state, op) else {
            return;
        };
        for lane in 0..LANES {
            let slope = slopes[lane].to_f64();
            let product = slope * (upstream[lane].to_f64() - self.peak[lane]);
            self.slopes[lane] += slope;
            // What comes to a score without a weight may be infinite.
            self.products[lane] += if slope > 0.0 { product } else { 0.0 };
        }
    }

    /// Moves the sums of lines side by side to be about what comes to their maxima, as far as these are in this
    /// vector. They are of small weights, if the next ones are to be small differences.
    #[inline(always)]
    pub fn meet_peaks<A: Accumulator>(
        &mut self,
        scores: [A; LANES],
        upstream: [A; LANES],
        max: [A; LANES],
    ) {
        let mut at_peak = [false; LANES];
        for lane in 0..LANES {
            at_peak[lane] = scores[lane] >= max[lane] && scores[lane] > A::NEG_INFINITY;
        }
        if black_box(any(at_peak)) {
            for (lane, upstream) in upstream.into_iter().enumerate() {
                let peak = upstream.to_f64();
                if at_peak[lane] && peak.is_finite() {
                    self.products[lane] += self.slopes[lane] * (self.peak[lane] - peak);
                    self.peak[lane] = peak;
                }
            }
        }
    }

    /// Those of one line, from all lanes or from its own.
    pub fn mean<A: Accumulator>([slopes, products, peak]: [f64; 3]) -> [A; MEAN] {
        let from_peak = products / slopes;
        let [high, low] = in_two(peak + from_peak);
        [high, low, A::from_f64(peak), A::from_f64(from_peak)]
    }
}

/// What comes to the maximum of a line.
#[inline(always)]
pub(super) fn upstream_of_peak<A: Accumulator>(
    vectors: impl Iterator<Item = ([A; LANES], [A; LANES])>,
    max: [A; LANES],
) -> f64 {
    for (scores, upstream) in vectors {
        let mut at_peak = [false; LANES];
        for lane in 0..LANES {
            at_peak[lane] = scores[lane] >= max[lane];
        }
        if black_box(any(at_peak)) {
            let lane = at_peak.into_iter().position(|is_peak| is_peak);
            return lane.map_or(0.0, |lane| upstream[lane].to_f64());
        }
    }
    0.0
}

/// The slopes of weights, if any has one.
#[inline(always)]
pub(super) fn slopes_of<A, O, const FMA: bool>(
    scores: [A; LANES],
    [max, high, low]: LaneStates<A>,
    op: O,
) -> Option<[A; LANES]>
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    // Not seen through: the compiler would weigh several vectors at once, all of them.
    if !black_box(within_reach(scores, least_of(max, high, op))) {
        return None;
    }
    let [_, slopes] = op.weigh::<FMA>(below(scores, max), [high, low]);
    Some(slopes)
}
