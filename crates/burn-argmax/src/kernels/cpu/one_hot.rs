//! One-hots: of the first maximum, and of every maximum.

use std::mem::MaybeUninit;

use multiversion::multiversion;
use rayon::prelude::*;

use super::{
    Accumulator, Element, Lines, columns,
    parallel::{PARALLEL, TASK, filled},
    rows::{first_of, fold},
};

/// Exactly 1 at the first NaN, else at the first maximum, as `argmax` on the CPU backends; else 0.
pub(crate) fn one_hot<T: Element>(values: &[T], lines: Lines) -> Vec<T> {
    if lines.inner > 1 {
        let peaks = column_peaks(values, lines);
        return columns::map(values, lines, |out, _, outer, index| {
            let peaks = &peaks[outer * lines.inner..(outer + 1) * lines.inner];
            for (out, peak) in out.iter_mut().zip(peaks) {
                let hit = peak.index == index as i32;
                out.write(if hit { T::ONE } else { T::ZERO });
            }
        });
    }
    map_rows(values, lines, |out, values| {
        let peak = row_peak(values).index;
        out.fill(MaybeUninit::new(T::ZERO));
        out[peak as usize].write(T::ONE);
    })
}

/// 1 at every maximum, else 0; NaN throughout a line that has one.
pub(crate) fn sign_one_hot<T: Element>(values: &[T], lines: Lines) -> Vec<T> {
    if lines.inner > 1 {
        let peaks = column_peaks(values, lines);
        return columns::map(values, lines, |out, values, outer, _| {
            let peaks = &peaks[outer * lines.inner..(outer + 1) * lines.inner];
            for ((out, &value), &peak) in out.iter_mut().zip(values).zip(peaks) {
                out.write(mark(value, peak));
            }
        });
    }
    map_rows(values, lines, |out, values| {
        let peak = row_peak(values);
        for (out, &value) in out.iter_mut().zip(values) {
            out.write(mark(value, peak));
        }
    })
}

#[inline(always)]
fn mark<T: Element>(value: T, peak: Peak<T::Accumulator>) -> T {
    if peak.value.is_nan() {
        T::round(f64::NAN)
    } else if value.widen() == peak.value {
        T::ONE
    } else {
        T::ZERO
    }
}

/// The first maximum, or the first NaN.
#[derive(Clone, Copy)]
struct Peak<A> {
    value: A,
    index: i32,
}

fn map_rows<T: Element>(
    values: &[T],
    lines: Lines,
    fill: impl Fn(&mut [MaybeUninit<T>], &[T]) + Sync,
) -> Vec<T> {
    filled(values.len(), |out| {
        if values.len() < PARALLEL {
            out.chunks_exact_mut(lines.n)
                .zip(values.chunks_exact(lines.n))
                .for_each(|(out, values)| fill(out, values));
        } else {
            out.par_chunks_exact_mut(lines.n)
                .zip(values.par_chunks_exact(lines.n))
                .with_min_len(TASK.div_ceil(lines.n))
                .for_each(|(out, values)| fill(out, values));
        }
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn row_peak<T: Element>(values: &[T]) -> Peak<T::Accumulator> {
    const LANES: usize = 32;
    let mut max = [T::Accumulator::NEG_INFINITY; LANES];
    let mut nan = [false; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane].widen();
            max[lane] = if value > max[lane] { value } else { max[lane] };
            nan[lane] |= value.is_nan();
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        let value = value.widen();
        max[lane] = if value > max[lane] { value } else { max[lane] };
        nan[lane] |= value.is_nan();
    }

    let (value, index) = if fold(nan, |a, b| a | b) {
        let first = values.iter().position(|value| value.widen().is_nan());
        (T::Accumulator::NAN, first.unwrap_or(0))
    } else {
        let value = fold(max, |a, b| if b > a { b } else { a });
        (value, first_of(values, value))
    };
    Peak {
        value,
        index: index as i32,
    }
}

fn column_peaks<T: Element>(values: &[T], lines: Lines) -> Vec<Peak<T::Accumulator>> {
    let start = Peak {
        value: T::Accumulator::NEG_INFINITY,
        index: 0,
    };
    let mut peaks = vec![start; lines.count()];
    let block = lines.n * lines.inner;
    let fill = |(peaks, values): (&mut [Peak<T::Accumulator>], &[T])| {
        for (index, row) in values.chunks_exact(lines.inner).enumerate() {
            raise(peaks, row, index as i32);
        }
    };
    if values.len() < PARALLEL {
        peaks
            .chunks_exact_mut(lines.inner)
            .zip(values.chunks_exact(block))
            .for_each(fill);
    } else {
        peaks
            .par_chunks_exact_mut(lines.inner)
            .zip(values.par_chunks_exact(block))
            .for_each(fill);
    }
    peaks
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn raise<T: Element>(peaks: &mut [Peak<T::Accumulator>], row: &[T], index: i32) {
    for (peak, value) in peaks.iter_mut().zip(row) {
        let value = value.widen();
        if value > peak.value || (value.is_nan() && !peak.value.is_nan()) {
            *peak = Peak { value, index };
        }
    }
}
