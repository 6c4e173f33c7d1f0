//! The vector-Jacobian product of the softmax: the gradient of the softmax average of the upstream
//! gradient, held fixed.

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, Lines, STATE,
    beta::Beta,
    check_length, columns,
    coordinate::Values,
    finish::{finish, finish_each},
    gradient::{Slope, SlotDistances, gradient_part, gradient_row},
    gradient_columns::{Slots, gradient_columns},
    parallel::share,
    partial::{LANES, Partial},
    peak::Top,
    pieces::{Part, parts, pieces, reduce_pieces},
    rows::{reduce, reduce_piece},
    short_rows::{SHORT, Space, reduce_turned, slope_turned},
};

/// `beta * p * (grad - sum(grad * p))`, which takes the place of `grad`: no memory of its own, whose
/// pages the system would have to clear first.
pub(crate) fn softmax_surrogate_backward<T: Element>(
    logits: &[T],
    grad: &mut [T],
    lines: Lines,
    beta: f64,
) {
    check_length("logits", logits.len(), lines.elements());
    check_length("grad", grad.len(), lines.elements());
    let beta = Beta::new(beta);
    let n = lines.n;
    if !lines.are_rows() {
        return backward_columns(logits, grad, lines, beta);
    }
    if lines.are_long() {
        let mut partials = reduce_long(logits, grad, lines, beta);
        if partials.iter().any(|partial| partial.meets_infinity()) {
            clear_masked(logits, grad);
            partials = reduce_long(logits, grad, lines, beta);
        }
        let slopes: Vec<_> = partials
            .into_iter()
            .enumerate()
            .map(|(line, partial)| slope(partial, || lines.values(grad, line), beta))
            .collect();
        share(parts(grad, lines), lines.elements(), |part| {
            let Part { line, start, slots } = part;
            let first = line * n + start * lines.inner;
            let logits = lines.rows(&logits[first..][..slots.len()]);
            let height = lines.height(slots.len());
            lines.map_rows(slots, |rows| {
                let rows = rows.chunks_exact_mut(height);
                let logits = logits.chunks_exact(height);
                for (slope, (rows, logits)) in slopes[line..].iter().zip(rows.zip(logits)) {
                    gradient_part(rows, logits, SlotDistances::new(*slope), *slope, beta);
                }
            });
        });
    } else {
        let block = lines.in_a_task() * n;
        let tasks = grad.chunks_mut(block).zip(logits.chunks(block));
        share(tasks, lines.elements(), |(grad, logits)| {
            let logits = lines.rows(logits);
            lines.map_rows(grad, |grad| backward_rows(&logits, grad, n, beta));
        });
    }
}

/// The sums of every line, taken in pieces.
fn reduce_long<T: Element>(
    logits: &[T],
    grad: &[T],
    lines: Lines,
    beta: Beta<T::Accumulator>,
) -> Vec<Partial> {
    reduce_pieces(
        lines,
        pieces(logits, lines).zip(pieces(grad, lines)),
        Partial::EMPTY,
        |(logits, grad), _, partials| {
            let height = lines.height(logits.len());
            let (logits, grad) = (lines.rows(logits), lines.rows(grad));
            let rows = logits.chunks_exact(height).zip(grad.chunks_exact(height));
            for (partial, (logits, grad)) in partials.iter_mut().zip(rows) {
                *partial = reduce(logits, Values(grad), beta, 0);
            }
        },
        |total, piece| total.merge(piece, beta),
    )
}

/// The slope of a line, and none where it is broken and all of its upstream gradient is 0.
#[inline(always)]
fn slope<'a, T: Element, I: Iterator<Item = &'a T>>(
    partial: Partial,
    grad: impl FnOnce() -> I,
    beta: Beta<T::Accumulator>,
) -> Slope<T::Accumulator> {
    let (_, state) = finish::<T>(partial);
    let none = !partial.is_valid() && grad().all(|grad| *grad == T::ZERO);
    let upstream = if none { T::ZERO } else { T::ONE };
    Slope::new(state, upstream.widen(), beta)
}

/// Takes the upstream gradient of masks to be 0: it has no part in that of the other elements, and
/// where it is not finite the product with a weight of 0 would be NaN.
#[cold]
fn clear_masked<T: Element>(logits: &[T], grad: &mut [T]) {
    for (grad, logit) in grad.iter_mut().zip(logits) {
        if logit.widen() == T::Accumulator::NEG_INFINITY {
            *grad = T::ZERO;
        }
    }
}

