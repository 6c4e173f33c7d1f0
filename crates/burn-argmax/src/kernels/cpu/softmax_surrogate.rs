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
    narrow_columns,
    parallel::{TASK, share},
    partial::{LANES, Partial},
    rows::{PIECE, reduce_long, reduce_piece},
    short_rows::{Space, reduce_turned, slope_turned},
};

/// `beta * p * (grad - sum(grad * p))`, which takes the place of `grad`: no memory of its own, whose
/// pages the system would have to clear first.
pub(crate) fn softmax_surrogate_backward<T: Element>(
    logits: &[T],
    grad: &mut [T],
    lines: Lines,
    beta: f64,
) {
    if lines.are_narrow() {
        let logits = narrow_columns::rows(logits, lines);
        let mut rows = narrow_columns::rows(grad, lines);
        softmax_surrogate_backward(&logits, &mut rows, lines.as_rows(), beta);
        return narrow_columns::put_columns(grad, &rows, lines);
    }
    let beta = Beta::new(beta);
    let n = lines.n;
    if lines.inner > 1 {
        let (_, state) = columns::average(logits, lines, Values(grad), beta, true);
        return gradient_columns(grad, logits, &state, None, lines, Slots, beta);
    }
    if n > PIECE {
        let values = |line| Values(&grad[line * n..][..n]);
        let partials: Vec<_> = reduce_long(logits, n, values, beta).collect();
        let rows = grad
            .chunks_exact_mut(n)
            .zip(logits.chunks_exact(n))
            .zip(partials);
        let tasks = rows.flat_map(|((grad, logits), partial)| {
            let slope = slope::<T>(partial, beta);
            let parts = grad.chunks_mut(TASK).zip(logits.chunks(TASK));
            parts.map(move |(grad, logits)| (grad, logits, slope))
        });
        share(tasks, logits.len(), |(grad, logits, slope)| {
            gradient_part(grad, logits, SlotDistances::new(slope), slope, beta);
        });
    } else {
        let rows = TASK.div_ceil(n);
        let tasks = grad.chunks_mut(rows * n).zip(logits.chunks(rows * n));
        share(tasks, logits.len(), |(grad, logits)| {
            backward_rows(logits, grad, n, beta);
        });
    }
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
    if n < 2 * LANES {
        return backward_short::<T, FMA, FLAT>(logits, grad, n, beta);
    }
    for (grad, logits) in grad.chunks_exact_mut(n).zip(logits.chunks_exact(n)) {
        let partial = reduce_piece::<T, _, FMA, FLAT>(logits, Values(grad), beta, 0);
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
