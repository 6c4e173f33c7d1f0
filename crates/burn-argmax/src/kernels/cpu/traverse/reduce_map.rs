//! Reductions over the coordinates in a second tensor, and the map that takes its place.

use multiversion::target::target_cfg_f;

use super::{
    LaneStates, LineOp, LineState, Partial,
    block::Top,
    columns,
    coordinate::Values,
    map_columns::{Slots, map_columns},
    map_rows::{SlotDistances, map_piece, map_row},
    pieces::{Part, parts, pieces, reduce_pieces},
    rows::{reduce_piece, reduce_row},
    transposed_rows::{Transposer, map_transposed, reduce_transposed},
};
use crate::kernels::cpu::{
    Accumulator, Element, Lines, check_length,
    plan::{LANES, Path, SHORT},
    share::share,
    simd::{specialized, vectorized},
};

/// Reduces every line of `values` over the coordinates in `grad`, and maps it to the place of these.
pub(crate) fn reduce_and_map<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    grad: &mut [T],
    lines: Lines,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    check_length("logits", values.len(), lines.elements());
    check_length("grad", grad.len(), lines.elements());
    match lines.path() {
        Path::Columns | Path::ColumnPieces => work_on_columns(values, grad, lines, op),
        Path::RowPieces => work_on_pieces(values, grad, lines, op),
        Path::Rows => {
            let block = lines.in_a_task() * lines.n;
            let tasks = grad.chunks_mut(block).zip(values.chunks(block));
            share(tasks, lines.elements(), |(grad, values)| {
                let values = lines.rows(values);
                lines.map_rows(grad, |grad| work_on_rows(&values, grad, lines.n, op));
            });
        }
    }
}

fn work_on_columns<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    grad: &mut [T],
    lines: Lines,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let inner = lines.inner;
    let (results, mut state) = columns::reduce_columns(values, lines, Values(grad), op, true);
    let sum = |line: usize| state[line / inner * STATE * inner + inner + line % inner];
    let mut upstream = None;
    let mut meets_infinity = false;
    for (line, result) in results.into_iter().enumerate() {
        let result = result.widen();
        if result.sub(result) == T::Accumulator::ZERO {
            continue;
        }
        let silent = clear_masked(lines.values(values, line), lines.values_mut(grad, line));
        if !sum(line).is_nan() {
            meets_infinity = true;
        } else if silent {
            upstream.get_or_insert_with(|| vec![T::ONE; lines.count()])[line] = T::ZERO;
        }
    }
    if meets_infinity {
        (_, state) = columns::reduce_columns(values, lines, Values(grad), op, true);
    }
    map_columns(grad, values, &state, upstream.as_deref(), lines, Slots, op);
}

fn work_on_pieces<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    grad: &mut [T],
    lines: Lines,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut partials = reduce_long(values, grad, lines, op);
    let mut upstream = vec![T::ONE; lines.count()];
    let mut meets_infinity = false;
    for (line, partial) in partials.iter().enumerate() {
        if partial.is_broken() {
            let silent = clear_masked(lines.values(values, line), lines.values_mut(grad, line));
            upstream[line] = if silent { T::ZERO } else { T::ONE };
            meets_infinity |= partial.is_valid();
        }
    }
    if meets_infinity {
        partials = reduce_long(values, grad, lines, op);
    }
    let states: Vec<_> = partials
        .into_iter()
        .zip(upstream)
        .map(|(partial, upstream)| {
            let (_, state) = O::finish::<T>(partial);
            LineState::new(op, state, upstream.widen())
        })
        .collect();
    share(parts(grad, lines), lines.elements(), |part| {
        let Part { line, start, slots } = part;
        let first = line * lines.n + start * lines.inner;
        let values = lines.rows(&values[first..][..slots.len()]);
        let height = lines.height(slots.len());
        lines.map_rows(slots, |rows| {
            let rows = rows
                .chunks_exact_mut(height)
                .zip(values.chunks_exact(height));
            for (state, (rows, values)) in states[line..].iter().zip(rows) {
                map_piece(rows, values, SlotDistances::new(*state), *state, op);
            }
        });
    });
}

