//! The vector-Jacobian product of the softmax: the gradient of the softmax average of the upstream
//! gradient, held fixed.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Element, Lines,
    beta::Beta,
    columns,
    coordinate::Values,
    finish::{finish, finish_columns},
    gradient::{Slope, gradient_part, gradient_row},
    gradient_columns::gradient_columns,
    parallel::{PARALLEL, TASK, filled},
    partial::Partial,
    rows::{PIECE, reduce_line, reduce_long},
};

/// `beta * p * (grad - sum(grad * p))`.
pub(crate) fn softmax_surrogate_backward<T: Element>(
    logits: &[T],
    grad: &[T],
    lines: Lines,
    beta: f64,
) -> Vec<T> {
    let beta = Beta::new(beta);
    let coordinate = Values(grad);
    let n = lines.n;
    if lines.inner > 1 {
        let partials = columns::reduce(logits, lines, coordinate, beta);
        let (_, state) = finish_columns::<T>(&partials, lines.inner);
        return gradient_columns(logits, &state, None, lines, coordinate, beta);
    }
    filled(logits.len(), |out| {
        if n > PIECE {
            out.par_chunks_exact_mut(n)
                .zip(logits.par_chunks_exact(n))
                .zip(grad.par_chunks_exact(n))
                .for_each(|((out, logits), grad)| {
                    let slope = slope::<T>(reduce_long(logits, Values(grad), beta), beta);
                    out.par_chunks_mut(TASK)
                        .zip(logits.par_chunks(TASK))
                        .zip(grad.par_chunks(TASK))
                        .for_each(|((out, logits), grad)| {
                            gradient_part(out, logits, Values(grad), slope, beta, 0);
                        });
                });
        } else if logits.len() < PARALLEL {
            backward_rows(out, logits, grad, n, beta);
        } else {
            let rows = TASK.div_ceil(n);
            out.par_chunks_mut(rows * n)
                .zip(logits.par_chunks(rows * n))
                .zip(grad.par_chunks(rows * n))
                .for_each(|((out, logits), grad)| backward_rows(out, logits, grad, n, beta));
        }
    })
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
fn backward_rows<T: Element>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    grad: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(fma, beta, backward_each::<T>(out, logits, grad, n, beta));
}

#[inline(always)]
fn backward_each<T: Element, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    grad: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
) {
    for ((out, logits), grad) in out
        .chunks_exact_mut(n)
        .zip(logits.chunks_exact(n))
        .zip(grad.chunks_exact(n))
    {
        let coordinate = Values(grad);
        let partial = reduce_line::<T, _, FMA, FLAT>(logits, coordinate, beta);
        let slope = slope::<T>(partial, beta);
        gradient_row::<T, _, FMA, FLAT>(out, logits, coordinate, slope, beta, 0);
    }
}
