//! The weights of lines whose thresholds are known.

use std::hint::black_box;

use multiversion::target::target_cfg_f;

use super::{
    super::{Slot, block::Block},
    op::{ThresholdOp, below, least_of, within_reach},
    state::{LaneStates, State, lane_states, lanes},
};
use crate::kernels::cpu::{
    Accumulator,
    plan::LANES,
    simd::{specialized, vectorized},
};

vectorized! {
    pub(super) fn map_rows<A, O, S>(rows: &[A], out: &mut [S], states: &[State<A>], op: O)
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
    pub(super) fn map_columns<A, O, S>(scores: &[A], out: &mut [S], state: &[A], op: O)
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
