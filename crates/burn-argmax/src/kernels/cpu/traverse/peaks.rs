//! The peak of every line: its first NaN, else its first maximum, and the index of that.

use std::borrow::Cow;

use super::{
    block::nan_or_peak_of,
    pieces::{pieces, reduce_pieces},
    transposed_rows::{Transposer, nan_or_peak_transposed},
};
use crate::kernels::cpu::{
    Accumulator, Element, Lines,
    plan::{LANES, PEAK_ROWS_AHEAD, Path, TILE},
    share::share,
    simd::{prefetch, vectorized},
};

/// What is compared, for each value of a tensor.
pub(crate) trait Scores<T: Element>: Copy + Sync {
    /// Of values that begin at a place in the memory of the tensor: where lines are rows, those of whole rows or of a
    /// piece of one.
    fn read(self, values: &[T], place: usize) -> Cow<'_, [T]>;
}

/// The values.
#[derive(Clone, Copy)]
pub(crate) struct AsTheyAre;

impl<T: Element> Scores<T> for AsTheyAre {
    #[inline(always)]
    fn read(self, values: &[T], _place: usize) -> Cow<'_, [T]> {
        Cow::Borrowed(values)
    }
}

vectorized! {
    /// Of one row, which is no longer than a piece.
    pub(crate) fn row_peak<T: Element>(row: &[T]) -> (T::Accumulator, usize) {
        nan_or_peak_of(row)
    }
}

vectorized! {
    /// Of rows shorter than a vector, and of anything after the last.
    pub(crate) fn short_row_indices<T: Element>(rows: &[T], n: usize) -> Vec<[i32; LANES]> {
        let mut transposer = Transposer::new();
        let groups = rows.chunks(LANES * n);
        groups
            .map(|rows| nan_or_peak_transposed(transposer.transpose(rows, n)).1)
            .collect()
    }
}

/// Of lines that are worked on in pieces.
pub(crate) fn long_peaks<T: Element, S: Scores<T>>(
    values: &[T],
    lines: Lines,
    scores: S,
) -> Vec<(T::Accumulator, usize)> {
    let pieces = pieces(values, lines).scan(0, |place, piece| {
        let start = *place;
        *place += piece.len();
        Some((start, piece))
    });
    reduce_pieces(
        lines,
        pieces,
        (T::Accumulator::NEG_INFINITY, 0),
        |(place, piece), start, peaks| {
            let read = scores.read(piece, place);
            let rows = lines.rows(&read);
            let rows = rows.chunks_exact(lines.height(piece.len()));
            for (peak, row) in peaks.iter_mut().zip(rows) {
                let (value, index) = row_peak(row);
                *peak = (value, start + index);
            }
        },
        |peak, later| {
            if exceeds(later.0, peak.0) {
                later
            } else {
                peak
            }
        },
    )
}

/// The index of the peak of every line.
pub(crate) fn peak_indices<T: Element, S: Scores<T>>(
    values: &[T],
    lines: Lines,
    scores: S,
) -> Vec<usize> {
    let n = lines.n;
    match lines.path() {
        Path::Columns | Path::ColumnPieces => {
            let indices = ColumnPeaks::new(values, lines, scores).indices.into_iter();
            indices.map(|index| index as usize).collect()
        }
        Path::RowPieces => {
            let peaks = long_peaks(values, lines, scores).into_iter();
            peaks.map(|(_, index)| index).collect()
        }
        Path::Rows => {
            let mut indices = vec![0; lines.count()];
            let rows = lines.in_a_task();
            let tasks = indices.chunks_mut(rows).zip(values.chunks(rows * n));
            let tasks = tasks.enumerate();
            share(tasks, values.len(), |(task, (indices, values))| {
                let read = scores.read(values, task * rows * n);
                let rows = lines.rows(&read);
                if n < LANES {
                    let peaks = short_row_indices(&rows, n);
                    for (index, peak) in indices.iter_mut().zip(peaks.as_flattened()) {
                        *index = *peak as usize;
                    }
                } else {
                    for (index, row) in indices.iter_mut().zip(rows.chunks_exact(n)) {
                        (_, *index) = row_peak(row);
                    }
                }
            });
            indices
        }
    }
}

/// Whether a value is larger than the largest so far.
#[inline(always)]
fn exceeds<A: Accumulator>(value: A, max: A) -> bool {
    value > max || (value.is_nan() && !max.is_nan())
}

/// Of interleaved lines, in the order of the reduced tensor.
pub(crate) struct ColumnPeaks<A> {
    pub maxima: Vec<A>,
    pub indices: Vec<i32>,
}

impl<A: Accumulator> ColumnPeaks<A> {
    pub fn new<T, S>(values: &[T], lines: Lines, scores: S) -> Self
    where
        T: Element<Accumulator = A>,
        S: Scores<T>,
    {
        let inner = lines.inner;
        let mut maxima = vec![A::NEG_INFINITY; lines.count()];
        let mut indices = vec![0; lines.count()];
        let tasks = maxima
            .chunks_mut(inner)
            .zip(indices.chunks_mut(inner))
            .zip(values.chunks_exact(lines.table()))
            .enumerate()
            .flat_map(|(table, ((maxima, indices), values))| {
                maxima
                    .chunks_mut(TILE)
                    .zip(indices.chunks_mut(TILE))
                    .enumerate()
                    .map(move |(tile, peaks)| (table * lines.table(), tile * TILE, peaks, values))
            });
        share(
            tasks,
            values.len(),
            |(table, first, (maxima, indices), values)| {
                for (index, row) in values.chunks_exact(inner).enumerate() {
                    let place = table + index * inner + first;
                    let row = scores.read(&row[first..][..maxima.len()], place);
                    raise(maxima, indices, &row, inner, index as i32);
                }
            },
        );
        Self { maxima, indices }
    }
}

vectorized! {
    /// `row` begins with an element of each line, and the next of the first lies `apart` elements on.
    fn raise<T: Element>(
        maxima: &mut [T::Accumulator],
        indices: &mut [i32],
        row: &[T],
        apart: usize,
        index: i32,
    ) {
        prefetch(&row[..maxima.len()], PEAK_ROWS_AHEAD * apart * size_of::<T>());
        for ((max, at), value) in maxima.iter_mut().zip(indices).zip(row) {
            let value = value.widen();
            let larger = exceeds(value, *max);
            *max = if larger { value } else { *max };
            *at = if larger { index } else { *at };
        }
    }
}
