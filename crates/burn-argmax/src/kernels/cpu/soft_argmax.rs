//! Soft-argmax: the expected index, and its gradient.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Element, Lines, STATE,
    beta::Beta,
    columns,
    coordinate::Index,
    finish::{finish, finish_columns},
    gradient::{IndexDistances, Slope, gradient_part, gradient_row},
    gradient_columns::gradient_columns,
    parallel::{PARALLEL, TASK, filled},
    rows::reduce_line,
};

/// The results, and the state: `[max, sum, centre, offset]` along the reduced dimension.
pub(crate) fn forward<T: Element>(
    logits: &[T],
    lines: Lines,
    beta: f64,
) -> (Vec<T>, Vec<T::Accumulator>) {
    let beta = Beta::new(beta);
    if lines.inner > 1 {
        return finish_columns(&columns::reduce(logits, lines, Index, beta), lines.inner);
    }
    let mut results = vec![T::ZERO; lines.count()];
    let mut state = vec![T::Accumulator::ZERO; STATE * lines.count()];
    if logits.len() < PARALLEL {
        forward_rows(logits, lines.n, beta, &mut results, &mut state);
    } else {
        let rows = TASK.div_ceil(lines.n);
        results
            .par_chunks_mut(rows)
            .zip(state.par_chunks_mut(rows * STATE))
            .zip(logits.par_chunks(rows * lines.n))
            .for_each(|((results, state), logits)| {
                forward_rows(logits, lines.n, beta, results, state);
            });
    }
    (results, state)
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
    state: &mut [T::Accumulator],
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        forward_each::<T>(logits, n, beta, results, state)
    );
}

#[inline(always)]
fn forward_each<T: Element, const FMA: bool, const FLAT: bool>(
    logits: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
    results: &mut [T],
    state: &mut [T::Accumulator],
) {
    let (states, _) = state.as_chunks_mut::<STATE>();
    for ((logits, result), state) in logits.chunks_exact(n).zip(results).zip(states) {
        let partial = reduce_line::<T, Index, FMA, FLAT>(logits, Index, beta);
        (*result, *state) = finish::<T>(partial);
    }
}

/// `grad * beta * p_j * (j - y)`.
pub(crate) fn backward<T: Element>(
    logits: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    beta: f64,
) -> Vec<T> {
    let beta = Beta::new(beta);
    if lines.inner > 1 {
        return filled(logits.len(), |out| {
            gradient_columns(out, logits, state, Some(grad), lines, Index, beta);
        });
    }
    let n = lines.n;
    let (states, _) = state.as_chunks::<STATE>();
    filled(logits.len(), |out| {
        if n > TASK {
            out.par_chunks_exact_mut(n)
                .zip(logits.par_chunks_exact(n))
                .zip(states.par_iter().zip(grad))
                .for_each(|((out, logits), (state, grad))| {
                    let slope = Slope::new(*state, grad.widen(), beta);
                    out.par_chunks_mut(TASK)
                        .zip(logits.par_chunks(TASK))
                        .enumerate()
                        .for_each(|(part, (out, logits))| {
                            let distances = IndexDistances::new(part * TASK, slope);
                            gradient_part(out, logits, distances, slope, beta);
                        });
                });
        } else if logits.len() < PARALLEL {
            backward_rows(out, logits, n, states, grad, beta);
        } else {
            let rows = TASK.div_ceil(n);
            out.par_chunks_mut(rows * n)
                .zip(logits.par_chunks(rows * n))
                .zip(states.par_chunks(rows).zip(grad.par_chunks(rows)))
                .for_each(|((out, logits), (states, grad))| {
                    backward_rows(out, logits, n, states, grad, beta);
                });
        }
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn backward_rows<T: Element>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    beta: Beta<T::Accumulator>,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        backward_each::<T>(out, logits, n, states, grad, beta)
    );
}

#[inline(always)]
fn backward_each<T: Element, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    n: usize,
    states: &[[T::Accumulator; STATE]],
    grad: &[T],
    beta: Beta<T::Accumulator>,
) {
    for ((out, logits), (state, grad)) in out
        .chunks_exact_mut(n)
        .zip(logits.chunks_exact(n))
        .zip(states.iter().zip(grad))
    {
        let slope = Slope::new(*state, grad.widen(), beta);
        let distances = IndexDistances::new(0, slope);
        gradient_row::<T, _, _, FMA, FLAT>(out, logits, distances, slope, beta);
    }
}