/// The sums of rows that threads share in pieces.
fn reduce_long<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    grad: &[T],
    lines: Lines,
    op: O,
) -> Vec<Partial<SUMS>>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    reduce_pieces(
        lines,
        pieces(values, lines).zip(pieces(grad, lines)),
        Partial::EMPTY,
        |(values, grad), _, partials| {
            let height = lines.height(values.len());
            let (values, grad) = (lines.rows(values), lines.rows(grad));
            let rows = values.chunks_exact(height).zip(grad.chunks_exact(height));
            for (partial, (values, grad)) in partials.iter_mut().zip(rows) {
                *partial = reduce_piece(values, Values(grad), op, 0);
            }
        },
        |total, piece| total.merge(piece, op),
    )
}

/// Takes the upstream gradient of masks to be 0: it has no part in that of the other elements, and
/// where it is not finite the product with a weight of 0 would be NaN. Says whether all of it is 0
/// then: a line that has no softmax gives 0 too.
#[cold]
fn clear_masked<'a, T: Element>(
    values: impl Iterator<Item = &'a T>,
    grad: impl Iterator<Item = &'a mut T>,
) -> bool {
    let mut silent = true;
    for (value, grad) in values.zip(grad) {
        if value.widen() == T::Accumulator::NEG_INFINITY {
            *grad = T::ZERO;
        }
        silent &= *grad == T::ZERO;
    }
    silent
}

vectorized! {
    fn work_on_rows<T, O, const SUMS: usize, const STATE: usize>(
        values: &[T],
        grad: &mut [T],
        n: usize,
        op: O,
    ) where
        T: Element,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if n < SHORT {
            specialized!(fma, work_on_short::<T, O, SUMS, STATE>(values, grad, n, op));
        } else {
            specialized!(fma, work_on_each::<T, O, SUMS, STATE>(values, grad, n, op));
        }
    }
}

#[inline(always)]
fn work_on_each<T, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    values: &[T],
    grad: &mut [T],
    n: usize,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut top = Top::NONE;
    for (row, grad) in grad.chunks_exact_mut(n).enumerate() {
        let (row, later) = values[row * n..].split_at(n);
        let mut partial =
            reduce_row::<T, _, O, SUMS, STATE, FMA>(row, later, &mut top, Values(grad), op, 0);
        let mut upstream = T::ONE;
        if partial.is_broken() {
            if clear_masked(row.iter(), grad.iter_mut()) {
                upstream = T::ZERO;
            }
            partial = reduce_piece(row, Values(grad), op, 0);
        }
        let (_, state) = O::finish::<T>(partial);
        let state = LineState::new(op, state, upstream.widen());
        let distances = SlotDistances::new(state);
        map_row::<T, _, _, _, O, SUMS, STATE, FMA>(grad, row, distances, state, op);
    }
}

#[inline(always)]
fn work_on_short<T, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    values: &[T],
    grad: &mut [T],
    n: usize,
    op: O,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let (mut transposer, mut upstream) = (Transposer::<T>::new(), Transposer::<T>::new());
    for (grad, values) in grad.chunks_mut(LANES * n).zip(values.chunks(LANES * n)) {
        let columns = transposer.transpose(values, n);
        let mut coordinates = &*upstream.transpose(grad, n);
        let mut partials =
            reduce_transposed::<_, O, SUMS, STATE, FMA>(columns, |place| coordinates[place], op);
        let mut ones = [T::Accumulator::ONE; LANES];
        if partials.are_broken() {
            let rows = values.chunks_exact(n).zip(grad.chunks_exact_mut(n));
            for (one, (row, grad)) in ones.iter_mut().zip(rows) {
                if clear_masked(row.iter(), grad.iter_mut()) {
                    *one = T::Accumulator::ZERO;
                }
            }
            coordinates = upstream.transpose(grad, n);
            partials = reduce_transposed::<_, O, SUMS, STATE, FMA>(
                columns,
                |place| coordinates[place],
                op,
            );
        }
        let (_, state) = O::finish_each::<T>(&partials);
        let states = LaneStates::new(op, state, ones);
        map_transposed::<_, O, SUMS, STATE, FMA>(columns, |place| coordinates[place], &states, op);
        transposer.transpose_back(grad, n);
    }
}
