//! One-hots of the first maximum. A NaN is larger than any number.

use std::mem::MaybeUninit;

use crate::kernels::cpu::{
    Element, Lines, check_length,
    plan::{LANES, Path},
    share::{share, zeroed},
    simd::vectorized,
    traverse::{
        self, AsTheyAre, ColumnPeaks, fill_columns, long_peaks, row_peak, short_row_indices,
    },
};

/// Exactly 1 at the first NaN, else at the first maximum, as `argmax` on the CPU backends; else 0.
pub(crate) fn one_hot<T: Element>(values: &[T], lines: Lines) -> Vec<T> {
    check_length("values", values.len(), lines.elements());
    let Lines { n, inner, .. } = lines;
    if let Path::Columns | Path::ColumnPieces = lines.path() {
        let ColumnPeaks { indices, .. } = ColumnPeaks::new(values, lines, AsTheyAre);
        let fill = |out: &mut [MaybeUninit<T>], _: &[T], outer: usize, index: usize| {
            let indices = &indices[outer * inner..][..inner];
            mark_equals(out, indices, index as i32);
        };
        // SAFETY: every element is marked.
        return unsafe { fill_columns(values, lines, fill) };
    }
    let mut out = zeroed(values.len(), n);
    if lines.path() == Path::RowPieces {
        let indices = long_peaks(values, lines, AsTheyAre)
            .into_iter()
            .map(|(_, index)| index);
        mark(&mut out, indices, lines);
        return out;
    }
    let block = lines.in_a_task() * n;
    let tasks = out.chunks_mut(block).zip(values.chunks(block));
    share(tasks, values.len(), |(out, values)| {
        let rows = lines.rows(values);
        if n < LANES {
            let indices = short_row_indices(&rows, n);
            let indices = indices.as_flattened().iter();
            mark(out, indices.map(|index| *index as usize), lines);
        } else {
            mark(out, rows.chunks_exact(n).map(|row| row_peak(row).1), lines);
        }
    });
    out
}

/// The index of that of every line.
pub(crate) fn peak_indices<T: Element>(values: &[T], lines: Lines) -> Vec<usize> {
    check_length("values", values.len(), lines.elements());
    traverse::peak_indices(values, lines, AsTheyAre)
}

/// 1 at these indices, one of each line, and 0 elsewhere.
pub(crate) fn of_indices<T: Element>(indices: &[usize], lines: Lines) -> Vec<T> {
    check_length("indices", indices.len(), lines.count());
    let mut out = zeroed(lines.elements(), lines.n);
    mark(&mut out, indices.iter().copied(), lines);
    out
}

/// 1 at the index of every line.
fn mark<T: Element>(out: &mut [T], mut indices: impl Iterator<Item = usize>, lines: Lines) {
    for out in out.chunks_exact_mut(lines.table()) {
        for (column, index) in (0..lines.inner).zip(&mut indices) {
            out[index * lines.inner + column] = T::ONE;
        }
    }
}

vectorized! {
    fn mark_equals<T: Element>(out: &mut [MaybeUninit<T>], indices: &[i32], index: i32) {
        for (out, &other) in out.iter_mut().zip(indices) {
            out.write(if other == index { T::ONE } else { T::ZERO });
        }
    }
}
