//! Interleaved lines fewer than a vector has lanes, laid out as rows block by block, in the cache: to
//! gather what fills a vector, again in every pass, would take longer.

use std::borrow::Cow;

use super::{
    Element, Lines, STATE,
    gradient::{Logits, Slot},
    parallel::filled,
    partial::LANES,
};

impl Lines {
    /// Whether the lines are rows, or so few side by side that they are worked on as rows.
    pub fn are_rows(self) -> bool {
        self.inner < LANES
    }

    /// The elements of a block one line after the other.
    pub fn rows<T: Element>(self, block: &[T]) -> Cow<'_, [T]> {
        if self.inner == 1 {
            return Cow::Borrowed(block);
        }
        let height = self.height(block.len());
        Cow::Owned(filled(block.len(), |rows| {
            interleave(block, rows, height, self.inner)
        }))
    }

    /// The inverse of [`rows`](Self::rows).
    pub fn put_rows<T: Element, S: Slot<T>>(self, rows: &[T], block: &mut [S]) {
        interleave(rows, block, self.inner, self.height(block.len()));
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

    /// The same of logits, whose gradient goes to a block.
    pub fn map_logits<T, S, L>(self, block: &mut [S], logits: L, map: impl FnOnce(&mut [T]))
    where
        T: Element,
        S: Slot<T>,
        L: Logits<T, S>,
    {
        let mut rows = self.rows(logits.all(block)).into_owned();
        map(&mut rows);
        self.put_rows(&rows, block);
    }

    /// The elements of each line in a block of so many: whole lines, or a piece of lines that lie
    /// beside each other.
    pub fn height(self, block: usize) -> usize {
        self.n.min(block / self.inner)
    }
}

/// The state of every line, one after the other, entry by entry beside that of its neighbours.
pub(crate) fn state_of_columns<A: Element>(state: Vec<A>, lines: Lines) -> Vec<A> {
    if lines.inner == 1 {
        return state;
    }
    filled(state.len(), |columns| {
        interleave(&state, columns, lines.inner, STATE)
    })
}

/// The inverse of [`state_of_columns`].
pub(crate) fn state_of_rows<A: Element>(state: &[A], lines: Lines) -> Cow<'_, [A]> {
    if lines.inner == 1 {
        return Cow::Borrowed(state);
    }
    Cow::Owned(filled(state.len(), |rows| {
        interleave(state, rows, STATE, lines.inner)
    }))
}

/// Transposes tables of `height` rows of `width` elements.
fn interleave<T: Element, S: Slot<T>>(from: &[T], to: &mut [S], height: usize, width: usize) {
    let table = height * width;
    for (to, from) in to.chunks_exact_mut(table).zip(from.chunks_exact(table)) {
        for (column, to) in to.chunks_exact_mut(height).enumerate() {
            for (to, from) in to.iter_mut().zip(from[column..].iter().step_by(width)) {
                to.put(*from);
            }
        }
    }
}
