//! Maps of every line.

use multiversion::target::target_cfg_f;

use super::{
    Here, LaneStates, LineOp, LineState, Slot, Source,
    coordinate::Index,
    map_columns::map_columns,
    map_rows::{IndexDistances, map_piece, map_row},
    narrow_columns::state_of_rows,
    pieces::{Part, parts},
    transpose::to_columns,
    transposed_rows::{Transposer, index_of, map_transposed},
};
use crate::kernels::cpu::{
    Element, Lines, check_length,
    plan::{LANES, Path},
    share::{filled, share},
    simd::{specialized, vectorized},
};

/// The map of values, from the state of their lines and the upstream gradient.
pub(crate) fn map<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
) -> Vec<T>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let fill = |out: &mut [_]| map_to(out, values, state, grad, lines, op);
    // SAFETY: `map_to` goes over all lines, and writes every element of each.
    unsafe { filled(values.len(), fill) }
}

/// [`map`], which takes the place of the values: no memory of its own.
pub(crate) fn map_in_place<T, O, const SUMS: usize, const STATE: usize>(
    values: &mut [T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    map_to(values, Here, state, grad, lines, op);
}

fn map_to<T, S, L, O, const SUMS: usize, const STATE: usize>(
    out: &mut [S],
    source: L,
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    check_length("logits", out.len(), lines.elements());
    check_length("state", state.len(), STATE * lines.count());
    check_length("grad", grad.len(), lines.count());
    if let Path::Columns | Path::ColumnPieces = lines.path() {
        return map_columns(out, source, state, Some(grad), lines, Index, op);
    }
    let n = lines.n;
    let state = state_of_rows(state, lines, STATE);
    let (states, _) = state.as_chunks::<STATE>();
    if lines.exceed_a_task() {
        share(parts(out, lines), lines.elements(), |part| {
            let Part { line, start, slots } = part;
            let source = source.part(line * n + start * lines.inner, slots.len());
            let line_state = |line: usize| LineState::new(op, states[line], grad[line].widen());
            if lines.inner == 1 {
                let state = line_state(line);
                return map_piece(slots, source, IndexDistances::new(start, state), state, op);
            }
            let height = lines.height(slots.len());
            lines.map_source(slots, source, |rows| {
                for (row, rows) in rows.chunks_exact_mut(height).enumerate() {
                    let state = line_state(line + row);
                    map_piece(rows, Here, IndexDistances::new(start, state), state, op);
                }
            });
        });
    } else {
        let rows = lines.in_a_task();
        let tasks = out
            .chunks_mut(rows * n)
            .zip(states.chunks(rows).zip(grad.chunks(rows)))
            .enumerate();
        share(tasks, lines.elements(), |(task, (out, (states, grad)))| {
            let source = source.part(task * rows * n, out.len());
            if lines.inner == 1 {
                return map_rows(out, source, n, states, grad, op);
            }
            lines.map_source(out, source, |rows| {
                map_rows(rows, Here, n, states, grad, op);
            });
        });
    }
}

vectorized! {
    pub(super) fn map_rows<T, S, L, O, const SUMS: usize, const STATE: usize>(
        out: &mut [S],
        source: L,
        n: usize,
        states: &[[T::Accumulator; STATE]],
        grad: &[T],
        op: O,
    ) where
        T: Element,
        S: Slot<T>,
        L: Source<T, S>,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if n < LANES {
            specialized!(fma, map_short::<T, S, L, O, SUMS, STATE>(out, source, n, states, grad, op));
        } else {
            specialized!(fma, map_each::<T, S, L, O, SUMS, STATE>(out, source, n, states, grad, op));
        }
    }
}

#[inline(always)]
fn map_each<T, S, L, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    out: &mut [S],
    source: L,
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let groups = out
        .chunks_mut(LANES * n)
        .zip(states.chunks(LANES).zip(grad.chunks(LANES)));
    for (group, (out, (states, grad))) in groups.enumerate() {
        let states = group_states(states, grad, op);
        for (row, out) in out.chunks_exact_mut(n).enumerate() {
            let state = states.lane(row);
            let distances = IndexDistances::new(0, state);
            let source = source.part((group * LANES + row) * n, n);
            map_row::<T, _, _, _, O, SUMS, STATE, FMA>(out, source, distances, state, op);
        }
    }
}

#[inline(always)]
fn map_short<T, S, L, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    out: &mut [S],
    source: L,
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut transposer = Transposer::<T>::new();
    let groups = out
        .chunks_mut(LANES * n)
        .zip(states.chunks(LANES).zip(grad.chunks(LANES)));
    for (group, (out, (states, grad))) in groups.enumerate() {
        let states = group_states(states, grad, op);
        let source = source.part(group * LANES * n, out.len());
        let columns = transposer.transpose(source.all(out), n);
        map_transposed::<_, O, SUMS, STATE, FMA>(columns, index_of, &states, op);
        transposer.transpose_back(out, n);
    }
}

/// What the map takes from no more than [`LANES`] rows, computed for all of them together.
#[inline(always)]
fn group_states<T, O, const SUMS: usize, const STATE: usize>(
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    op: O,
) -> LaneStates<T::Accumulator>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut entries = [[T::Accumulator::ONE; LANES]; STATE];
    let of_lanes = entries.as_flattened_mut();
    to_columns(states.as_flattened(), STATE, of_lanes, LANES, |entry| entry);
    let mut upstream = [T::Accumulator::ZERO; LANES];
    for (upstream, grad) in upstream.iter_mut().zip(grad) {
        *upstream = grad.widen();
    }
    LaneStates::new(op, entries, upstream)
}
