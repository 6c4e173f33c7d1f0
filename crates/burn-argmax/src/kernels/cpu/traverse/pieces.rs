//! Long lines in pieces that threads share.

use crate::kernels::cpu::{Lines, plan::TASK, share::share};

/// The pieces of every line, or of lines that are interleaved, in turn.
pub(crate) fn pieces<T>(values: &[T], lines: Lines) -> impl Iterator<Item = &[T]> {
    let length = lines.piece() * lines.inner;
    let tables = values.chunks_exact(lines.table());
    tables.flat_map(move |table| table.chunks(length))
}

/// What a reduction makes of every line, merged from what it makes of the pieces.
///
/// `reduce` gets a piece, the place in the line where it begins, and where to put what it makes of
/// each line in it.
pub(crate) fn reduce_pieces<P, R>(
    lines: Lines,
    pieces: impl Iterator<Item = P>,
    nothing: R,
    reduce: impl Fn(P, usize, &mut [R]) + Sync,
    merge: impl Fn(R, R) -> R,
) -> Vec<R>
where
    P: Send,
    R: Copy + Send,
{
    let inner = lines.inner;
    let count = lines.n.div_ceil(lines.piece());
    let mut parts = vec![nothing; lines.count() * count];
    let tasks = parts.chunks_exact_mut(inner).zip(pieces).enumerate();
    share(tasks, lines.elements(), |(index, (parts, piece))| {
        reduce(piece, index % count * lines.piece(), parts);
    });
    let merged = (0..lines.count()).map(|line| {
        let parts = &parts[line / inner * count * inner..][..count * inner];
        let parts = parts[line % inner..].iter().step_by(inner).copied();
        parts.fold(nothing, &merge)
    });
    merged.collect()
}

/// A part of lines to write to.
pub(crate) struct Part<'a, S> {
    /// The first of its lines.
    pub line: usize,
    /// The place in the lines where it begins.
    pub start: usize,
    pub slots: &'a mut [S],
}

/// The parts of lines, each for one task.
pub(crate) fn parts<S>(slots: &mut [S], lines: Lines) -> impl Iterator<Item = Part<'_, S>> {
    let inner = lines.inner;
    let length = TASK / inner;
    let tables = slots.chunks_exact_mut(lines.table()).enumerate();
    tables.flat_map(move |(table, slots)| {
        let parts = slots.chunks_mut(length * inner).enumerate();
        parts.map(move |(part, slots)| Part {
            line: table * inner,
            start: part * length,
            slots,
        })
    })
}
