//! Columns fewer than a vector has lanes, laid out as rows block by block, in the cache: to
//! gather what fills a vector, again in every pass, would take longer.

use std::borrow::Cow;

use super::{
    Slot, Source,
    transpose::{to_columns, to_lines},
};
use crate::kernels::cpu::{
    Element, Lines, check_length,
    plan::{AHEAD, LANES},
    share::filled,
    simd::{prefetch, vectorized},
};

impl Lines {
    /// The elements of a block one line after the other.
    pub fn rows<T: Element>(self, block: &[T]) -> Cow<'_, [T]> {
        if self.inner == 1 {
            return Cow::Borrowed(block);
        }
        let height = self.height(block.len());
        Cow::Owned(transposed(block, height, self.inner))
    }

    /// The elements of one line.
    pub fn values<T>(self, values: &[T], line: usize) -> impl Iterator<Item = &T> {
        let table = &values[line / self.inner * self.table()..][..self.table()];
        table[line % self.inner..].iter().step_by(self.inner)
    }

    /// The same, to write to.
    pub fn values_mut<T>(self, values: &mut [T], line: usize) -> impl Iterator<Item = &mut T> {
        let table = &mut values[line / self.inner * self.table()..][..self.table()];
        table[line % self.inner..].iter_mut().step_by(self.inner)
    }

    /// The inverse of [`rows`](Self::rows).
    pub fn put_rows<T: Element, S: Slot<T>>(self, rows: &[T], block: &mut [S]) {
        transpose(rows, block, self.inner, self.height(block.len()));
    }

    /// Lets `map` work on the elements of a block one line after the other.
    pub fn map_rows<T: Element>(self, block: &mut [T], map: impl FnOnce(&mut [T])) {
        if self.inner == 1 {
            return map(block);
        }
        let mut rows = self.rows(block).into_owned();
        map(&mut rows);
        self.put_rows(&rows, block);
    }

    /// The same of a source, whose map goes to a block.
    pub fn map_source<T, S, L>(self, block: &mut [S], source: L, map: impl FnOnce(&mut [T]))
    where
        T: Element,
        S: Slot<T>,
        L: Source<T, S>,
    {
        let mut rows = self.rows(source.all(block)).into_owned();
        map(&mut rows);
        self.put_rows(&rows, block);
    }

    /// The elements of each line in a block of so many: whole lines, or a piece of lines that lie
    /// beside each other.
    pub fn height(self, block: usize) -> usize {
        self.n.min(block / self.inner)
    }
}

/// The state of every line, `entries` numbers of one after the other, entry by entry beside that of its
/// neighbors.
pub(crate) fn state_of_columns<A: Element>(state: Vec<A>, lines: Lines, entries: usize) -> Vec<A> {
    if lines.inner == 1 {
        return state;
    }
    transposed(&state, lines.inner, entries)
}

/// The inverse of [`state_of_columns`].
pub(super) fn state_of_rows<A: Element>(state: &[A], lines: Lines, entries: usize) -> Cow<'_, [A]> {
    if lines.inner == 1 {
        return Cow::Borrowed(state);
    }
    Cow::Owned(transposed(state, entries, lines.inner))
}

/// Tables of `height` rows of `width` elements, each transposed.
fn transposed<T: Element>(from: &[T], height: usize, width: usize) -> Vec<T> {
    check_length("table", from.len() % (height * width), 0);
    // SAFETY: the tables are all that there is, and every element of each is written.
    unsafe { filled(from.len(), |to| transpose(from, to, height, width)) }
}

vectorized! {
    /// Transposes tables of `height` rows of `width` elements.
    fn transpose<T: Element, S: Slot<T>>(from: &[T], to: &mut [S], height: usize, width: usize) {
        let table = height * width;
        for (to, from) in to.chunks_exact_mut(table).zip(from.chunks_exact(table)) {
            if width < LANES && height >= LANES {
                for (index, lines) in from.chunks(LANES * width).enumerate() {
                    prefetch(lines, AHEAD);
                    to_columns(lines, width, &mut to[index * LANES..], height, |value| value);
                }
            } else if height < LANES && width >= LANES {
                for (index, lines) in to.chunks_mut(LANES * height).enumerate() {
                    to_lines(&from[index * LANES..], width, lines, height, |value| value);
                }
            } else {
                // Less than a group of lines either way.
                for (column, to) in to.chunks_exact_mut(height).enumerate() {
                    for (to, from) in to.iter_mut().zip(from[column..].iter().step_by(width)) {
                        to.put(*from);
                    }
                }
            }
        }
    }
}
