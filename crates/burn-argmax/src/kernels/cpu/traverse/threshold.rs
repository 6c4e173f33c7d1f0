//! Weights above a threshold of each line, which is found in steps: what is not above it any more is dropped
//! on the way.

use std::hint::black_box;

use multiversion::target::target_cfg_f;

use super::{
    Slot,
    block::{Block, GROUP, mark_nan, max_of},
    narrow_columns::state_of_columns,
    peaks::fill_columns,
    threshold_columns::find_thresholds_of_columns,
    threshold_op::{ThresholdOp, any, below, least_of, least_score, within_reach},
};
use crate::kernels::cpu::{
    Accumulator, Lines, check_length,
    plan::{THRESHOLD_BLOCK, THRESHOLD_SHORT, THRESHOLD_START, THRESHOLD_STEPS, threshold_tile},
    share::{filled, share},
    simd::{LANES, filled_up, fold, larger, raise, specialized, vectorized},
};

/// Numbers of the state of a line: its maximum, and the level of that above the threshold in two parts.
/// All are NaN where a line has none.
pub(crate) const THRESHOLD_STATE: usize = 3;

/// The state of a line.
pub(super) type State<A> = [A; THRESHOLD_STATE];

/// The states of lines side by side, which may all be one and the same.
pub(super) type LaneStates<A> = [[A; LANES]; THRESHOLD_STATE];

/// The weights of every line, which sum to 1, and the state of every line.
pub(crate) fn map_above_threshold<A, O>(values: &[A], lines: Lines, op: O) -> (Vec<A>, Vec<A>)
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    check_length("logits", values.len(), lines.elements());
    let Lines { n, inner, .. } = lines;
    let mut states = vec![[A::ZERO; THRESHOLD_STATE]; lines.count()];
    if inner < LANES {
        let block = lines.in_a_task() * n;
        let fill = |out: &mut [_]| {
            let tasks = out
                .chunks_mut(block)
                .zip(values.chunks(block))
                .zip(states.chunks_mut(block / n));
            share(tasks, values.len(), |((out, values), states)| {
                let rows = lines.rows(values);
                find_thresholds(&rows, states, op);
                if inner == 1 {
                    map_rows(&rows, out, states, op);
                } else {
                    let mut mapped = vec![A::ZERO; rows.len()];
                    map_rows(&rows, &mut mapped, states, op);
                    lines.put_rows(&mapped, out);
                }
            });
        };
        // SAFETY: the tasks are all that there is, and every element of each is written.
        let mapped = unsafe { filled(values.len(), fill) };
        let states = state_of_columns(states.into_flattened(), lines, THRESHOLD_STATE);
        return (mapped, states);
    }
    let width = threshold_tile(n);
    let tasks = states.chunks_mut(inner).enumerate();
    let tasks = tasks.flat_map(|(table, states)| {
        let tiles = states.chunks_mut(width).enumerate();
        tiles.map(move |(tile, states)| (table, tile * width, states))
    });
    share(tasks, values.len(), |(table, first, states)| {
        let table = &values[table * lines.table()..][..lines.table()];
        find_thresholds_of_columns(table, inner, first, states, op);
    });
    let states = state_of_columns(states.into_flattened(), lines, THRESHOLD_STATE);
    let fill = |out: &mut [_], values: &[A], table: usize, _| {
        let states = &states[table * THRESHOLD_STATE * inner..][..THRESHOLD_STATE * inner];
        map_columns(values, out, states, op);
    };
    // SAFETY: `map_columns` writes every element.
    let mapped = unsafe { fill_columns(values, lines, fill) };
    (mapped, states)
}

vectorized! {
    /// The state of each row.
    fn find_thresholds<A, O>(rows: &[A], states: &mut [State<A>], op: O)
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

#[inline(always)]
pub(super) fn in_two<A: Accumulator>(value: f64) -> [A; 2] {
    let high = A::from_f64(value);
    [high, A::from_f64(value - high.to_f64())]
}

vectorized! {
    fn map_rows<A, O, S>(rows: &[A], out: &mut [S], states: &[State<A>], op: O)
    where
        A: Accumulator,
        O: ThresholdOp<A>,
        S: Slot<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, map_each::<A, O, S>(rows, out, states, op));
    }
}

