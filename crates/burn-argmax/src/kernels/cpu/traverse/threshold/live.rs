//! What may be above a threshold still, weighed in one step on the way to it.

use super::op::{ThresholdOp, below};
use crate::kernels::cpu::{
    Accumulator,
    plan::{LANES, THRESHOLD_BLOCK},
    simd::any,
};

/// The sums of weights and slopes of each lane. Those vectors that have a weight become the first, and so many
/// are they.
#[inline(always)]
pub(super) fn weigh_live<A, O, const FMA: bool>(
    live: &mut [[A; LANES]],
    max: [A; LANES],
    levels: [[A; LANES]; 2],
    op: O,
) -> ([[f64; LANES]; 2], usize)
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut totals = [[0.0; LANES]; 2];
    let mut kept = 0;
    for first in (0..live.len()).step_by(THRESHOLD_BLOCK) {
        let mut sums = [[A::ZERO; LANES]; 2];
        for index in first..live.len().min(first + THRESHOLD_BLOCK) {
            let scores = live[index];
            let [weights, slopes] = op.weigh::<FMA>(below(scores, max), levels);
            let mut has_weight = [false; LANES];
            for lane in 0..LANES {
                sums[0][lane] = sums[0][lane].add(weights[lane]);
                sums[1][lane] = sums[1][lane].add(slopes[lane]);
                has_weight[lane] = slopes[lane] > A::ZERO;
            }
            live[kept] = scores;
            kept += usize::from(any(has_weight));
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for lane in 0..LANES {
                totals[lane] += sums[lane].to_f64();
            }
        }
    }
    (totals, kept)
}
