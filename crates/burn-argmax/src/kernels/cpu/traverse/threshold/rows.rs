//! The thresholds of rows.

use multiversion::target::target_cfg_f;

use super::{
    super::block::{Block, GROUP, mark_nan, max_of},
    live::weigh_live,
    op::{ThresholdOp, least_score, within_reach},
    state::{State, THRESHOLD_STATE, in_two},
};
use crate::kernels::cpu::{
    Accumulator,
    plan::{LANES, THRESHOLD_SHORT, THRESHOLD_START, THRESHOLD_STEPS},
    simd::{fold, larger, raise, specialized, vectorized},
};

vectorized! {
    /// The state of each row.
    pub(super) fn find_thresholds<A, O>(rows: &[A], states: &mut [State<A>], op: O)
    where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, find_each::<A, O>(rows, states, op));
    }
}

#[inline(always)]
fn find_each<A, O, const FMA: bool>(rows: &[A], states: &mut [State<A>], op: O)
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let n = rows.len() / states.len();
    let mut live = vec![[A::ZERO; LANES]; n.div_ceil(LANES)];
    for (row, state) in rows.chunks_exact(n).zip(states) {
        let level = threshold::<A, O, FMA>(Block::new(row), &mut live, op);
        *state = level.unwrap_or([A::NAN; THRESHOLD_STATE]);
    }
}

/// The state of a row, if all of it are numbers and masks, and not masks alone. There is room for it in `live`.
#[inline(always)]
fn threshold<A, O, const FMA: bool>(
    row: Block<A>,
    live: &mut [[A; LANES]],
    op: O,
) -> Option<State<A>>
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut max = [A::NEG_INFINITY; LANES];
    for chunks in row.chunks.chunks(GROUP) {
        raise(&mut max, max_of::<A>(chunks, None));
    }
    raise(&mut max, max_of::<A>(&[], row.tail));
    let mut peaks = [max];
    let max = fold(max, larger);
    // First among the largest of each lane alone: the fewer weights, the higher the level at which they sum to 1.
    let is_short = row.chunks.len() < THRESHOLD_SHORT;
    let steps = if is_short { 0 } else { THRESHOLD_START };
    let level = fall::<A, O, FMA>(&mut peaks, max, 1.0, steps, op);
    let least = [least_score(max, A::from_f64(level), op); LANES];

    let mut count = 0;
    let mut has_nan = [false; LANES];
    for scores in row.chunks.iter().copied().chain(row.tail) {
        mark_nan(&mut has_nan, scores);
        // Without a branch: which of them are near cannot be predicted.
        live[count] = scores;
        count += usize::from(within_reach(scores, least));
    }
    if has_nan.contains(&true) || max.sub(max) != A::ZERO {
        return None;
    }
    let level = fall::<A, O, FMA>(&mut live[..count], max, level, THRESHOLD_STEPS, op);
    let [high, low] = in_two(level);
    Some([max, high, low])
}

/// The level of the maximum above the threshold of those that are `live`, from a higher one on, by so many steps
/// at the most.
#[inline(always)]
fn fall<A, O, const FMA: bool>(
    live: &mut [[A; LANES]],
    max: A,
    mut level: f64,
    steps: usize,
    op: O,
) -> f64
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut count = live.len();
    for _ in 0..steps {
        let parts = in_two(level).map(|part| [part; LANES]);
        let (sums, kept) = weigh_live::<A, O, FMA>(&mut live[..count], [max; LANES], parts, op);
        let sums = sums.map(|lanes| fold(lanes, |a, b| a + b));
        level -= op.step(sums);
        if sums[0] - 1.0 <= A::FROM_ONE {
            break;
        }
        count = kept;
    }
    level
}
