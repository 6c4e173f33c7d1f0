//! One-hots: of the first maximum, and of every maximum. A NaN is larger than any number.

use std::mem::MaybeUninit;

use multiversion::multiversion;

use super::{
    Accumulator, Element, Lines,
    columns::WIDTH,
    narrow_columns,
    parallel::{TASK, filled, share, zeroed},
    partial::LANES,
    peak::nan_or_peak_of,
    short_rows::{Space, nan_or_peak_turned},
};

/// Exactly 1 at the first NaN, else at the first maximum, as `argmax` on the CPU backends; else 0.
pub(crate) fn one_hot<T: Element>(values: &[T], lines: Lines) -> Vec<T> {
    let Lines { n, inner, .. } = lines;
    if lines.are_narrow() {
        let rows = one_hot(&narrow_columns::rows(values, lines), lines.as_rows());
        return narrow_columns::columns(&rows, lines);
    }
    if inner > 1 {
        let Peaks { indices, .. } = column_peaks(values, lines);
        return map_columns(values, lines, |out, _, outer, index| {
            let indices = &indices[outer * inner..][..inner];
            mark_index(out, indices, index as i32);
        });
    }
    let rows = TASK.div_ceil(n) * n;
    let mut out = zeroed(values.len(), n);
    let tasks = out.chunks_mut(rows).zip(values.chunks(rows));
    share(tasks, values.len(), |(out, values)| {
        if n < LANES {
            return mark_first_short(out, values, n);
        }
        for (out, values) in out.chunks_exact_mut(n).zip(values.chunks_exact(n)) {
            out[row_peak(values).1] = T::ONE;
        }
    });
    out
}

/// 1 at every maximum, else 0; NaN throughout a line that has one.
pub(crate) fn sign_one_hot<T: Element>(values: &[T], lines: Lines) -> Vec<T> {
    let Lines { n, inner, .. } = lines;
    if lines.are_narrow() {
        let rows = sign_one_hot(&narrow_columns::rows(values, lines), lines.as_rows());
        return narrow_columns::columns(&rows, lines);
    }
    if inner > 1 {
        let Peaks { maxima, .. } = column_peaks(values, lines);
        return map_columns(values, lines, |out, values, outer, _| {
            mark_equals(out, values, &maxima[outer * inner..][..inner]);
        });
    }
    let rows = TASK.div_ceil(n) * n;
    filled(values.len(), |out| {
        let tasks = out.chunks_mut(rows).zip(values.chunks(rows));
        share(tasks, values.len(), |(out, values)| {
            if n < LANES {
                return mark_maxima_short(out, values, n);
            }
            for (out, values) in out.chunks_exact_mut(n).zip(values.chunks_exact(n)) {
                mark_maxima(out, values, row_peak(values).0);
            }
        });
    })
}

