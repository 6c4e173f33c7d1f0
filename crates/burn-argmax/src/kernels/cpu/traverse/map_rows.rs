//! Maps of rows.

use multiversion::target::target_cfg_f;

use super::{
    LineOp, LineState, Slot, Source,
    coordinate::{Coordinate, Index},
};
use crate::kernels::cpu::{
    Accumulator, Element,
    plan::{AHEAD, LANES},
    simd::{filled_up, specialized, vectorized, widened},
};

/// How far the coordinates of a line, in turn, are from its center.
pub(crate) trait Distances<A, S>: Copy {
    /// Of the next elements, whose map goes to these slots.
    fn next(&mut self, slots: &[S; LANES]) -> [A; LANES];

    /// Of the last elements, and anything beyond them.
    fn last(self, slots: &[S]) -> [A; LANES];
}

/// Indices.
#[derive(Clone, Copy)]
pub(crate) struct IndexDistances<A>([A; LANES]);

impl<A: Accumulator> IndexDistances<A> {
    /// Of the elements of a line from `start` on.
    #[inline(always)]
    pub fn new(start: usize, state: LineState<A>) -> Self {
        Self(Index.begin(A::from_f64(state.center.to_f64() - start as f64)))
    }
}

impl<A: Accumulator, S> Distances<A, S> for IndexDistances<A> {
    #[inline(always)]
    fn next(&mut self, _slots: &[S; LANES]) -> [A; LANES] {
        Index.distances(&mut self.0, 0, A::ZERO)
    }

    #[inline(always)]
    fn last(self, _slots: &[S]) -> [A; LANES] {
        self.0
    }
}

/// What is in the slots, which the map takes the place of.
#[derive(Clone, Copy)]
pub(crate) struct SlotDistances<A>(A);

impl<A: Accumulator> SlotDistances<A> {
    #[inline(always)]
    pub fn new(state: LineState<A>) -> Self {
        Self(state.center)
    }
}

impl<T: Element> Distances<T::Accumulator, T> for SlotDistances<T::Accumulator> {
    #[inline(always)]
    fn next(&mut self, slots: &[T; LANES]) -> [T::Accumulator; LANES] {
        less(widened(slots), self.0)
    }

    #[inline(always)]
    fn last(self, slots: &[T]) -> [T::Accumulator; LANES] {
        less(filled_up(slots), self.0)
    }
}

#[inline(always)]
fn less<A: Accumulator>(mut values: [A; LANES], center: A) -> [A; LANES] {
    for value in &mut values {
        *value = value.sub(center);
    }
    values
}

/// The map of a part of a row.
#[inline(always)]
pub(super) fn map_row<T, S, L, D, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    out: &mut [S],
    source: L,
    distances: D,
    state: LineState<T::Accumulator>,
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    D: Distances<T::Accumulator, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    if state.broken {
        fill::<T, S, L, D, O, SUMS, STATE, FMA, true>(out, source, distances, state, op);
    } else {
        fill::<T, S, L, D, O, SUMS, STATE, FMA, false>(out, source, distances, state, op);
    }
}

#[inline(always)]
fn fill<T, S, L, D, O, const SUMS: usize, const STATE: usize, const FMA: bool, const BROKEN: bool>(
    out: &mut [S],
    source: L,
    mut distances: D,
    state: LineState<T::Accumulator>,
    op: O,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    D: Distances<T::Accumulator, S>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let (chunks, tail) = out.as_chunks_mut::<LANES>();
    let start = chunks.len() * LANES;
    for (index, out) in chunks.iter_mut().enumerate() {
        source.prefetch(index * LANES, out, AHEAD);
        let distances = distances.next(out);
        let values = source.chunk(index * LANES, out);
        for lane in 0..LANES {
            let value = op.map::<FMA, BROKEN>(state, values[lane], distances[lane]);
            out[lane].put(T::narrow(value));
        }
    }
    if !tail.is_empty() {
        let distances = distances.last(tail);
        let values = source.tail(start, tail);
        let mut mapped = [T::Accumulator::ZERO; LANES];
        for lane in 0..LANES {
            mapped[lane] = op.map::<FMA, BROKEN>(state, values[lane], distances[lane]);
        }
        for (out, value) in tail.iter_mut().zip(mapped) {
            out.put(T::narrow(value));
        }
    }
}

vectorized! {
    /// [`map_row`] of one row, or of a piece of one.
    pub(super) fn map_piece<T, S, L, D, O, const SUMS: usize, const STATE: usize>(
        out: &mut [S],
        source: L,
        distances: D,
        state: LineState<T::Accumulator>,
        op: O,
    ) where
        T: Element,
        S: Slot<T>,
        L: Source<T, S>,
        D: Distances<T::Accumulator, S>,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, map_row::<T, S, L, D, O, SUMS, STATE>(out, source, distances, state, op));
    }
}
