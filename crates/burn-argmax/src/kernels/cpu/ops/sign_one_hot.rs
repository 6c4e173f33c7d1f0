//! One-hots of every maximum. A NaN is larger than any number.

use std::{hint::black_box, mem::MaybeUninit};

use crate::kernels::cpu::{
    Accumulator, Element, Lines, check_length,
    plan::{LANES, Path},
    share::{filled, share},
    simd::vectorized,
    traverse::{
        AsTheyAre, ColumnPeaks, Part, Transposer, fill_columns, long_peaks, nan_or_peak_transposed,
        parts, row_peak,
    },
};

/// 1 at every maximum, else 0; NaN throughout a line that has one.
pub(crate) fn sign_one_hot<T: Element>(values: &[T], lines: Lines) -> Vec<T> {
    check_length("values", values.len(), lines.elements());
    let Lines { n, inner, .. } = lines;
    if let Path::Columns | Path::ColumnPieces = lines.path() {
        let ColumnPeaks { maxima, .. } = ColumnPeaks::new(values, lines, AsTheyAre);
        let fill = |out: &mut [MaybeUninit<T>], values: &[T], outer: usize, _: usize| {
            mark_equals(out, values, &maxima[outer * inner..][..inner]);
        };
        // SAFETY: every element is marked.
        return unsafe { fill_columns(values, lines, fill) };
    }
    if lines.path() == Path::RowPieces {
        let maxima: Vec<_> = long_peaks(values, lines, AsTheyAre)
            .into_iter()
            .map(|(max, _)| max)
            .collect();
        let fill = |out: &mut [MaybeUninit<T>]| {
            share(parts(out, lines), values.len(), |part| {
                let Part { line, start, slots } = part;
                let values = &values[line * n + start * inner..][..slots.len()];
                // Over and over, so that they lie as the elements do.
                let maxima = maxima[line..][..inner].repeat(LANES);
                let chunks = slots.chunks_mut(maxima.len());
                for (slots, values) in chunks.zip(values.chunks(maxima.len())) {
                    mark_equals(slots, values, &maxima);
                }
            });
        };
        // SAFETY: the parts are all of the lines, and every element of each is marked.
        return unsafe { filled(values.len(), fill) };
    }
    let block = lines.in_a_task() * n;
    let fill = |out: &mut [MaybeUninit<T>]| {
        let tasks = out.chunks_mut(block).zip(values.chunks(block));
        share(tasks, values.len(), |(out, values)| {
            if inner == 1 {
                return mark_rows(out, values, n);
            }
            let rows = lines.rows(values);
            // SAFETY: `rows` holds whole rows, and every element of each is marked.
            let marks = unsafe { filled(rows.len(), |marks| mark_rows(marks, &rows, n)) };
            lines.put_rows(&marks, out);
        });
    };
    // SAFETY: the tasks are all of the lines, and every element of each is marked.
    unsafe { filled(values.len(), fill) }
}

fn mark_rows<T: Element>(out: &mut [MaybeUninit<T>], rows: &[T], n: usize) {
    if n < LANES {
        return mark_short_rows(out, rows, n);
    }
    for (out, row) in out.chunks_exact_mut(n).zip(rows.chunks_exact(n)) {
        mark_row(out, row, row_peak(row).0);
    }
}

#[inline(always)]
fn mark_at<T: Element>(value: T, max: T::Accumulator) -> MaybeUninit<T> {
    MaybeUninit::new(if max.is_nan() {
        T::round(f64::NAN)
    } else if value.widen() == max {
        T::ONE
    } else {
        T::ZERO
    })
}

vectorized! {
    fn mark_row<T: Element>(out: &mut [MaybeUninit<T>], row: &[T], max: T::Accumulator) {
        for (out, &value) in out.iter_mut().zip(row) {
            *out = mark_at(value, max);
        }
    }
}

vectorized! {
    fn mark_equals<T: Element>(out: &mut [MaybeUninit<T>], values: &[T], maxima: &[T::Accumulator]) {
        for ((out, &value), &max) in out.iter_mut().zip(values).zip(maxima) {
            *out = mark_at(value, max);
        }
    }
}

vectorized! {
    fn mark_short_rows<T: Element>(out: &mut [MaybeUninit<T>], rows: &[T], n: usize) {
        let mut transposer = Transposer::<T>::new();
        for (out, rows) in out.chunks_mut(LANES * n).zip(rows.chunks(LANES * n)) {
            let columns = transposer.transpose(rows, n);
            let (max, _) = nan_or_peak_transposed(columns);
            for values in columns {
                // Alone: the compiler would mark one lane of several columns together, which lie apart.
                let values = black_box(values);
                for lane in 0..LANES {
                    let hit = values[lane] == max[lane];
                    let mark = if hit { T::ONE } else { T::ZERO }.widen();
                    // NaN throughout where the maximum is.
                    let nan = max[lane].is_nan();
                    values[lane] = if nan { max[lane] } else { mark };
                }
            }
            transposer.transpose_back(out, n);
        }
    }
}
