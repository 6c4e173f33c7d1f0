//! Weights above a threshold of each line, which is found in steps: what is not above it any more is dropped
//! on the way.

use multiversion::target::target_cfg_f;

use super::{
    Slot,
    block::{Block, nan_or_peak_of},
    narrow_columns::state_of_columns,
    peaks::fill_columns,
};
use crate::kernels::cpu::{
    Accumulator, Lines, check_length,
    share::{filled, share},
    simd::{LANES, filled_up, larger, specialized, total, vectorized},
};

/// Numbers of the state of a line: its maximum, and the level of that above the threshold in two parts.
/// All are NaN where a line has none.
pub(crate) const THRESHOLD_STATE: usize = 3;

/// The state of a line.
pub(super) type State<A> = [A; THRESHOLD_STATE];

/// How weights grow above the threshold.
pub(crate) trait ThresholdOp<A: Accumulator>: Copy + Sync {
    /// The weight of a score that is so far below the maximum, which is at this level above the threshold,
    /// and the slope of the weight; both 0 at and below the threshold.
    fn weigh<const FMA: bool>(self, below: A, level: [A; 2]) -> [A; 2];

    /// How much the level has to fall, from the sums of the weights and of the slopes.
    fn step(self, sums: [f64; 2]) -> f64;
}

/// The states of lines side by side, which may all be one and the same.
pub(super) type LaneStates<A> = [[A; LANES]; THRESHOLD_STATE];

/// Weights and slopes of the next scores of lines with these states.
#[inline(always)]
pub(super) fn weigh_scores<A, O, const FMA: bool>(
    scores: [A; LANES],
    [max, high, low]: LaneStates<A>,
    op: O,
) -> [[A; LANES]; 2]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    weigh::<A, O, FMA>(below(scores, max), [high, low], op)
}

/// How far scores are below the maximum of their line: finite but at a mask.
#[inline(always)]
fn below<A: Accumulator>(scores: [A; LANES], max: [A; LANES]) -> [A; LANES] {
    // One condition a loop.
    let mut distances = [A::ZERO; LANES];
    for lane in 0..LANES {
        distances[lane] = larger(scores[lane].sub(max[lane]), A::ZERO.sub(A::LARGEST));
    }
    for lane in 0..LANES {
        if scores[lane] == A::NEG_INFINITY {
            distances[lane] = scores[lane];
        }
    }
    distances
}

