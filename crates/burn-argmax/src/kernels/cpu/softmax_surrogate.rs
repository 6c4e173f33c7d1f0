//! The vector-Jacobian product of the softmax.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Accumulator, Element, Lines, columns,
    coordinate::Values,
    parallel::{PARALLEL, TASK, filled},
    rows::{Beta, Partial, reduce_line, softmax_weight},
};

/// What the product of one line takes from its sums.
#[derive(Clone, Copy)]
struct Product<A> {
    max: A,
    beta: A,
    /// `beta / sum`.
    scale: A,
    /// The upstream gradient of the argmax.
    centre: A,
    /// `sum(grad * p)`, less the centre.
    offset: A,
}

impl<A: Accumulator> Product<A> {
    fn new(partial: Partial, centre: A, beta: Beta<A>) -> Self {
        let masked = partial.max == f64::NEG_INFINITY;
        let sum = if masked { f64::NAN } else { partial.sum };
        Self {
            max: A::from_f64(partial.max),
            beta: beta.narrow,
            scale: A::from_f64(beta.wide / sum),
            centre,
            offset: A::from_f64(partial.weighted / sum),
        }
    }
}

/// `beta * p * (grad - sum(grad * p))`.
pub(crate) fn softmax_surrogate_backward<T: Element>(
    logits: &[T],
    grad: &[T],
    lines: Lines,
    beta: f64,
) -> Vec<T> {
    let beta = Beta::new(beta);
    if lines.inner > 1 {
        let partials = columns::reduce(logits, lines, Values(grad), beta);
        let products: Vec<_> = partials
            .into_iter()
            .enumerate()
            .map(|(line, partial)| {
                let (outer, inner) = (line / lines.inner, line % lines.inner);
                let place = (outer * lines.n + partial.argmax) * lines.inner + inner;
                Product::new(partial, grad[place].widen(), beta)
            })
            .collect();
        return columns::map(logits, lines, |out, logits, outer, index| {
            let first = (outer * lines.n + index) * lines.inner;
            let grad = &grad[first..first + lines.inner];
            let products = &products[outer * lines.inner..(outer + 1) * lines.inner];
            map_columns(out, logits, grad, products);
        });
    }

    let line = |out: &mut [MaybeUninit<T>], logits: &[T], grad: &[T]| {
        let partial = reduce_line(logits, Values(grad), beta);
        let product = Product::new(partial, grad[partial.argmax].widen(), beta);
        if lines.n <= TASK {
            return map_row(out, logits, grad, product);
        }
        out.par_chunks_mut(TASK)
            .zip(logits.par_chunks(TASK))
            .zip(grad.par_chunks(TASK))
            .for_each(|((out, logits), grad)| map_row(out, logits, grad, product));
    };
    filled(logits.len(), |out| {
        if logits.len() < PARALLEL {
            out.chunks_exact_mut(lines.n)
                .zip(logits.chunks_exact(lines.n))
                .zip(grad.chunks_exact(lines.n))
                .for_each(|((out, logits), grad)| line(out, logits, grad));
        } else {
            out.par_chunks_exact_mut(lines.n)
                .zip(logits.par_chunks_exact(lines.n))
                .zip(grad.par_chunks_exact(lines.n))
                .with_min_len(TASK.div_ceil(lines.n))
                .for_each(|((out, logits), grad)| line(out, logits, grad));
        }
    })
}

#[inline(always)]
fn term<T: Element, const FMA: bool>(
    logit: T,
    grad: T,
    product: Product<T::Accumulator>,
) -> MaybeUninit<T> {
    let value = logit.widen();
    let e = if product.beta == T::Accumulator::ZERO {
        softmax_weight::<_, FMA, true>(value, product.max, product.beta)
    } else {
        softmax_weight::<_, FMA, false>(value, product.max, product.beta)
    };
    // The weight comes first: where it is 0, the product stays 0 however large beta is.
    let distance = grad.widen().sub(product.centre).sub(product.offset);
    let slope = e.mul(distance).mul(product.scale);
    MaybeUninit::new(T::narrow(slope))
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn map_row<T: Element>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    grad: &[T],
    product: Product<T::Accumulator>,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    for ((out, &logit), &grad) in out.iter_mut().zip(logits).zip(grad) {
        *out = if fma {
            term::<T, true>(logit, grad, product)
        } else {
            term::<T, false>(logit, grad, product)
        };
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn map_columns<T: Element>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    grad: &[T],
    products: &[Product<T::Accumulator>],
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    for (((out, &logit), &grad), &product) in out.iter_mut().zip(logits).zip(grad).zip(products) {
        *out = if fma {
            term::<T, true>(logit, grad, product)
        } else {
            term::<T, false>(logit, grad, product)
        };
    }
}
