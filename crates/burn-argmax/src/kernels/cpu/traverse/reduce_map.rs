//! Reductions over the coordinates in a second tensor, and the map that takes its place.

use multiversion::target::target_cfg_f;

use super::{
    LineOp, LineState, Partial,
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
    plan::{Path, SHORT},
    share::share,
    simd::{LANES, specialized, vectorized},
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
    let sum = |state: &[T::Accumulator], line: usize| {
        state[line / inner * STATE * inner + inner + line % inner]
    };
    let meets_infinity = |line: usize| {
        let result = results[line].widen();
        !sum(&state, line).is_nan() && !(result.sub(result) == T::Accumulator::ZERO)
    };
    if (0..lines.count()).any(meets_infinity) {
        clear_masked(values, grad);
        (_, state) = columns::reduce_columns(values, lines, Values(grad), op, true);
    }
    let mut upstream = None;
    for line in (0..lines.count()).filter(|line| sum(&state, *line).is_nan()) {
        if lines.values(grad, line).all(|grad| *grad == T::ZERO) {
            upstream.get_or_insert_with(|| vec![T::ONE; lines.count()])[line] = T::ZERO;
        }
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
    if partials.iter().any(|partial| partial.meets_infinity()) {
        clear_masked(values, grad);
        partials = reduce_long(values, grad, lines, op);
    }
    let states: Vec<_> = partials
        .into_iter()
        .enumerate()
        .map(|(line, partial)| line_state(partial, || lines.values(grad, line), op))
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

/// What the map takes from a line: nothing where it is broken and all of its upstream gradient is 0.
#[inline(always)]
fn line_state<'a, T, O, I, const SUMS: usize, const STATE: usize>(
    partial: Partial<SUMS>,
    grad: impl FnOnce() -> I,
    op: O,
) -> LineState<T::Accumulator>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
    I: Iterator<Item = &'a T>,
{
    let (_, state) = O::finish::<T>(partial);
    let nothing = !partial.is_valid() && grad().all(|grad| *grad == T::ZERO);
    let upstream = if nothing { T::ZERO } else { T::ONE };
    LineState::new(op, state, upstream.widen())
}

/// Takes the upstream gradient of masks to be 0: it has no part in that of the other elements, and
/// where it is not finite the product with a weight of 0 would be NaN.
#[cold]
fn clear_masked<T: Element>(values: &[T], grad: &mut [T]) {
    for (grad, value) in grad.iter_mut().zip(values) {
        if value.widen() == T::Accumulator::NEG_INFINITY {
            *grad = T::ZERO;
        }
    }
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
            specialized!(fma, op, work_on_short::<T, O, SUMS, STATE>(values, grad, n, op));
        } else {
            specialized!(fma, op, work_on_each::<T, O, SUMS, STATE>(values, grad, n, op));
        }
    }
}

#[inline(always)]
fn work_on_each<T, O, const SUMS: usize, const STATE: usize, const FMA: bool, const FLAT: bool>(
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
        let mut partial = reduce_row::<T, _, O, SUMS, STATE, FMA, FLAT>(
            row,
            later,
            &mut top,
            Values(grad),
            op,
            0,
        );
        if partial.meets_infinity() {
            clear_masked(row, grad);
            partial = reduce_piece(row, Values(grad), op, 0);
        }
        let state = line_state(partial, || grad.iter(), op);
        let distances = SlotDistances::new(state);
        map_row::<T, _, _, _, O, SUMS, STATE, FMA, FLAT>(grad, row, distances, state, op);
    }
}

#[inline(always)]
fn work_on_short<T, O, const SUMS: usize, const STATE: usize, const FMA: bool, const FLAT: bool>(
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
        let mut partials = reduce_transposed::<_, O, SUMS, STATE, FMA, FLAT>(
            columns,
            |place| coordinates[place],
            op,
        );
        let mut ones = [T::Accumulator::ONE; LANES];
        if partials.are_broken() {
            clear_masked(values, grad);
            coordinates = upstream.transpose(grad, n);
            partials = reduce_transposed::<_, O, SUMS, STATE, FMA, FLAT>(
                columns,
                |place| coordinates[place],
                op,
            );
            for (one, grad) in ones.iter_mut().zip(grad.chunks_exact(n)) {
                if grad.iter().all(|grad| *grad == T::ZERO) {
                    *one = T::Accumulator::ZERO;
                }
            }
        }
        let (_, state) = O::finish_each::<T>(&partials);
        map_transposed::<_, O, SUMS, STATE, FMA, FLAT>(
            columns,
            |place| coordinates[place],
            state,
            ones,
            op,
        );
        transposer.transpose_back(grad, n);
    }
}
