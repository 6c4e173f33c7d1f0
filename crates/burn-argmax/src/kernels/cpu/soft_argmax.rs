//! Soft-argmax: the expected index, and its gradient.

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, Lines, STATE,
    beta::Beta,
    check_length, columns,
    coordinate::Index,
    finish::{finish, finish_each},
    gradient::{Here, IndexDistances, Logits, Slope, Slot, gradient_part, gradient_row},
    gradient_columns::gradient_columns,
    grouped_rows::{GROUPED, reduce_group},
    narrow_columns,
    parallel::{filled, share},
    partial::{LANES, Partial},
    peak::Top,
    pieces::{Part, parts, pieces, reduce_pieces},
    rows::{reduce, reduce_piece},
    short_rows::{SHORT, Space, reduce_turned, slope_turned},
};

/// The results, and if it is kept the state: `[max, sum, centre, offset]` along the reduced dimension.
pub(crate) fn forward<T: Element>(
    logits: &[T],
    lines: Lines,
    beta: f64,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>) {
    check_length("logits", logits.len(), lines.elements());
    let beta = Beta::new(beta);
    let n = lines.n;
    if !lines.are_rows() {
        return columns::average(logits, lines, Index, beta, keep_state);
    }
    let kept = if keep_state { lines.count() } else { 0 };
    let (results, state) = if lines.are_long() {
        let finished = reduce_long(logits, lines, beta)
            .into_iter()
            .map(finish::<T>);
        let (results, mut state): (_, Vec<_>) = finished.unzip();
        state.truncate(kept);
        (results, state)
    } else {
        let mut results = vec![T::ZERO; lines.count()];
        let mut state = vec![[T::Accumulator::ZERO; STATE]; kept];
        let block = lines.in_a_task();
        let mut states = state.chunks_mut(block);
        let tasks = results
            .chunks_mut(block)
            .zip(logits.chunks(block * n))
            .map(|(results, logits)| (results, logits, states.next().unwrap_or_default()));
        share(tasks, logits.len(), |(results, logits, states)| {
            forward_rows(&lines.rows(logits), n, beta, results, states);
        });
        (results, state)
    };
    let state = narrow_columns::state_of_columns(state.into_flattened(), lines);
    (results, state)
}

/// The sums of every line, taken in pieces.
fn reduce_long<T: Element>(logits: &[T], lines: Lines, beta: Beta<T::Accumulator>) -> Vec<Partial> {
    reduce_pieces(
        lines,
        pieces(logits, lines),
        Partial::EMPTY,
        |piece, start, partials| {
            let rows = lines.rows(piece);
            let rows = rows.chunks_exact(lines.height(piece.len()));
            for (partial, row) in partials.iter_mut().zip(rows) {
                *partial = reduce(row, Index, beta, start);
            }
        },
        |total, piece| total.merge(piece, beta),
    )
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn forward_rows<T: Element>(
    logits: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
    results: &mut [T],
    states: &mut [[T::Accumulator; STATE]],
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        forward_each::<T>(logits, n, beta, results, states)
    );
}

/// `states` is empty where it is not kept.
#[inline(always)]
fn forward_each<T: Element, const FMA: bool, const FLAT: bool>(
    logits: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
    results: &mut [T],
    states: &mut [[T::Accumulator; STATE]],
) {
    if n <= GROUPED {
        return forward_together::<T, FMA, FLAT>(logits, n, beta, results, states);
    }
    let mut states = states.iter_mut();
    let mut top = Top::NONE;
    for (row, result) in results.iter_mut().enumerate() {
        let (row, later) = logits[row * n..].split_at(n);
        let partial = reduce_piece::<T, Index, FMA, FLAT>(row, later, &mut top, Index, beta, 0);
        let (value, entries) = finish::<T>(partial);
        *result = value;
        if let Some(state) = states.next() {
            *state = entries;
        }
    }
}

#[inline(always)]
fn forward_together<T: Element, const FMA: bool, const FLAT: bool>(
    logits: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
    results: &mut [T],
    states: &mut [[T::Accumulator; STATE]],
) {
    let mut space = Space::<T>::new();
    let mut states = states.chunks_mut(LANES);
    for (logits, results) in logits.chunks(LANES * n).zip(results.chunks_mut(LANES)) {
        let partials = if n < SHORT {
            let values = space.turn(logits, n);
            reduce_turned::<_, FMA, FLAT>(values, indices, beta)
        } else {
            reduce_group::<T, FMA, FLAT>(logits, n, beta)
        };
        let (finished, entries) = finish_each::<T>(&partials);
        results.copy_from_slice(&finished[..results.len()]);
        for (lane, state) in states.next().into_iter().flatten().enumerate() {
            *state = entries.map(|entry| entry[lane]);
        }
    }
}

