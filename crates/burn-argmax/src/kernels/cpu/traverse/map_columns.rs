//! Maps of columns, lanes across them.

use std::{borrow::Cow, ops::Range};

use multiversion::target::target_cfg_f;

use super::{LaneStates, LineOp, Slot, Source, coordinate::Index};
use crate::kernels::cpu::{
    Accumulator, Element, Lines,
    plan::{AHEAD, EXACT_INDICES, LANES, MAPPED_ROWS, TASK, TASK_ROWS},
    share::share,
    simd::{filled_up, specialized, vectorized, widened},
};

/// A coordinate of the elements that are mapped to slots.
pub(super) trait SlotCoordinate<A, S>: Copy + Sync {
    /// Whether it is the place in the line.
    const IS_INDEX: bool;

    /// Those of one table.
    fn of_table(self, _outer: usize) -> Self {
        self
    }

    /// Those of elements from one on.
    #[inline(always)]
    fn part(self, _start: usize) -> Self {
        self
    }

    /// Of element `row` of neighboring lines, in this place.
    fn across(self, row: usize, place: usize, slots: &[S; LANES]) -> [A; LANES];

    /// The same of the last few lines, and anything beyond them.
    fn across_tail(self, row: usize, place: usize, slots: &[S]) -> [A; LANES];
}

impl<A: Accumulator, S> SlotCoordinate<A, S> for Index {
    const IS_INDEX: bool = true;

    #[inline(always)]
    fn across(self, row: usize, _place: usize, _slots: &[S; LANES]) -> [A; LANES] {
        [A::from_i32(row as i32); LANES]
    }

    #[inline(always)]
    fn across_tail(self, row: usize, _place: usize, _slots: &[S]) -> [A; LANES] {
        [A::from_i32(row as i32); LANES]
    }
}

/// What is in the slots, which the map takes the place of.
#[derive(Clone, Copy)]
pub(super) struct Slots;

impl<T: Element> SlotCoordinate<T::Accumulator, T> for Slots {
    const IS_INDEX: bool = false;

    #[inline(always)]
    fn across(self, _row: usize, _place: usize, slots: &[T; LANES]) -> [T::Accumulator; LANES] {
        widened(slots)
    }

    #[inline(always)]
    fn across_tail(self, _row: usize, _place: usize, slots: &[T]) -> [T::Accumulator; LANES] {
        filled_up(slots)
    }
}

/// The map. The entries of the state lie `inner` from the next, and `grad` is the upstream gradient of
/// every line, 1 where it is `None`.
pub(super) fn map_columns<T, S, L, C, O, const SUMS: usize, const STATE: usize>(
    out: &mut [S],
    source: L,
    state: &[T::Accumulator],
    grad: Option<&[T]>,
    lines: Lines,
    coordinate: C,
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let Lines { n, inner, .. } = lines;
    let elements = out.len();
    let rows = TASK.div_ceil(inner).max(TASK_ROWS);
    let vectors = inner.div_ceil(LANES);
    let states = lane_states::<T, O, SUMS, STATE>(state, grad, lines, op);
    let tasks = out
        .chunks_exact_mut(n * inner)
        .enumerate()
        .flat_map(|(outer, out)| {
            let parts = out.chunks_mut(rows * inner).enumerate();
            parts.map(move |(part, out)| (outer, part * rows, out))
        });
    share(tasks, elements, |(outer, first, out)| {
        let mut states = Cow::Borrowed(&states[outer * vectors..][..vectors]);
        let mut row = first;
        if C::IS_INDEX && n > EXACT_INDICES {
            let counted = states.iter().map(|states| states.counted_from(first));
            (states, row) = (counted.collect(), 0);
        }
        let start = (outer * n + first) * inner;
        let source = source.part(start, out.len());
        let coordinate = coordinate.of_table(outer).part(start);
        map_tile(out, source, inner, &states, coordinate, op, row);
    });
}

