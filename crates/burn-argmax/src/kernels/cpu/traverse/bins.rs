//! Coordinates that are given: a line of them for all lines, or for those that lie beside each other, or
//! one for every element.

use std::borrow::Cow;

use super::{
    coordinate::{ColumnCoordinate, Values},
    map_columns::SlotCoordinate,
    map_rows::Distances,
};
use crate::kernels::cpu::{
    Accumulator, Lines,
    plan::{AHEAD, LANES},
    simd::{filled_up, prefetch, widened},
};

/// The coordinates of all lines.
#[derive(Clone, Copy)]
pub(crate) struct Bins<'a, A> {
    values: &'a [A],
    lines: Lines,
}

/// The coordinates of a block of elements: whole lines, or a part of lines beside each other.
pub(super) struct BlockBins<'a, A: Clone> {
    values: Cow<'a, [A]>,
    /// How many rows share a line of them, and how far the next is.
    group: usize,
    apart: usize,
    height: usize,
}

impl<'a, A: Accumulator> Bins<'a, A> {
    #[track_caller]
    pub fn new(values: &'a [A], lines: Lines) -> Self {
        let lengths = [lines.n, lines.outer * lines.n, lines.elements()];
        assert!(
            lengths.contains(&values.len()),
            "argmax kernel: bins must have one of {lengths:?} elements, got {}",
            values.len()
        );
        Self { values, lines }
    }

    /// Of every element in turn, if each has its own and lies beside those of other lines.
    pub(super) fn of_columns(self) -> Option<Values<'a, A>> {
        let each = self.values.len() == self.lines.elements();
        (each && self.lines.table() > self.lines.n).then_some(Values(self.values))
    }

    /// Of lines beside each other, which are the same.
    pub(super) fn across(self) -> Level<'a, A> {
        Level {
            bins: self.values,
            table: if self.values.len() == self.lines.n {
                0
            } else {
                self.lines.n
            },
        }
    }

    /// Of a block of so many elements that begins in place `start` of a line.
    pub(super) fn block(self, line: usize, start: usize, length: usize) -> BlockBins<'a, A> {
        let Lines { n, inner, .. } = self.lines;
        let height = self.lines.height(length);
        let (values, group, apart) = if let Some(Values(values)) = self.of_columns() {
            let first = line * n + start * inner;
            (self.lines.rows(&values[first..][..length]), 1, height)
        } else if self.values.len() == n {
            (Cow::Borrowed(&self.values[start..]), 1, 0)
        } else {
            let first = line / inner * n + start;
            (Cow::Borrowed(&self.values[first..]), inner, n)
        };
        BlockBins {
            values,
            group,
            apart,
            height,
        }
    }
}

impl<A: Accumulator> BlockBins<'_, A> {
    pub fn row(&self, row: usize) -> &[A] {
        &self.values[row / self.group * self.apart..][..self.height]
    }
}

/// A line of coordinates for all lines, or for those of each table.
#[derive(Clone, Copy)]
pub(super) struct Level<'a, A> {
    bins: &'a [A],
    /// From the coordinates of a table to those of the next.
    table: usize,
}

impl<A: Accumulator> ColumnCoordinate<A> for Level<'_, A> {
    fn of_part(self, outer: usize, start: usize) -> Self {
        Self {
            bins: &self.bins[outer * self.table + start..],
            ..self
        }
    }

    #[inline(always)]
    fn first_origin(self, _first: usize) -> f64 {
        0.0
    }

    #[inline(always)]
    fn across<const N: usize>(self, index: usize, _place: usize) -> [A; N] {
        [self.bins[index]; N]
    }

    #[inline(always)]
    fn across_rest<const N: usize>(self, index: usize, _place: usize, _count: usize) -> [A; N] {
        [self.bins[index]; N]
    }
}

impl<A: Accumulator, S> SlotCoordinate<A, S> for Level<'_, A> {
    const IS_INDEX: bool = false;

    fn of_table(self, outer: usize) -> Self {
        self.of_part(outer, 0)
    }

    #[inline(always)]
    fn across(self, row: usize, _place: usize, _slots: &[S; LANES]) -> [A; LANES] {
        [self.bins[row]; LANES]
    }

    #[inline(always)]
    fn across_tail(self, row: usize, _place: usize, _slots: &[S]) -> [A; LANES] {
        [self.bins[row]; LANES]
    }
}

impl<A: Accumulator, S> SlotCoordinate<A, S> for Values<'_, A> {
    const IS_INDEX: bool = false;

    #[inline(always)]
    fn part(self, start: usize) -> Self {
        Self(&self.0[start..])
    }

    #[inline(always)]
    fn across(self, _row: usize, place: usize, _slots: &[S; LANES]) -> [A; LANES] {
        widened(&self.0[place..].as_chunks().0[0])
    }

    #[inline(always)]
    fn across_tail(self, _row: usize, place: usize, slots: &[S]) -> [A; LANES] {
        let mut lanes = [A::ZERO; LANES];
        lanes[..slots.len()].copy_from_slice(&self.0[place..][..slots.len()]);
        lanes
    }
}

/// How far the coordinates of a line, in turn, are from its center.
#[derive(Clone, Copy)]
pub(super) struct BinDistances<'a, A> {
    bins: &'a [A],
    center: A,
}

impl<'a, A: Accumulator> BinDistances<'a, A> {
    pub fn new(bins: &'a [A], center: A) -> Self {
        Self { bins, center }
    }

    #[inline(always)]
    fn less_center(self, mut values: [A; LANES]) -> [A; LANES] {
        for value in &mut values {
            *value = value.sub(self.center);
        }
        values
    }
}

impl<A: Accumulator, S> Distances<A, S> for BinDistances<'_, A> {
    #[inline(always)]
    fn next(&mut self, _slots: &[S; LANES]) -> [A; LANES] {
        let (next, rest) = self.bins.split_at(LANES);
        prefetch(next, AHEAD);
        self.bins = rest;
        self.less_center(widened(&next.as_chunks().0[0]))
    }

    #[inline(always)]
    fn last(self, slots: &[S]) -> [A; LANES] {
        self.less_center(filled_up(&self.bins[..slots.len()]))
    }
}