/// The index of neighbouring elements of lines side by side.
#[inline(always)]
fn indices<A: Accumulator>(place: usize) -> [A; LANES] {
    [A::from_i32(place as i32); LANES]
}

/// `grad * beta * p_j * (j - y)`.
pub(crate) fn backward<T: Element>(
    logits: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    beta: f64,
) -> Vec<T> {
    let fill = |out: &mut [_]| gradient(out, logits, state, grad, lines, beta);
    // SAFETY: `gradient` goes over all lines, and writes every element of each.
    unsafe { filled(logits.len(), fill) }
}

/// [`backward`], which takes the place of the logits: no memory of its own.
pub(crate) fn backward_in_place<T: Element>(
    logits: &mut [T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    beta: f64,
) {
    gradient(logits, Here, state, grad, lines, beta);
}

fn gradient<T, S, L>(
    out: &mut [S],
    logits: L,
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    beta: f64,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
{
    check_length("logits", out.len(), lines.elements());
    check_length("state", state.len(), STATE * lines.count());
    check_length("grad", grad.len(), lines.count());
    let beta = Beta::new(beta);
    if !lines.are_rows() {
        return gradient_columns(out, logits, state, Some(grad), lines, Index, beta);
    }
    let n = lines.n;
    let state = narrow_columns::state_of_rows(state, lines);
    let (states, _) = state.as_chunks::<STATE>();
    if lines.exceed_a_task() {
        share(parts(out, lines), lines.elements(), |part| {
            let Part { line, start, slots } = part;
            let logits = logits.part(line * n + start * lines.inner, slots.len());
            let slope = |line: usize| Slope::new(states[line], grad[line].widen(), beta);
            if lines.inner == 1 {
                let slope = slope(line);
                let distances = IndexDistances::new(start, slope);
                return gradient_part(slots, logits, distances, slope, beta);
            }
            let height = lines.height(slots.len());
            lines.map_logits(slots, logits, |rows| {
                for (row, rows) in rows.chunks_exact_mut(height).enumerate() {
                    let slope = slope(line + row);
                    let distances = IndexDistances::new(start, slope);
                    gradient_part(rows, Here, distances, slope, beta);
                }
            });
        });
    } else {
        let block = lines.in_a_task();
        let tasks = out
            .chunks_mut(block * n)
            .zip(states.chunks(block).zip(grad.chunks(block)))
            .enumerate();
        share(tasks, lines.elements(), |(task, (out, (states, grad)))| {
            let logits = logits.part(task * block * n, out.len());
            if lines.inner == 1 {
                return gradient_rows(out, logits, n, states, grad, beta);
            }
            lines.map_logits(out, logits, |rows| {
                gradient_rows(rows, Here, n, states, grad, beta);
            });
        });
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn gradient_rows<T, S, L>(
    out: &mut [S],
    logits: L,
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        gradient_each::<T, S, L>(out, logits, n, states, grad, beta)
    );
}

#[inline(always)]
fn gradient_each<T, S, L, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    logits: L,
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
{
    if n < LANES {
        return gradient_short::<T, S, L, FMA, FLAT>(out, logits, n, states, grad, beta);
    }
    let rows = out.chunks_exact_mut(n).zip(states.iter().zip(grad));
    for (row, (out, (state, grad))) in rows.enumerate() {
        let slope = Slope::new(*state, grad.widen(), beta);
        let distances = IndexDistances::new(0, slope);
        let logits = logits.part(row * n, n);
        gradient_row::<T, _, _, _, FMA, FLAT>(out, logits, distances, slope, beta);
    }
}

#[inline(always)]
fn gradient_short<T, S, L, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    logits: L,
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
{
    let mut space = Space::<T>::new();
    let groups = out
        .chunks_mut(LANES * n)
        .zip(states.chunks(LANES).zip(grad.chunks(LANES)));
    for (group, (out, (states, grads))) in groups.enumerate() {
        let logits = logits.part(group * LANES * n, out.len());
        let values = space.turn(logits.all(out), n);
        let mut entries = [[T::Accumulator::ONE; LANES]; STATE];
        for (lane, state) in states.iter().enumerate() {
            for (entry, value) in entries.iter_mut().zip(state) {
                entry[lane] = *value;
            }
        }
        let mut grad = [T::Accumulator::ZERO; LANES];
        for (grad, upstream) in grad.iter_mut().zip(grads) {
            *grad = upstream.widen();
        }
        slope_turned::<_, FMA, FLAT>(values, indices, entries, grad, beta);
        space.turn_back(out, n);
    }
}