#[inline(always)]
fn mark_at<T: Element>(value: T, peak: T::Accumulator) -> MaybeUninit<T> {
    MaybeUninit::new(if peak.is_nan() {
        T::round(f64::NAN)
    } else if value.widen() == peak {
        T::ONE
    } else {
        T::ZERO
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn mark_maxima<T: Element>(out: &mut [MaybeUninit<T>], values: &[T], peak: T::Accumulator) {
    for (out, &value) in out.iter_mut().zip(values) {
        *out = mark_at(value, peak);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn mark_equals<T: Element>(out: &mut [MaybeUninit<T>], values: &[T], peaks: &[T::Accumulator]) {
    for ((out, &value), &peak) in out.iter_mut().zip(values).zip(peaks) {
        *out = mark_at(value, peak);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn mark_index<T: Element>(out: &mut [MaybeUninit<T>], indices: &[i32], index: i32) {
    for (out, &other) in out.iter_mut().zip(indices) {
        out.write(if other == index { T::ONE } else { T::ZERO });
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn mark_first_short<T: Element>(out: &mut [T], values: &[T], n: usize) {
    let mut space = Space::new();
    for (out, values) in out.chunks_mut(LANES * n).zip(values.chunks(LANES * n)) {
        let (_, first) = nan_or_peak_turned(space.turn(values, n));
        for (out, first) in out.chunks_exact_mut(n).zip(first) {
            out[first as usize] = T::ONE;
        }
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn mark_maxima_short<T: Element>(out: &mut [MaybeUninit<T>], values: &[T], n: usize) {
    let mut space = Space::<T>::new();
    for (out, values) in out.chunks_mut(LANES * n).zip(values.chunks(LANES * n)) {
        let turned = space.turn(values, n);
        let (peak, _) = nan_or_peak_turned(turned);
        for values in turned {
            for lane in 0..LANES {
                let hit = values[lane] == peak[lane];
                let mark = if hit { T::ONE } else { T::ZERO }.widen();
                // NaN throughout where the peak is.
                let nan = peak[lane].is_nan();
                values[lane] = if nan { peak[lane] } else { mark };
            }
        }
        space.turn_back(out, n);
    }
}

/// The peak of a row and its index.
fn row_peak<T: Element>(values: &[T]) -> (T::Accumulator, usize) {
    /// Elements whose places are exact in every accumulator.
    const BLOCK: usize = 1 << 16;

    let mut blocks = values.chunks(BLOCK).map(block_peak).enumerate();
    let (_, first) = blocks.next().expect("a line has elements");
    blocks.fold(first, |(max, at), (block, (value, index))| {
        if exceeds(value, max) {
            (value, block * BLOCK + index)
        } else {
            (max, at)
        }
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn block_peak<T: Element>(block: &[T]) -> (T::Accumulator, usize) {
    nan_or_peak_of(block)
}

/// Whether a value is larger than the largest so far.
#[inline(always)]
fn exceeds<A: Accumulator>(value: A, max: A) -> bool {
    value > max || (value.is_nan() && !max.is_nan())
}

/// The peak of every interleaved line, in the order of the reduced tensor.
struct Peaks<A> {
    maxima: Vec<A>,
    indices: Vec<i32>,
}

fn column_peaks<T: Element>(values: &[T], lines: Lines) -> Peaks<T::Accumulator> {
    let Lines { n, inner, .. } = lines;
    let mut maxima = vec![T::Accumulator::NEG_INFINITY; lines.count()];
    let mut indices = vec![0; lines.count()];
    let tasks = maxima
        .chunks_mut(inner)
        .zip(indices.chunks_mut(inner))
        .zip(values.chunks_exact(n * inner))
        .flat_map(|((maxima, indices), values)| {
            maxima
                .chunks_mut(WIDTH)
                .zip(indices.chunks_mut(WIDTH))
                .enumerate()
                .map(move |(tile, peaks)| (tile * WIDTH, peaks, values))
        });
    share(tasks, values.len(), |(first, (maxima, indices), values)| {
        for (index, row) in values.chunks_exact(inner).enumerate() {
            raise(maxima, indices, &row[first..], index as i32);
        }
    });
    Peaks { maxima, indices }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn raise<T: Element>(maxima: &mut [T::Accumulator], indices: &mut [i32], row: &[T], index: i32) {
    for ((max, at), value) in maxima.iter_mut().zip(indices).zip(row) {
        let value = value.widen();
        let larger = exceeds(value, *max);
        *max = if larger { value } else { *max };
        *at = if larger { index } else { *at };
    }
}

/// A tensor of the input's shape, filled one index of every line of one `outer` at a time.
fn map_columns<T: Element>(
    values: &[T],
    lines: Lines,
    fill: impl Fn(&mut [MaybeUninit<T>], &[T], usize, usize) + Sync,
) -> Vec<T> {
    let Lines { n, inner, .. } = lines;
    let rows = TASK.div_ceil(inner);
    filled(values.len(), |out| {
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
    })
}
