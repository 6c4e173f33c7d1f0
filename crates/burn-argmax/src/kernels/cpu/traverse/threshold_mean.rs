//! The mean of what comes from upstream to a line, under the slopes of its weights.

use std::hint::black_box;

use super::{
    threshold::{LaneStates, in_two},
    threshold_op::{ThresholdOp, any, below, least_of, within_reach},
};
use crate::kernels::cpu::{Accumulator, simd::LANES};

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
    /// What comes to the maximum, and 0 until it is met.
    pub peak: [f64; LANES],
}

impl Sums {
    pub const EMPTY: Self = Self {
        slopes: [0.0; LANES],
        products: [0.0; LANES],
        peak: [0.0; LANES],
    };

    /// Adds a vector. All lanes are of one line, or each is of its own.
    #[inline(always)]
    pub fn add<A, O, const ONE_LINE: bool, const FMA: bool>(
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
        let mut at_peak = [false; LANES];
        for lane in 0..LANES {
            at_peak[lane] = scores[lane] >= state[0][lane] && scores[lane] > A::NEG_INFINITY;
        }
        if black_box(any(at_peak)) {
            self.meet_peak::<A, ONE_LINE>(scores, upstream, state[0]);
        }
        for lane in 0..LANES {
            let slope = slopes[lane].to_f64();
            let product = slope * (upstream[lane].to_f64() - self.peak[lane]);
            self.slopes[lane] += slope;
            // What comes to a score without a weight may be infinite.
            self.products[lane] += if slope > 0.0 { product } else { 0.0 };
        }
    }

    /// The sums so far about what comes to a maximum in this vector. They are of small weights, if the next ones
    /// are to be small differences.
    fn meet_peak<A: Accumulator, const ONE_LINE: bool>(
        &mut self,
        scores: [A; LANES],
        upstream: [A; LANES],
        max: [A; LANES],
    ) {
        let mut peak = self.peak;
        for (lane, (score, upstream)) in scores.into_iter().zip(upstream).enumerate() {
            let upstream = upstream.to_f64();
            if score == max[lane] && upstream.is_finite() {
                if ONE_LINE {
                    peak = [upstream; LANES];
                } else {
                    peak[lane] = upstream;
                }
            }
        }
        for (lane, peak) in peak.into_iter().enumerate() {
            self.products[lane] += self.slopes[lane] * (self.peak[lane] - peak);
        }
        self.peak = peak;
    }

    /// Those of one line, from all lanes or from its own.
    pub fn mean<A: Accumulator>([slopes, products, peak]: [f64; 3]) -> [A; MEAN] {
        let from_peak = products / slopes;
        let [high, low] = in_two(peak + from_peak);
        [high, low, A::from_f64(peak), A::from_f64(from_peak)]
    }
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
    // Not seen through either.
    if !black_box(within_reach(scores, least_of(max, high, op))) {
        return None;
    }
    let [_, slopes] = op.weigh::<FMA>(below(scores, max), [high, low]);
    Some(slopes)
}
