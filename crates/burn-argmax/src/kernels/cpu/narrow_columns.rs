//! Interleaved lines fewer than a vector has lanes, which are laid out as rows first: to gather what
//! fills a vector, again in every pass, would take longer.

use super::{
    Element, Lines, STATE,
    gradient::Slot,
    parallel::{TASK, filled, share},
    partial::LANES,
};

impl Lines {
    /// Whether the lines are so few side by side.
    pub fn are_narrow(self) -> bool {
        1 < self.inner && self.inner < LANES
    }

    /// The same lines as rows.
    pub fn as_rows(self) -> Self {
        Self {
            outer: self.count(),
            inner: 1,
            ..self
        }
    }
}

/// The elements of narrow columns, line after line.
pub(crate) fn rows<T: Element>(columns: &[T], lines: Lines) -> Vec<T> {
    filled(columns.len(), |rows| {
        interleave(columns, rows, lines.n, lines.inner)
    })
}

/// The elements of lines that lie one after the other, back in columns.
pub(crate) fn columns<T: Element>(rows: &[T], lines: Lines) -> Vec<T> {
    filled(rows.len(), |columns| put_columns(columns, rows, lines))
}

/// The same, to where they belong.
pub(crate) fn put_columns<T: Element, S: Slot<T>>(columns: &mut [S], rows: &[T], lines: Lines) {
    interleave(rows, columns, lines.inner, lines.n);
}

/// The state of every line, one after the other, entry by entry.
pub(crate) fn state_of_columns<A: Element>(state: &[A], lines: Lines) -> Vec<A> {
    filled(state.len(), |columns| {
        interleave(state, columns, lines.inner, STATE)
    })
}

/// The inverse of [`state_of_columns`].
pub(crate) fn state_of_rows<A: Element>(state: &[A], lines: Lines) -> Vec<A> {
    filled(state.len(), |rows| {
        interleave(state, rows, STATE, lines.inner)
    })
}

/// Transposes tables of `height` rows of `width` elements.
fn interleave<T: Element, S: Slot<T>>(from: &[T], to: &mut [S], height: usize, width: usize) {
    let table = height * width;
    let tables = TASK.div_ceil(table);
    let tasks = to
        .chunks_mut(tables * table)
        .zip(from.chunks(tables * table));
    share(tasks, from.len(), |(to, from)| {
        for (to, from) in to.chunks_exact_mut(table).zip(from.chunks_exact(table)) {
            for (column, to) in to.chunks_exact_mut(height).enumerate() {
                for (to, from) in to.iter_mut().zip(from[column..].iter().step_by(width)) {
                    to.put(*from);
                }
            }
        }
    });
}
