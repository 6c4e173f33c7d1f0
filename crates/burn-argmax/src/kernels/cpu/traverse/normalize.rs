//! Maps of every line that need nothing but its own sums.

use super::{LineOp, map, map::map_rows, reduce, reduce::reduce_rows};
use crate::kernels::cpu::{
    Element, Lines, check_length,
    plan::Path,
    share::{filled, share},
};

/// Reduces every line, and maps it: rows while they are in the cache.
pub(crate) fn normalize<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    lines: Lines,
    op: O,
) -> Vec<T>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    if lines.path() != Path::Rows || lines.inner > 1 {
        let (_, state) = reduce(values, lines, op, true);
        return map(values, &state, &vec![T::ONE; lines.count()], lines, op);
    }
    check_length("logits", values.len(), lines.elements());
    let (n, rows) = (lines.n, lines.in_a_task());
    let fill = |out: &mut [_]| {
        let tasks = out.chunks_mut(rows * n).zip(values.chunks(rows * n));
        share(tasks, values.len(), |(out, values)| {
            let mut results = vec![T::ONE; values.len() / n];
            let mut states = vec![[T::Accumulator::ZERO; STATE]; results.len()];
            reduce_rows(values, n, op, &mut results, &mut states);
            results.fill(T::ONE);
            map_rows(out, values, n, &states, &results, op);
        });
    };
    // SAFETY: the tasks are all that there is, and `map_rows` writes every element of each.
    unsafe { filled(values.len(), fill) }
}
