//! Soft-argmax over bins: the weighted mean of a given coordinate, and its gradients.

use super::{
    soft_argmax::{Mean, window_of},
    softmax::Share,
    weights::weighted,
};
use crate::{
    Weighting,
    kernels::cpu::{
        Accumulator, Element, Lines,
        plan::TASK,
        share::share,
        traverse::{self, Bins, outside_masked},
    },
};

/// The results, and if it is kept the state, along the reduced dimension.
pub(crate) fn forward<T: Element>(
    logits: &[T],
    bins: &[T::Accumulator],
    lines: Lines,
    weighting: Weighting,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>) {
    with_window(logits, lines, weighting, |logits| {
        let bins = Bins::new(bins, lines);
        weighted!(T, weighting, weights => {
            traverse::reduce_over(logits, bins, lines, Mean::of_bins(weights), keep_state)
        })
    })
}

/// `grad * growth_j * (b_j - y) / sum`.
pub(crate) fn backward<T: Element>(
    logits: &[T],
    bins: &[T::Accumulator],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    weighting: Weighting,
) -> Vec<T> {
    with_window(logits, lines, weighting, |logits| {
        let bins = Bins::new(bins, lines);
        weighted!(T, weighting, weights => {
            traverse::map_over(logits, bins, state, grad, lines, Mean::of_bins(weights))
        })
    })
}

/// [`backward`], which takes the place of the logits: no memory of its own.
pub(crate) fn backward_in_place<T: Element>(
    logits: &mut [T],
    bins: &[T::Accumulator],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    weighting: Weighting,
) {
    if let Some(radius) = window_of(weighting, lines) {
        let masked = outside_masked(logits, lines, radius);
        logits.copy_from_slice(&masked);
    }
    let bins = Bins::new(bins, lines);
    weighted!(T, weighting, weights => {
        traverse::map_over_in_place(logits, bins, state, grad, lines, Mean::of_bins(weights));
    });
}

/// The gradient for `length` bins, `grad * p_j` summed over the lines that share one.
pub(crate) fn bins_backward<A: Accumulator>(
    logits: &[A],
    state: &[A],
    grad: &[A],
    lines: Lines,
    weighting: Weighting,
    length: usize,
) -> Vec<A> {
    with_window(logits, lines, weighting, |logits| {
        weighted!(A, weighting, weights => {
            let slopes = |logits: &[A], state: &[A], grad: &[A], lines| {
                traverse::map(logits, state, grad, lines, Share::of_bins(weights))
            };
            if length == lines.elements() {
                slopes(logits, state, grad, lines)
            } else {
                summed(logits, state, grad, lines, length, slopes)
            }
        })
    })
}

/// Blocks of lines that are summed apart, whatever the number of threads, so that the result does not
/// depend on it: no more slopes at a time than a few of them have.
const BLOCKS: usize = 32;

/// The slopes of every bin, summed over the lines beside each other, and over the others if all share
/// one line of bins.
fn summed<A: Accumulator>(
    logits: &[A],
    state: &[A],
    grad: &[A],
    lines: Lines,
    length: usize,
    slopes: impl Fn(&[A], &[A], &[A], Lines) -> Vec<A> + Sync,
) -> Vec<A> {
    let Lines { outer, n, inner } = lines;
    let in_a_block = outer.div_ceil(BLOCKS).max(TASK / lines.table()).max(1);
    let entries = state.len() / lines.count();
    let is_shared = length == n;
    let in_a_sum = if is_shared { n } else { in_a_block * n };
    let mut sums = vec![0.0; outer.div_ceil(in_a_block) * in_a_sum];
    let blocks = sums
        .chunks_mut(in_a_sum)
        .zip(logits.chunks(in_a_block * lines.table()))
        .zip(state.chunks(in_a_block * inner * entries))
        .zip(grad.chunks(in_a_block * inner));
    share(blocks, logits.len(), |(((sums, logits), state), grad)| {
        let outer = logits.len() / lines.table();
        let slopes = slopes(logits, state, grad, Lines { outer, ..lines });
        for (table, slopes) in slopes.chunks_exact(lines.table()).enumerate() {
            let first = if is_shared { 0 } else { table * n };
            let sums = &mut sums[first..][..n];
            for (sum, slopes) in sums.iter_mut().zip(slopes.chunks_exact(inner)) {
                *sum += slopes.iter().map(|slope| slope.to_f64()).sum::<f64>();
            }
        }
    });
    let (first, rest) = sums.split_at_mut(length);
    if is_shared {
        for others in rest.chunks_exact(n) {
            for (sum, other) in first.iter_mut().zip(others) {
                *sum += other;
            }
        }
    }
    first.iter().map(|&sum| A::from_f64(sum)).collect()
}

/// Lets `compute` see masks outside of the window of every line, if there is one.
fn with_window<T: Element, R>(
    logits: &[T],
    lines: Lines,
    weighting: Weighting,
    compute: impl FnOnce(&[T]) -> R,
) -> R {
    match window_of(weighting, lines) {
        Some(radius) => compute(&outside_masked(logits, lines, radius)),
        None => compute(logits),
    }
}
