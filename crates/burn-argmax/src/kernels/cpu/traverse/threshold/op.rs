//! How weights grow above a threshold, and which scores are near enough to the maximum to have one.

use crate::kernels::cpu::{
    Accumulator,
    plan::LANES,
    simd::{any, larger},
};

/// How weights grow above the threshold.
pub(crate) trait ThresholdOp<A: Accumulator>: Copy + Sync {
    /// The weights of scores that are so far below the maxima, which are at these levels above the
    /// thresholds, and the slopes of the weights; both 0 at and below the threshold.
    fn weigh<const FMA: bool>(self, below: [A; LANES], levels: [[A; LANES]; 2]) -> [[A; LANES]; 2];

    /// How much the level has to fall, from the sums of the weights and of the slopes.
    fn step(self, sums: [f64; 2]) -> f64;

    /// What is as far below the maximum weighs nothing, wherever the threshold is.
    fn reach(self) -> A;
}

/// How far scores are below the maximum of their line: finite but at a mask.
#[inline(always)]
pub(super) fn below<A: Accumulator>(scores: [A; LANES], max: [A; LANES]) -> [A; LANES] {
    // One condition a loop.
    let mut distances = [A::ZERO; LANES];
    for lane in 0..LANES {
        distances[lane] = larger(scores[lane].sub(max[lane]), A::ZERO.sub(A::LARGEST));
    }
    for lane in 0..LANES {
        let is_mask = scores[lane] == A::NEG_INFINITY;
        distances[lane] = if is_mask {
            scores[lane]
        } else {
            distances[lane]
        };
    }
    distances
}

/// Whether one of them may weigh something. Those below the least of their lane do not; a NaN may.
#[inline(always)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN is not below")]
pub(super) fn within_reach<A: Accumulator>(values: [A; LANES], least: [A; LANES]) -> bool {
    let mut is_near = [false; LANES];
    for lane in 0..LANES {
        is_near[lane] = !(values[lane] < least[lane]);
    }
    any(is_near)
}

/// The least score that may weigh something where the maximum is at most at this level above the threshold: NaN
/// where there is no level. No mask does, nor does anything in a lane beyond the last column, all of whose numbers
/// are those of masks.
#[inline(always)]
pub(super) fn least_score<A, O>(max: A, level: A, op: O) -> A
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let reach = larger(op.reach().mul(level), A::ZERO);
    larger(max.sub(reach), A::ZERO.sub(A::LARGEST))
}

/// The same of each lane.
#[inline(always)]
pub(super) fn least_of<A, O>(max: [A; LANES], levels: [A; LANES], op: O) -> [A; LANES]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut least = [A::ZERO; LANES];
    for lane in 0..LANES {
        least[lane] = least_score(max[lane], levels[lane], op);
    }
    least
}
