//! The vector-Jacobian product of the softmax: the gradient of the softmax average of the upstream
//! gradient, held fixed.

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Element, Lines,
    beta::Beta,
    columns,
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
    let beta = Beta::new(beta);
    let n = lines.n;
    if !lines.are_rows() {
        let (_, state) = columns::average(logits, lines, Values(grad), beta, true);
        return gradient_columns(grad, logits, &state, None, lines, Slots, beta);
    }
    if lines.are_long() {
        let slopes: Vec<_> = reduce_long(logits, grad, lines, beta)
            .into_iter()
            .map(|partial| slope::<T>(partial, beta))
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

#[inline(always)]
fn slope<T: Element>(partial: Partial, beta: Beta<T::Accumulator>) -> Slope<T::Accumulator> {
    let (_, state) = finish::<T>(partial);
    Slope::new(state, T::Accumulator::ONE, beta)
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
        let partial = reduce_piece::<T, _, FMA, FLAT>(logits, later, &mut top, values, beta, 0);
        let slope = slope::<T>(partial, beta);
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
        let upstream = grad_space.turn(grad, n);
        let partials = reduce_turned::<_, FMA, FLAT>(values, |place| upstream[place], beta);
        let (_, state) = finish_each::<T>(&partials);
        let ones = [T::Accumulator::ONE; LANES];
        slope_turned::<_, FMA, FLAT>(values, |place| upstream[place], state, ones, beta);
        logit_space.turn_back(grad, n);
    }
}
