//! Maps of lines side by side, one row of them after the other.

use std::mem::MaybeUninit;

use crate::kernels::cpu::{
    Element, Lines,
    plan::TASK,
    share::{filled, share},
};

/// A tensor of the input's shape, filled one index of every line of one `outer` at a time.
///
/// # Safety
///
/// `fill` writes every element of what it is given.
pub(crate) unsafe fn fill_columns<T: Element>(
    values: &[T],
    lines: Lines,
    fill: impl Fn(&mut [MaybeUninit<T>], &[T], usize, usize) + Sync,
) -> Vec<T> {
    let Lines { n, inner, .. } = lines;
    let rows = TASK.div_ceil(inner);
    let map = |out: &mut [MaybeUninit<T>]| {
        let tasks = out
            .chunks_mut(rows * inner)
            .zip(values.chunks(rows * inner))
            .enumerate();
        share(tasks, values.len(), |(task, (out, values))| {
            let filled = out.chunks_exact_mut(inner).zip(values.chunks_exact(inner));
            for (index, (out, values)) in filled.enumerate() {
                let position = task * rows + index;
                fill(out, values, position / n, position % n);
            }
        });
    };
    // SAFETY: the tasks are all rows of all lines, and the caller answers for what is in them.
    unsafe { filled(values.len(), map) }
}
