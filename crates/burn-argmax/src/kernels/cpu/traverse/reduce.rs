//! Reductions of every line.

use multiversion::target::target_cfg_f;

use super::{
    LineOp, Partial,
    block::Top,
    columns,
    coordinate::{Coordinate, Index},
    grouped_rows::reduce_group,
    narrow_columns::state_of_columns,
    pieces::{pieces, reduce_pieces},
    rows::{reduce_piece, reduce_row},
    transpose::to_lines,
    transposed_rows::{Transposer, index_of, reduce_transposed},
};
use crate::kernels::cpu::{
    Element, Lines, check_length,
    plan::{GROUPED, LANES, Path, SHORT},
    share::share,
    simd::{specialized, vectorized},
};

/// The result of every line, and if it is kept the state, along the reduced dimension.
pub(crate) fn reduce<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
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
    let (results, state) = match lines.path() {
        Path::Columns | Path::ColumnPieces => {
            return columns::reduce_columns(values, lines, Index, op, keep_state);
        }
        Path::RowPieces => {
            let partials = reduce_long(values, lines, op);
            let finished = partials.into_iter().map(O::finish::<T>);
            let (results, mut state): (_, Vec<_>) = finished.unzip();
            state.truncate(kept);
            (results, state)
        }
        Path::Rows => {
            let n = lines.n;
            let mut results = vec![T::ZERO; lines.count()];
            let mut state = vec![[T::Accumulator::ZERO; STATE]; kept];
            let rows = lines.in_a_task();
            let mut states = state.chunks_mut(rows);
            let tasks = results
                .chunks_mut(rows)
                .zip(values.chunks(rows * n))
                .map(|(results, values)| (results, values, states.next().unwrap_or_default()));
            share(tasks, values.len(), |(results, values, states)| {
                reduce_rows(&lines.rows(values), n, op, results, states);
            });
            (results, state)
        }
    };
    let state = state_of_columns(state.into_flattened(), lines, STATE);
    (results, state)
}

/// The sums of rows that threads share in pieces.
fn reduce_long<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    lines: Lines,
    op: O,
) -> Vec<Partial<SUMS>>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    reduce_pieces(
        lines,
        pieces(values, lines),
        Partial::EMPTY,
        |piece, start, partials| {
            let rows = lines.rows(piece);
            let rows = rows.chunks_exact(lines.height(piece.len()));
            for (partial, row) in partials.iter_mut().zip(rows) {
                *partial = reduce_piece(row, Index, op, start);
            }
        },
        |total, piece| total.merge(piece, op),
    )
}

vectorized! {
    /// `states` is empty where it is not kept.
    pub(super) fn reduce_rows<T, O, const SUMS: usize, const STATE: usize>(
        values: &[T],
        n: usize,
        op: O,
        results: &mut [T],
        states: &mut [[T::Accumulator; STATE]],
    ) where
        T: Element,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if n <= GROUPED {
            specialized!(fma, reduce_together::<T, O, SUMS, STATE>(values, n, op, results, states));
        } else {
            specialized!(fma, reduce_each::<T, _, O, SUMS, STATE>(values, n, |_| Index, op, results, states));
        }
    }
}

/// Memory is read while the weights of the row before are computed.
#[inline(always)]
pub(super) fn reduce_each<T, C, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    values: &[T],
    n: usize,
    coordinate: impl Fn(usize) -> C,
    op: O,
    results: &mut [T],
    states: &mut [[T::Accumulator; STATE]],
) where
    T: Element,
    C: Coordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut states = states.iter_mut();
    let mut top = Top::NONE;
    for (index, result) in results.iter_mut().enumerate() {
        let (row, later) = values[index * n..].split_at(n);
        let coordinate = coordinate(index);
        let partial =
            reduce_row::<T, C, O, SUMS, STATE, FMA>(row, later, &mut top, coordinate, op, 0);
        let (value, entries) = O::finish::<T>(partial);
        *result = value;
        if let Some(state) = states.next() {
            *state = entries;
        }
    }
}

#[inline(always)]
fn reduce_together<T, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    values: &[T],
    n: usize,
    op: O,
    results: &mut [T],
    states: &mut [[T::Accumulator; STATE]],
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut transposer = Transposer::<T>::new();
    let mut states = states.chunks_mut(LANES);
    for (values, results) in values.chunks(LANES * n).zip(results.chunks_mut(LANES)) {
        let partials = if n < SHORT {
            let columns = transposer.transpose(values, n);
            reduce_transposed::<_, O, SUMS, STATE, FMA>(columns, index_of, op)
        } else {
            reduce_group::<T, O, SUMS, STATE, FMA>(values, n, op)
        };
        let (finished, entries) = O::finish_each::<T>(&partials);
        results.copy_from_slice(&finished[..results.len()]);
        if let Some(states) = states.next() {
            let (entries, states) = (entries.as_flattened(), states.as_flattened_mut());
            to_lines(entries, LANES, states, STATE, |entry| entry);
        }
    }
}