#[inline(always)]
fn weigh<A, O, const FMA: bool>(
    below: [A; LANES],
    [high, low]: [[A; LANES]; 2],
    op: O,
) -> [[A; LANES]; 2]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let [mut weights, mut slopes] = [[A::ZERO; LANES]; 2];
    for lane in 0..LANES {
        [weights[lane], slopes[lane]] = op.weigh::<FMA>(below[lane], [high[lane], low[lane]]);
    }
    [weights, slopes]
}

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
    let tasks = states.chunks_mut(inner).enumerate();
    let tasks = tasks.flat_map(|(table, states)| {
        let tiles = states.chunks_mut(LANES).enumerate();
        tiles.map(move |(tile, states)| (table, tile * LANES, states))
    });
    share(tasks, values.len(), |(table, first, states)| {
        let table = &values[table * lines.table()..][..lines.table()];
        find_thresholds(&gathered(table, lines, first, states.len()), states, op);
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

/// Some columns of a table, one after the other.
pub(super) fn gathered<A: Accumulator>(
    table: &[A],
    lines: Lines,
    first: usize,
    columns: usize,
) -> Vec<A> {
    let mut rows = vec![A::ZERO; columns * lines.n];
    for (index, row) in table.chunks_exact(lines.inner).enumerate() {
        for (column, value) in row[first..][..columns].iter().enumerate() {
            rows[column * lines.n + index] = *value;
        }
    }
    rows
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
    let mut live = vec![A::ZERO; (n.div_ceil(LANES) + 1) * LANES];
    for (row, state) in rows.chunks_exact(n).zip(states) {
        let (max, _) = nan_or_peak_of(row);
        *state = if max.sub(max) == A::ZERO {
            threshold::<A, O, FMA>(row, max, &mut live, op)
        } else {
            [A::NAN; THRESHOLD_STATE]
        };
    }
}

/// The state of a row with a finite maximum. There is room for the row and one chunk more.
#[inline(always)]
fn threshold<A, O, const FMA: bool>(row: &[A], max: A, live: &mut [A], op: O) -> State<A>
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    /// Rounding may keep the sum of the weights from 1; each step but the last few gets much nearer.
    const STEPS: usize = 50;

    let block = Block::new(row);
    let chunks = block.chunks.iter().copied().chain(block.tail);
    let (places, _) = live.as_chunks_mut();
    for (place, scores) in places.iter_mut().zip(chunks) {
        *place = below(scores, [max; LANES]);
    }
    let mut count = row.len();
    let mut level = 1.0;
    for _ in 0..STEPS {
        let sums;
        (sums, count) = weigh_live::<A, O, FMA>(live, count, in_two(level), op);
        level -= op.step(sums);
        if sums[0] - 1.0 <= A::FROM_ONE {
            break;
        }
    }
    let [high, low] = in_two(level);
    [max, high, low]
}

#[inline(always)]
pub(super) fn in_two<A: Accumulator>(value: f64) -> [A; 2] {
    let high = A::from_f64(value);
    [high, A::from_f64(value - high.to_f64())]
}

/// The sums of weights and slopes over so many entries, of which those that have a weight are moved to the
/// front, and counted.
#[inline(always)]
fn weigh_live<A, O, const FMA: bool>(
    live: &mut [A],
    count: usize,
    level: [A; 2],
    op: O,
) -> ([f64; 2], usize)
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    /// Chunks that are summed in the accumulator's precision.
    const FEW: usize = 32;

    let level = level.map(|level| [level; LANES]);
    let mut totals = [0.0; 2];
    let mut kept = 0;
    let mut chunks = 0..count.div_ceil(LANES);
    while !chunks.is_empty() {
        let mut sums = [[A::ZERO; LANES]; 2];
        for index in chunks.by_ref().take(FEW) {
            let chunk = live.as_chunks().0[index];
            let [weights, slopes] = weigh::<A, O, FMA>(chunk, level, op);
            let mut has_weight = [false; LANES];
            for lane in 0..LANES {
                sums[0][lane] = sums[0][lane].add(weights[lane]);
                sums[1][lane] = sums[1][lane].add(slopes[lane]);
                has_weight[lane] = slopes[lane] > A::ZERO;
            }
            if has_weight.contains(&true) {
                kept += keep(&mut live[kept..][..LANES], chunk, has_weight);
            }
        }
        for (sum, lanes) in totals.iter_mut().zip(sums) {
            *sum += total(lanes);
        }
    }
    // The last chunk is filled up with what has no weight.
    live[kept..][..LANES].fill(A::NEG_INFINITY);
    (totals, kept)
}

/// The lanes that are to be kept, one after the other, and how many they are.
#[inline(always)]
fn keep<A: Accumulator>(out: &mut [A], chunk: [A; LANES], is_kept: [bool; LANES]) -> usize {
    if !is_kept.contains(&false) {
        out.copy_from_slice(&chunk);
        return LANES;
    }
    // Without a branch: which they are cannot be predicted.
    let mut kept = 0;
    for lane in 0..LANES {
        out[kept] = chunk[lane];
        kept += usize::from(is_kept[lane]);
    }
    kept
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

/// NaN in a line that has none.
#[inline(always)]
fn weights_of<A, O, const FMA: bool>(scores: [A; LANES], state: LaneStates<A>, op: O) -> [A; LANES]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let [mut weights, _] = weigh_scores::<A, O, FMA>(scores, state, op);
    for lane in 0..LANES {
        if state[1][lane].is_nan() {
            weights[lane] = A::NAN;
        }
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
    for (tile, out) in out.chunks_mut(LANES).enumerate() {
        let tile = tile * LANES;
        let state = lane_states(state, columns, tile);
        let scores = first_lanes(&scores[tile..]);
        S::put_all(
            out,
            &weights_of::<A, O, FMA>(scores, state, op)[..out.len()],
        );
    }
}

/// Of the columns from one on, from what all have entry by entry.
#[inline(always)]
pub(super) fn lane_states<A: Accumulator, const ENTRIES: usize>(
    state: &[A],
    columns: usize,
    first: usize,
) -> [[A; LANES]; ENTRIES] {
    std::array::from_fn(|entry| first_lanes(&state[entry * columns..][first..columns]))
}

/// The first values, and masks beyond them where they are few.
#[inline(always)]
pub(super) fn first_lanes<A: Accumulator>(values: &[A]) -> [A; LANES] {
    match values.first_chunk() {
        Some(lanes) => *lanes,
        None => filled_up(values),
    }
}