fn backward_columns<T: Element>(
    logits: &[T],
    grad: &mut [T],
    lines: Lines,
    beta: Beta<T::Accumulator>,
) {
    let inner = lines.inner;
    let (_, mut state) = columns::average(logits, lines, Values(grad), beta, true);
    let entries = |state: &[T::Accumulator], line: usize| {
        let first = line / inner * STATE * inner + line % inner;
        (state[first + inner], state[first + 3 * inner])
    };
    let meets_infinity = |line: usize| {
        let (sum, offset) = entries(&state, line);
        !sum.is_nan() && !(offset.sub(offset) == T::Accumulator::ZERO)
    };
    if (0..lines.count()).any(meets_infinity) {
        clear_masked(logits, grad);
        (_, state) = columns::average(logits, lines, Values(grad), beta, true);
    }
    let broken = |line: &usize| entries(&state, *line).0.is_nan();
    let mut upstream = None;
    for line in (0..lines.count()).filter(broken) {
        let upstream = upstream.get_or_insert_with(|| vec![T::ONE; lines.count()]);
        if lines.values(grad, line).all(|grad| *grad == T::ZERO) {
            upstream[line] = T::ZERO;
        }
    }
    gradient_columns(
        grad,
        logits,
        &state,
        upstream.as_deref(),
        lines,
        Slots,
        beta,
    );
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn backward_rows<T: Element>(logits: &[T], grad: &mut [T], n: usize, beta: Beta<T::Accumulator>) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(fma, beta, backward_each::<T>(logits, grad, n, beta));
}

#[inline(always)]
fn backward_each<T: Element, const FMA: bool, const FLAT: bool>(
    logits: &[T],
    grad: &mut [T],
    n: usize,
    beta: Beta<T::Accumulator>,
) {
    if n < SHORT {
        return backward_short::<T, FMA, FLAT>(logits, grad, n, beta);
    }
    let mut top = Top::NONE;
    for (row, grad) in grad.chunks_exact_mut(n).enumerate() {
        let (logits, later) = logits[row * n..].split_at(n);
        let values = Values(grad);
        let mut partial = reduce_piece::<T, _, FMA, FLAT>(logits, later, &mut top, values, beta, 0);
        if partial.meets_infinity() {
            clear_masked(logits, grad);
            partial = reduce(logits, Values(grad), beta, 0);
        }
        let slope = slope(partial, || grad.iter(), beta);
        gradient_row::<T, _, _, _, FMA, FLAT>(grad, logits, SlotDistances::new(slope), slope, beta);
    }
}

#[inline(always)]
fn backward_short<T: Element, const FMA: bool, const FLAT: bool>(
    logits: &[T],
    grad: &mut [T],
    n: usize,
    beta: Beta<T::Accumulator>,
) {
    let (mut logit_space, mut grad_space) = (Space::<T>::new(), Space::<T>::new());
    for (grad, logits) in grad.chunks_mut(LANES * n).zip(logits.chunks(LANES * n)) {
        let values = logit_space.turn(logits, n);
        let mut partials =
            reduce_turned::<_, FMA, FLAT>(values, upstream_of(grad_space.turn(grad, n)), beta);
        let mut ones = [T::Accumulator::ONE; LANES];
        if partials.are_broken() {
            clear_masked(logits, grad);
            let upstream = upstream_of(grad_space.turn(grad, n));
            partials = reduce_turned::<_, FMA, FLAT>(values, upstream, beta);
            for (one, grad) in ones.iter_mut().zip(grad.chunks_exact(n)) {
                if grad.iter().all(|grad| *grad == T::ZERO) {
                    *one = T::Accumulator::ZERO;
                }
            }
        }
        let (_, state) = finish_each::<T>(&partials);
        let upstream = upstream_of(grad_space.turned(n));
        slope_turned::<_, FMA, FLAT>(values, upstream, state, ones, beta);
        logit_space.turn_back(grad, n);
    }
}

#[inline(always)]
fn upstream_of<A: Accumulator>(turned: &[[A; LANES]]) -> impl Fn(usize) -> [A; LANES] {
    |place| turned[place]
}
