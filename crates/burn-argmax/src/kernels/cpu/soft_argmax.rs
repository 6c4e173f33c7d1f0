//! Soft-argmax: the expected index, and its gradient.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Accumulator, Element, Lines, columns,
    coordinate::Index,
    parallel::{PARALLEL, TASK, filled},
    rows::{Beta, Partial, reduce_line, softmax_weight},
};

/// Numbers of state a line.
pub(crate) const STATE: usize = 4;

/// The results, and the state: `[max, sum, centre, offset]` along the reduced dimension.
pub(crate) fn forward<T: Element>(
    logits: &[T],
    lines: Lines,
    beta: f64,
) -> (Vec<T>, Vec<T::Accumulator>) {
    let beta = Beta::new(beta);
    let index = Index {
        stride: lines.inner,
    };
    let partials: Vec<Partial> = if lines.inner > 1 {
        columns::reduce(logits, lines, index, beta)
    } else {
        let line = |line: &[T]| reduce_line(line, index, beta);
        if logits.len() < PARALLEL {
            logits.chunks_exact(lines.n).map(line).collect()
        } else {
            logits
                .par_chunks_exact(lines.n)
                .with_min_len(TASK.div_ceil(lines.n))
                .map(line)
                .collect()
        }
    };

    let mut results = Vec::with_capacity(partials.len());
    let mut state = vec![T::Accumulator::ZERO; STATE * partials.len()];
    for (index, partial) in partials.into_iter().enumerate() {
        let (result, entries) = finish::<T>(partial);
        results.push(result);
        let first = index / lines.inner * STATE * lines.inner + index % lines.inner;
        for (entry, value) in entries.into_iter().enumerate() {
            state[first + entry * lines.inner] = value;
        }
    }
    (results, state)
}

fn finish<T: Element>(partial: Partial) -> (T, [T::Accumulator; STATE]) {
    let nan = T::Accumulator::NAN;
    if partial.max == f64::NEG_INFINITY || partial.sum.is_nan() {
        return (T::round(f64::NAN), [nan; STATE]);
    }
    let offset = partial.weighted / partial.sum;
    let result = T::round(partial.argmax as f64 + offset);
    // A large index may not fit the accumulator: the offset makes up for the rounding.
    let centre = T::Accumulator::from_f64(partial.argmax as f64);
    let offset = offset + (partial.argmax as f64 - centre.to_f64());
    let state = [partial.max, partial.sum, centre.to_f64(), offset].map(T::Accumulator::from_f64);
    (result, state)
}

/// What the gradient of one line takes from its state.
#[derive(Clone, Copy)]
struct Slope<A> {
    max: A,
    /// `beta / sum`.
    scale: A,
    centre: i64,
    offset: A,
    grad: A,
}

impl<A: Accumulator> Slope<A> {
    fn new(state: [A; STATE], grad: A, beta: Beta<A>) -> Self {
        let [max, sum, centre, offset] = state;
        Self {
            max,
            scale: A::from_f64(beta.wide / sum.to_f64()),
            centre: centre.to_f64() as i64,
            offset,
            grad,
        }
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
        return columns_backward(logits, state, grad, lines, beta);
    }
    let line =
        |out: &mut [MaybeUninit<T>], logits: &[T], state: [T::Accumulator; STATE], grad: T| {
            let slope = Slope::new(state, grad.widen(), beta);
            if lines.n <= TASK {
                return gradient(out, logits, slope, beta.narrow, 0);
            }
            out.par_chunks_mut(TASK)
                .zip(logits.par_chunks(TASK))
                .enumerate()
                .for_each(|(index, (out, logits))| {
                    gradient(out, logits, slope, beta.narrow, index * TASK);
                });
        };
    let (states, _) = state.as_chunks::<STATE>();
    filled(logits.len(), |out| {
        if logits.len() < PARALLEL {
            out.chunks_exact_mut(lines.n)
                .zip(logits.chunks_exact(lines.n))
                .zip(states.iter().zip(grad))
                .for_each(|((out, logits), (state, grad))| line(out, logits, *state, *grad));
        } else {
            out.par_chunks_exact_mut(lines.n)
                .zip(logits.par_chunks_exact(lines.n))
                .zip(states.par_iter().zip(grad))
                .with_min_len(TASK.div_ceil(lines.n))
                .for_each(|((out, logits), (state, grad))| line(out, logits, *state, *grad));
        }
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn gradient<T: Element>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    slope: Slope<T::Accumulator>,
    beta: T::Accumulator,
    start: usize,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let flat = beta == T::Accumulator::ZERO;
    match (fma, flat) {
        (true, false) => gradient_body::<T, true, false>(out, logits, slope, beta, start),
        (true, true) => gradient_body::<T, true, true>(out, logits, slope, beta, start),
        (false, false) => gradient_body::<T, false, false>(out, logits, slope, beta, start),
        (false, true) => gradient_body::<T, false, true>(out, logits, slope, beta, start),
    }
}

#[inline(always)]
fn gradient_body<T: Element, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    slope: Slope<T::Accumulator>,
    beta: T::Accumulator,
    start: usize,
) {
    let first = (start as i64 - slope.centre) as i32;
    for (index, (out, logit)) in out.iter_mut().zip(logits).enumerate() {
        let e = softmax_weight::<_, FMA, FLAT>(logit.widen(), slope.max, beta);
        let distance = T::Accumulator::from_distance(first + index as i32).sub(slope.offset);
        // The weight comes first: where it is 0, the product stays 0 however large beta is.
        let product = e.mul(distance).mul(slope.scale).mul(slope.grad);
        out.write(T::narrow(product));
    }
}

fn columns_backward<T: Element>(
    logits: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    beta: Beta<T::Accumulator>,
) -> Vec<T> {
    let inner = lines.inner;
    let slopes: Vec<Slope<T::Accumulator>> = (0..lines.count())
        .map(|line| {
            let first = line / inner * STATE * inner + line % inner;
            let entries = [0, 1, 2, 3].map(|entry| state[first + entry * inner]);
            Slope::new(entries, grad[line].widen(), beta)
        })
        .collect();
    columns::map(logits, lines, |out, logits, outer, index| {
        let slopes = &slopes[outer * inner..(outer + 1) * inner];
        columns_gradient(out, logits, slopes, beta.narrow, index as i64);
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn columns_gradient<T: Element>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    slopes: &[Slope<T::Accumulator>],
    beta: T::Accumulator,
    index: i64,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let flat = beta == T::Accumulator::ZERO;
    match (fma, flat) {
        (true, false) => columns_gradient_body::<T, true, false>(out, logits, slopes, beta, index),
        (true, true) => columns_gradient_body::<T, true, true>(out, logits, slopes, beta, index),
        (false, false) => {
            columns_gradient_body::<T, false, false>(out, logits, slopes, beta, index)
        }
        (false, true) => columns_gradient_body::<T, false, true>(out, logits, slopes, beta, index),
    }
}

#[inline(always)]
fn columns_gradient_body<T: Element, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    slopes: &[Slope<T::Accumulator>],
    beta: T::Accumulator,
    index: i64,
) {
    for ((out, logit), slope) in out.iter_mut().zip(logits).zip(slopes) {
        let e = softmax_weight::<_, FMA, FLAT>(logit.widen(), slope.max, beta);
        let distance =
            T::Accumulator::from_distance((index - slope.centre) as i32).sub(slope.offset);
        let product = e.mul(distance).mul(slope.scale).mul(slope.grad);
        out.write(T::narrow(product));
    }
}
