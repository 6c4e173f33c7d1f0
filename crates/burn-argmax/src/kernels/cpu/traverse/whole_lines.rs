//! Lines as a whole, one after the other: what is found of each, and what is made of that.

use std::mem::MaybeUninit;

use super::fill_columns;
use crate::kernels::cpu::{
    Accumulator, Element, Lines, check_length,
    plan::TASK,
    share::{filled, share},
};

/// What `find` says of each line, in the order of the reduced tensor. It is given what it may write to, the same
/// for many lines.
pub(crate) fn of_each_line<T: Element, R: Clone + Send>(
    values: &[T],
    lines: Lines,
    nothing: R,
    find: impl Fn(&[f64], &mut Vec<f64>) -> R + Sync,
) -> Vec<R> {
    check_length("values", values.len(), lines.elements());
    let together = TASK.div_ceil(lines.n);
    let mut found = vec![nothing; lines.count()];
    let tasks = found.chunks_mut(together).enumerate();
    share(tasks, values.len(), |(task, found)| {
        let mut line = Vec::with_capacity(lines.n);
        let mut scratch = Vec::with_capacity(lines.n);
        for (index, found) in found.iter_mut().enumerate() {
            let entries = lines.values(values, task * together + index);
            line.clear();
            line.extend(entries.map(|value| value.widen().to_f64()));
            *found = find(&line, &mut scratch);
        }
    });
    found
}

/// What `map` makes of each value, of its index, and of what was found of its line.
pub(crate) fn map_by_line<T: Element, R: Sync>(
    values: &[T],
    lines: Lines,
    found: &[R],
    map: impl Fn(T, usize, &R) -> T + Sync,
) -> Vec<T> {
    check_length("what was found", found.len(), lines.count());
    let Lines { n, inner, .. } = lines;
    if inner == 1 {
        let rows = TASK.div_ceil(n);
        let fill = |out: &mut [MaybeUninit<T>]| {
            let tasks = out.chunks_mut(rows * n).zip(values.chunks(rows * n));
            share(
                tasks.zip(found.chunks(rows)),
                values.len(),
                |((out, values), found)| {
                    let lines = out.chunks_mut(n).zip(values.chunks(n));
                    for ((out, values), found) in lines.zip(found) {
                        for (index, (out, value)) in out.iter_mut().zip(values).enumerate() {
                            out.write(map(*value, index, found));
                        }
                    }
                },
            );
        };
        // SAFETY: the tasks are all that there is, and every element of each is written.
        return unsafe { filled(values.len(), fill) };
    }
    let fill = |out: &mut [MaybeUninit<T>], values: &[T], outer: usize, index: usize| {
        let found = &found[outer * inner..][..inner];
        for ((out, value), found) in out.iter_mut().zip(values).zip(found) {
            out.write(map(*value, index, found));
        }
    };
    // SAFETY: every element is written.
    unsafe { fill_columns(values, lines, fill) }
}