#[inline(always)]
fn map_each<A, O, S, const FMA: bool>(rows: &[A], out: &mut [S], states: &[State<A>], op: O)
where
    A: Accumulator,
    O: ThresholdOp<A>,
    S: Slot<A>,
{
    let n = rows.len() / states.len();
    let rows = rows.chunks_exact(n).zip(out.chunks_exact_mut(n));
    for ((row, out), state) in rows.zip(states) {
        let state = state.map(|number| [number; LANES]);
        let block = Block::new(row);
        let (chunks, rest) = out.as_chunks_mut::<LANES>();
        for (out, &scores) in chunks.iter_mut().zip(block.chunks) {
            S::put_all(out, &weights_of::<A, O, FMA>(scores, state, op));
        }
        if let Some(scores) = block.tail {
            let weights = weights_of::<A, O, FMA>(scores, state, op);
            S::put_all(rest, &weights[..rest.len()]);
        }
    }
}

/// NaN in a line that has none: everything is within a reach of NaN.
#[inline(always)]
fn weights_of<A, O, const FMA: bool>(scores: [A; LANES], state: LaneStates<A>, op: O) -> [A; LANES]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let [max, high, low] = state;
    // The compiler is not to see through the condition: it would weigh several vectors at once, all of them, and
    // gather their lanes.
    if !black_box(within_reach(scores, least_of(max, high, op))) {
        return [A::ZERO; LANES];
    }
    let [mut weights, _] = op.weigh::<FMA>(below(scores, max), [high, low]);
    for lane in 0..LANES {
        weights[lane] = if high[lane].is_nan() {
            A::NAN
        } else {
            weights[lane]
        };
    }
    weights
}

vectorized! {
    /// Of a row of columns, whose state is entry by entry.
    fn map_columns<A, O, S>(scores: &[A], out: &mut [S], state: &[A], op: O)
    where
        A: Accumulator,
        O: ThresholdOp<A>,
        S: Slot<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, map_row_of_columns::<A, O, S>(scores, out, state, op));
    }
}

#[inline(always)]
fn map_row_of_columns<A, O, S, const FMA: bool>(scores: &[A], out: &mut [S], state: &[A], op: O)
where
    A: Accumulator,
    O: ThresholdOp<A>,
    S: Slot<A>,
{
    let columns = scores.len();
    let (vectors, rest) = out.as_chunks_mut::<LANES>();
    let last = vectors.len() * LANES;
    for (vector, out) in vectors.iter_mut().enumerate() {
        let first = vector * LANES;
        let state = lane_states::<A, _, true>(state, columns, first);
        let scores = lanes::<A, true>(&scores[first..]);
        S::put_all(out, &weights_of::<A, O, FMA>(scores, state, op));
    }
    if !rest.is_empty() {
        let state = lane_states::<A, _, false>(state, columns, last);
        let scores = lanes::<A, false>(&scores[last..]);
        let weights = weights_of::<A, O, FMA>(scores, state, op);
        S::put_all(rest, &weights[..rest.len()]);
    }
}

/// Of the columns from one on, from what all have entry by entry.
#[inline(always)]
pub(super) fn lane_states<A: Accumulator, const ENTRIES: usize, const WHOLE: bool>(
    state: &[A],
    columns: usize,
    first: usize,
) -> [[A; LANES]; ENTRIES] {
    std::array::from_fn(|entry| lanes::<A, WHOLE>(&state[entry * columns..][first..columns]))
}

/// The first values, and masks beyond them where they are not a whole vector.
#[inline(always)]
pub(super) fn lanes<A: Accumulator, const WHOLE: bool>(values: &[A]) -> [A; LANES] {
    if WHOLE {
        *values.first_chunk().expect("a whole vector")
    } else {
        filled_up(values)
    }
}
