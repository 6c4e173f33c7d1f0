//! Weights above a threshold of each line, which is found in steps: what is not above it any more is dropped
//! on the way.

use multiversion::target::target_cfg_f;

use super::{
    Slot,
    block::{Block, nan_or_peak_of},
    narrow_columns::state_of_columns,
    peaks::fill_columns,
    threshold_columns::find_thresholds_of_columns,
};
use crate::kernels::cpu::{
    Accumulator, Lines, check_length,
    plan::{BLOCK, THRESHOLD_BLOCK, THRESHOLD_STEPS, THRESHOLD_TILE},
    share::{filled, share},
    simd::{LANES, each_marked, filled_up, larger, specialized, total, vectorized},
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

    /// What is as far below the maximum weighs nothing, wherever the threshold is.
    fn reach(self) -> A;
}

/// The states of lines side by side, which may all be one and the same.
pub(super) type LaneStates<A> = [[A; LANES]; THRESHOLD_STATE];

/// How far scores are below the maximum of their line: finite but at a mask.
#[inline(always)]
pub(super) fn below<A: Accumulator>(scores: [A; LANES], max: [A; LANES]) -> [A; LANES] {
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

/// Which of them may weigh something. A NaN may.
#[inline(always)]
pub(super) fn within_reach<A: Accumulator>(below: [A; LANES], reach: A) -> [bool; LANES] {
    let mut is_far = [false; LANES];
    for lane in 0..LANES {
        is_far[lane] = below[lane] <= A::ZERO.sub(reach);
    }
    is_far.map(|is_far| !is_far)
}

#[inline(always)]
pub(super) fn weigh<A, O, const FMA: bool>(
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
        let tiles = states.chunks_mut(THRESHOLD_TILE).enumerate();
        tiles.map(move |(tile, states)| (table, tile * THRESHOLD_TILE, states))
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
    let mut live = [0, 1].map(|_| vec![A::ZERO; (n.div_ceil(LANES) + 1) * LANES]);
    for (row, state) in rows.chunks_exact(n).zip(states) {
        let peaks = row.chunks(BLOCK).map(|block| nan_or_peak_of(block).0);
        let max = peaks.fold(A::NEG_INFINITY, nan_or_larger);
        *state = if max.sub(max) == A::ZERO {
            threshold::<A, O, FMA>(row, max, &mut live, op)
        } else {
            [A::NAN; THRESHOLD_STATE]
        };
    }
}

#[inline(always)]
fn nan_or_larger<A: Accumulator>(a: A, b: A) -> A {
    if b > a || b.is_nan() { b } else { a }
}

/// The state of a row with a finite maximum. In both there is room for the row and one chunk more.
#[inline(always)]
fn threshold<A, O, const FMA: bool>(
    row: &[A],
    max: A,
    [live, spare]: &mut [Vec<A>; 2],
    op: O,
) -> State<A>
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let block = Block::new(row);
    let chunks = || {
        let scores = block.chunks.iter().copied().chain(block.tail);
        scores.map(|scores| below(scores, [max; LANES]))
    };
    let mut level = 1.0;
    let mut count = 0;
    for step in 0..THRESHOLD_STEPS {
        let mut kept = 0;
        let mut keep = |below, is_near| kept += keep(&mut spare[kept..][..LANES], below, is_near);
        let sums = match step {
            // The first step is the longest: most of what is near now is not, after it.
            0 => weigh_chunks::<A, O, FMA>(chunks(), level, op, |_, _| ()),
            1 => weigh_chunks::<A, O, FMA>(chunks(), level, op, keep),
            _ => {
                let chunks = live[..count].as_chunks().0.iter().copied();
                weigh_chunks::<A, O, FMA>(chunks, level, op, &mut keep)
            }
        };
        level -= op.step(sums);
        if sums[0] - 1.0 <= A::FROM_ONE {
            break;
        }
        // The last chunk is filled up with what has no weight.
        spare[kept..][..LANES].fill(A::NEG_INFINITY);
        count = kept.next_multiple_of(LANES);
        std::mem::swap(live, spare);
    }
    let [high, low] = in_two(level);
    [max, high, low]
}

#[inline(always)]
pub(super) fn in_two<A: Accumulator>(value: f64) -> [A; 2] {
    let high = A::from_f64(value);
    [high, A::from_f64(value - high.to_f64())]
}

/// The sums of weights and slopes. What may have any is kept.
#[inline(always)]
fn weigh_chunks<A, O, const FMA: bool>(
    chunks: impl Iterator<Item = [A; LANES]>,
    level: f64,
    op: O,
    mut keep: impl FnMut([A; LANES], [bool; LANES]),
) -> [f64; 2]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let [high, low] = in_two(level);
    let reach = op.reach().mul(high);
    let level = [[high; LANES], [low; LANES]];
    let mut totals = [0.0; 2];
    let mut sums = [[A::ZERO; LANES]; 2];
    let mut left = THRESHOLD_BLOCK;
    for below in chunks {
        let is_near = within_reach(below, reach);
        if !is_near.contains(&true) {
            continue;
        }
        let [weights, slopes] = weigh::<A, O, FMA>(below, level, op);
        for lane in 0..LANES {
            sums[0][lane] = sums[0][lane].add(weights[lane]);
            sums[1][lane] = sums[1][lane].add(slopes[lane]);
        }
        keep(below, is_near);
        left -= 1;
        if left == 0 {
            for (total_of, lanes) in totals.iter_mut().zip(&mut sums) {
                *total_of += total(*lanes);
                *lanes = [A::ZERO; LANES];
            }
            left = THRESHOLD_BLOCK;
        }
    }
    [0, 1].map(|of| totals[of] + total(sums[of]))
}

/// The lanes that are to be kept, one after the other, and how many they are.
#[inline(always)]
fn keep<A: Accumulator>(out: &mut [A], chunk: [A; LANES], is_kept: [bool; LANES]) -> usize {
    if !is_kept.contains(&false) {
        out.copy_from_slice(&chunk);
        return LANES;
    }
    let mut kept = 0;
    each_marked(is_kept, |lane| {
        out[kept] = chunk[lane];
        kept += 1;
    });
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
    let [max, high, low] = state;
    let mut is_broken = [false; LANES];
    for lane in 0..LANES {
        is_broken[lane] = high[lane].is_nan();
    }
    let distances = below(scores, max);
    let is_near = within_reach(distances, op.reach());
    if !is_near.contains(&true) && !is_broken.contains(&true) {
        return [A::ZERO; LANES];
    }
    let [mut weights, _] = weigh::<A, O, FMA>(distances, [high, low], op);
    for lane in 0..LANES {
        if is_broken[lane] {
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