vectorized! {
    /// What the map takes from every line, a vector of neighbors at a time.
    fn lane_states<T, O, const SUMS: usize, const STATE: usize>(
        state: &[T::Accumulator],
        grad: Option<&[T]>,
        lines: Lines,
        op: O,
    ) -> Vec<LaneStates<T::Accumulator>>
    where
        T: Element,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let inner = lines.inner;
        let mut states = Vec::with_capacity(lines.outer * inner.div_ceil(LANES));
        for (outer, state) in state.chunks_exact(STATE * inner).enumerate() {
            for first in (0..inner).step_by(LANES) {
                let width = LANES.min(inner - first);
                let mut entries = [[T::Accumulator::ONE; LANES]; STATE];
                for (entry, state) in entries.iter_mut().zip(state.chunks_exact(inner)) {
                    entry[..width].copy_from_slice(&state[first..][..width]);
                }
                let mut upstream = [T::Accumulator::ONE; LANES];
                if let Some(grad) = grad {
                    let grad = &grad[outer * inner + first..][..width];
                    for (upstream, grad) in upstream.iter_mut().zip(grad) {
                        *upstream = grad.widen();
                    }
                }
                states.push(LaneStates::new(op, entries, upstream));
            }
        }
        states
    }
}

vectorized! {
    /// The map of elements `first`, `first + 1`, … of the lines.
    fn map_tile<T, S, L, C, O, const SUMS: usize, const STATE: usize>(
        out: &mut [S],
        source: L,
        inner: usize,
        states: &[LaneStates<T::Accumulator>],
        coordinate: C,
        op: O,
        first: usize,
    ) where
        T: Element,
        S: Slot<T>,
        L: Source<T, S>,
        C: SlotCoordinate<T::Accumulator, S>,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, fill_tile::<T, S, L, C, O, SUMS, STATE>(out, source, inner, states, coordinate, op, first));
    }
}

#[inline(always)]
fn fill_tile<T, S, L, C, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    out: &mut [S],
    source: L,
    inner: usize,
    states: &[LaneStates<T::Accumulator>],
    coordinate: C,
    op: O,
    first: usize,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    for (block, out) in out.chunks_mut(MAPPED_ROWS * inner).enumerate() {
        let source = source.part(block * MAPPED_ROWS * inner, out.len());
        let coordinate = coordinate.part(block * MAPPED_ROWS * inner);
        let first = first + block * MAPPED_ROWS;
        let height = out.len() / inner;
        for (vector, states) in states.iter().enumerate() {
            let place = vector * LANES;
            let source = source.part(place, out.len() - place);
            let coordinate = coordinate.part(place);
            let out = &mut out[place..];
            let width = LANES.min(inner - place);
            let rows = first..first + height;
            // A loop of a known length is unrolled, and the states stay in registers.
            match (states.broken, width == LANES && height == MAPPED_ROWS) {
                (false, true) => fill::<T, S, L, C, O, SUMS, STATE, FMA, false>(
                    out,
                    source,
                    first..first + MAPPED_ROWS,
                    inner,
                    LANES,
                    states,
                    coordinate,
                    op,
                ),
                (false, false) => fill::<T, S, L, C, O, SUMS, STATE, FMA, false>(
                    out, source, rows, inner, width, states, coordinate, op,
                ),
                (true, _) => fill::<T, S, L, C, O, SUMS, STATE, FMA, true>(
                    out, source, rows, inner, width, states, coordinate, op,
                ),
            }
        }
    }
}

/// The map of the same vector of lines in rows `inner` apart.
#[inline(always)]
#[expect(
    clippy::too_many_arguments,
    reason = "a struct of them would be made and taken apart in the innermost loop"
)]
fn fill<T, S, L, C, O, const SUMS: usize, const STATE: usize, const FMA: bool, const BROKEN: bool>(
    out: &mut [S],
    source: L,
    rows: Range<usize>,
    inner: usize,
    width: usize,
    states: &LaneStates<T::Accumulator>,
    coordinate: C,
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mapped = |values: [T::Accumulator; LANES], coordinates: [T::Accumulator; LANES]| {
        let mut mapped = [T::Accumulator::ZERO; LANES];
        for lane in 0..LANES {
            let state = states.lane(lane);
            let distance = coordinates[lane].sub(state.center);
            mapped[lane] = op.map::<FMA, BROKEN>(state, values[lane], distance);
        }
        mapped
    };
    for (index, row) in rows.enumerate() {
        let place = index * inner;
        if width == LANES {
            let out = &mut out[place..].as_chunks_mut().0[0];
            source.prefetch(place, out, AHEAD / MAPPED_ROWS);
            let values = source.chunk(place, out);
            let mapped = mapped(values, coordinate.across(row, place, out));
            for lane in 0..LANES {
                out[lane].put(T::narrow(mapped[lane]));
            }
        } else {
            let out = &mut out[place..][..width];
            let values = source.part(place, width).tail(0, out);
            let mapped = mapped(values, coordinate.across_tail(row, place, out));
            for (out, value) in out.iter_mut().zip(mapped) {
                out.put(T::narrow(value));
            }
        }
    }
}
