//! Reductions over coordinates that are given, and their maps.

use multiversion::target::target_cfg_f;

use super::{
    Here, LineOp, LineState, Partial, Slot, Source,
    bins::{BinDistances, Bins, BlockBins},
    columns::reduce_columns,
    coordinate::Values,
    map_columns::map_columns,
    map_rows::map_piece,
    narrow_columns::{state_of_columns, state_of_rows},
    pieces::{Part, parts, pieces, reduce_pieces},
    reduce::reduce_each,
    rows::reduce_piece,
};
use crate::kernels::cpu::{
    Element, Lines, check_length,
    plan::Path,
    share::{filled, share},
    simd::{specialized, vectorized},
};

/// [`reduce`](super::reduce()) over given coordinates.
pub(crate) fn reduce_over<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    bins: Bins<T::Accumulator>,
    lines: Lines,
    op: O,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>)
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    check_length("logits", values.len(), lines.elements());
    let kept = if keep_state { lines.count() } else { 0 };
    let (results, state) = match (lines.path(), bins.of_columns()) {
        (Path::Columns | Path::ColumnPieces, Some(bins)) => {
            return reduce_columns(values, lines, bins, op, keep_state);
        }
        (Path::Columns | Path::ColumnPieces, None) => {
            return reduce_columns(values, lines, bins.across(), op, keep_state);
        }
        (Path::RowPieces, _) => {
            let partials = reduce_long(values, bins, lines, op);
            let finished = partials.into_iter().map(O::finish::<T>);
            let (results, mut state): (_, Vec<_>) = finished.unzip();
            state.truncate(kept);
            (results, state)
        }
        (Path::Rows, _) => {
            let mut results = vec![T::ZERO; lines.count()];
            let mut state = vec![[T::Accumulator::ZERO; STATE]; kept];
            let rows = lines.in_a_task();
            let mut states = state.chunks_mut(rows);
            let tasks = results
                .chunks_mut(rows)
                .zip(values.chunks(rows * lines.n))
                .map(|(results, values)| (results, values, states.next().unwrap_or_default()));
            share(
                tasks.enumerate(),
                values.len(),
                |(task, (results, values, states))| {
                    let bins = bins.block(task * rows, 0, values.len());
                    reduce_block(&lines.rows(values), lines.n, &bins, op, results, states);
                },
            );
            (results, state)
        }
    };
    let state = state_of_columns(state.into_flattened(), lines, STATE);
    (results, state)
}

vectorized! {
    /// Rows one after the other. `states` is empty where it is not kept.
    fn reduce_block<T, O, const SUMS: usize, const STATE: usize>(
        values: &[T],
        n: usize,
        bins: &BlockBins<T::Accumulator>,
        op: O,
        results: &mut [T],
        states: &mut [[T::Accumulator; STATE]],
    ) where
        T: Element,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        let bins = |row| Values(bins.row(row));
        specialized!(fma, reduce_each::<T, _, O, SUMS, STATE>(values, n, bins, op, results, states));
    }
}

/// The sums of rows that threads share in pieces.
fn reduce_long<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    bins: Bins<T::Accumulator>,
    lines: Lines,
    op: O,
) -> Vec<Partial<SUMS>>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let count = lines.n.div_ceil(lines.piece());
    reduce_pieces(
        lines,
        pieces(values, lines).enumerate(),
        Partial::EMPTY,
        |(index, piece), start, partials| {
            let bins = bins.block(index / count * lines.inner, start, piece.len());
            let values = lines.rows(piece);
            let rows = values.chunks_exact(lines.height(piece.len()));
            for (row, (partial, values)) in partials.iter_mut().zip(rows).enumerate() {
                *partial = reduce_piece(values, Values(bins.row(row)), op, 0);
            }
        },
        |total, piece| total.merge(piece, op),
    )
}

/// [`map`](super::map()) over given coordinates.
pub(crate) fn map_over<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    bins: Bins<T::Accumulator>,
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
) -> Vec<T>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let fill = |out: &mut [_]| map_to(out, values, bins, state, grad, lines, op);
    // SAFETY: `map_to` goes over all lines, and writes every element of each.
    unsafe { filled(values.len(), fill) }
}

/// [`map_over`], which takes the place of the values.
pub(crate) fn map_over_in_place<T, O, const SUMS: usize, const STATE: usize>(
    values: &mut [T],
    bins: Bins<T::Accumulator>,
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    map_to(values, Here, bins, state, grad, lines, op);
}

fn map_to<T, S, L, O, const SUMS: usize, const STATE: usize>(
    out: &mut [S],
    source: L,
    bins: Bins<T::Accumulator>,
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
        return match bins.of_columns() {
            Some(bins) => map_columns(out, source, state, Some(grad), lines, bins, op),
            None => map_columns(out, source, state, Some(grad), lines, bins.across(), op),
        };
    }
    let state = state_of_rows(state, lines, STATE);
    let (states, _) = state.as_chunks::<STATE>();
    let rows = lines.in_a_task();
    let task = |part| {
        let Part { line, start, slots } = part;
        let source = source.part(line * lines.n + start * lines.inner, slots.len());
        let bins = bins.block(line, start, slots.len());
        let height = lines.height(slots.len());
        let of_row = |row: usize| {
            let state = LineState::new(op, states[line + row], grad[line + row].widen());
            (BinDistances::new(bins.row(row), state.center), state)
        };
        if lines.inner == 1 {
            for (row, out) in slots.chunks_exact_mut(height).enumerate() {
                let (distances, state) = of_row(row);
                map_piece(out, source.part(row * height, height), distances, state, op);
            }
            return;
        }
        lines.map_source(slots, source, |rows| {
            for (row, out) in rows.chunks_exact_mut(height).enumerate() {
                let (distances, state) = of_row(row);
                map_piece(out, Here, distances, state, op);
            }
        });
    };
    if lines.exceed_a_task() {
        share(parts(out, lines), lines.elements(), task);
    } else {
        let blocks = out.chunks_mut(rows * lines.n).enumerate();
        let blocks = blocks.map(|(block, slots)| Part {
            line: block * rows,
            start: 0,
            slots,
        });
        share(blocks, lines.elements(), task);
    }
}
