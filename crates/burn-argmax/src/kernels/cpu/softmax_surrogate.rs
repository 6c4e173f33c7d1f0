//! The vector-Jacobian product of the softmax: the gradient of the softmax average of the upstream
//! gradient, held fixed.

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Element, Lines,
    beta::Beta,
    columns,
    coordinate::Values,
    finish::{finish, finish_columns},
    gradient::{Slope, SlotDistances, gradient_part, gradient_row},
    gradient_columns::{Slots, gradient_columns},
    parallel::{PARALLEL, TASK},
    partial::Partial,
    rows::{PIECE, reduce_line, reduce_long},
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
    if lines.inner > 1 {
        let partials = columns::reduce(logits, lines, Values(grad), beta);
        let (_, state) = finish_columns::<T>(&partials, lines.inner);
        gradient_columns(grad, logits, &state, None, lines, Slots, beta);
    } else if n > PIECE {
        grad.par_chunks_exact_mut(n)
            .zip(logits.par_chunks_exact(n))
            .for_each(|(grad, logits)| {
                let slope = slope::<T>(reduce_long(logits, Values(grad), beta), beta);
                grad.par_chunks_mut(TASK)
                    .zip(logits.par_chunks(TASK))
                    .for_each(|(grad, logits)| {
                        gradient_part(grad, logits, SlotDistances::new(slope), slope, beta);
                    });
            });
    } else if logits.len() < PARALLEL {
        backward_rows(logits, grad, n, beta);
    } else {
        let rows = TASK.div_ceil(n);
        grad.par_chunks_mut(rows * n)
            .zip(logits.par_chunks(rows * n))
            .for_each(|(grad, logits)| backward_rows(logits, grad, n, beta));
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
    for (grad, logits) in grad.chunks_exact_mut(n).zip(logits.chunks_exact(n)) {
        let partial = reduce_line::<T, _, FMA, FLAT>(logits, Values(grad), beta);
        let slope = slope::<T>(partial, beta);
        gradient_row::<T, _, _, FMA, FLAT>(grad, logits, SlotDistances::new(slope), slope, beta);
    }
}
