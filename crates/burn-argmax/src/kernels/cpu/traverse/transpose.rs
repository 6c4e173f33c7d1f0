//! Transposes between lines one after the other and lines side by side, sixteen lines at a time.

use super::Slot;
use crate::kernels::cpu::{
    Element,
    plan::LANES,
    quads::{Across, Along, HALF, QUAD},
};

/// Lays lines of `n` elements, no more than [`LANES`] of them, side by side. What is in the next place of the
/// lines comes `stride` later.
#[inline(always)]
pub(super) fn to_columns<T, U, S>(
    lines: &[T],
    n: usize,
    columns: &mut [S],
    stride: usize,
    convert: impl Fn(T) -> U,
) where
    T: Element,
    U: Element,
    S: Slot<U>,
{
    if lines.len() / LANES < n {
        let count = lines.len() / n;
        for place in 0..n {
            let column = &mut columns[place * stride..][..count];
            for (lane, slot) in column.iter_mut().enumerate() {
                slot.put(convert(lines[lane * n + place]));
            }
        }
        return;
    }
    match n {
        1 => return few_to_columns::<T, U, S, 1>(lines, columns, stride, convert),
        2 => return few_to_columns::<T, U, S, 2>(lines, columns, stride, convert),
        3 => return few_to_columns::<T, U, S, 3>(lines, columns, stride, convert),
        _ => check_columns(columns.len(), n, stride),
    }
    for first in starts(n) {
        for first_lane in [0, HALF] {
            let mut quads: Along<U> = [[U::ZERO; QUAD]; HALF];
            for (line, converted) in quads.iter_mut().enumerate() {
                let start = (first_lane + line) * n + first;
                // SAFETY: there are `LANES` lines of `n` elements, of which these are no more than the last `QUAD`.
                let quad = unsafe { lines.get_unchecked(start..start + QUAD) };
                for place in 0..QUAD {
                    converted[place] = convert(quad[place]);
                }
            }
            for (place, values) in U::across(quads).into_iter().enumerate() {
                let start = (first + place) * stride + first_lane;
                // SAFETY: `first + place` is no more than `n - 1`, and the last column is as long.
                let column = unsafe { columns.get_unchecked_mut(start..start + HALF) };
                S::put_all(column, &values);
            }
        }
    }
}

/// The inverse of [`to_columns`].
#[inline(always)]
pub(super) fn to_lines<T, U, S>(
    columns: &[U],
    stride: usize,
    lines: &mut [S],
    n: usize,
    convert: impl Fn(U) -> T,
) where
    T: Element,
    U: Element,
    S: Slot<T>,
{
    if lines.len() / LANES < n {
        for (lane, line) in lines.chunks_exact_mut(n).enumerate() {
            for (place, slot) in line.iter_mut().enumerate() {
                slot.put(convert(columns[place * stride + lane]));
            }
        }
        return;
    }
    match n {
        1 => return few_to_lines::<T, U, S, 1>(columns, stride, lines, convert),
        2 => return few_to_lines::<T, U, S, 2>(columns, stride, lines, convert),
        3 => return few_to_lines::<T, U, S, 3>(columns, stride, lines, convert),
        _ => check_columns(columns.len(), n, stride),
    }
    for first in starts(n) {
        for first_lane in [0, HALF] {
            let mut across: Across<U> = [[U::ZERO; HALF]; QUAD];
            for (place, values) in across.iter_mut().enumerate() {
                let start = (first + place) * stride + first_lane;
                // SAFETY: `first + place` is no more than `n - 1`, and the last column is as long.
                values.copy_from_slice(unsafe { columns.get_unchecked(start..start + HALF) });
            }
            for (line, values) in U::along(across).into_iter().enumerate() {
                let mut quad = [T::ZERO; QUAD];
                for place in 0..QUAD {
                    quad[place] = convert(values[place]);
                }
                let start = (first_lane + line) * n + first;
                // SAFETY: there are `LANES` lines of `n` elements, of which these are no more than the last `QUAD`.
                let line = unsafe { lines.get_unchecked_mut(start..start + QUAD) };
                S::put_all(line, &quad);
            }
        }
    }
}

/// Makes sure that there are `n` columns, `stride` apart: what is not checked again rests on it.
#[inline(always)]
fn check_columns(length: usize, n: usize, stride: usize) {
    let last = (n - 1).checked_mul(stride);
    assert!(
        last.is_some_and(|last| last <= length && length - last >= LANES),
        "argmax kernel: columns are too short"
    );
}

/// Where the quads of a line begin. The last reaches back over the one before.
#[inline(always)]
fn starts(n: usize) -> impl Iterator<Item = usize> {
    (0..n.div_ceil(QUAD)).map(move |quad| (quad * QUAD).min(n - QUAD))
}

/// [`to_columns`] of [`LANES`] lines shorter than a quad.
#[inline(always)]
fn few_to_columns<T, U, S, const N: usize>(
    lines: &[T],
    columns: &mut [S],
    stride: usize,
    convert: impl Fn(T) -> U,
) where
    T: Element,
    U: Element,
    S: Slot<U>,
{
    let lines = &lines.as_chunks::<N>().0[..LANES];
    for place in 0..N {
        let mut column = [U::ZERO; LANES];
        for lane in 0..LANES {
            column[lane] = convert(lines[lane][place]);
        }
        S::put_all(&mut columns[place * stride..][..LANES], &column);
    }
}

/// The inverse of [`few_to_columns`].
#[inline(always)]
fn few_to_lines<T, U, S, const N: usize>(
    columns: &[U],
    stride: usize,
    lines: &mut [S],
    convert: impl Fn(U) -> T,
) where
    T: Element,
    U: Element,
    S: Slot<T>,
{
    let mut mapped = [[T::ZERO; N]; LANES];
    for place in 0..N {
        let column = &columns[place * stride..][..LANES];
        for lane in 0..LANES {
            mapped[lane][place] = convert(column[lane]);
        }
    }
    S::put_all(&mut lines[..LANES * N], mapped.as_flattened());
}

#[cfg(test)]
mod tests {
    use half::{bf16, f16};

    use super::*;
    use crate::kernels::cpu::plan::SHORT;

    /// Lines of every length that are moved, whole groups and part of one, beside each other and farther apart.
    fn places_are_exchanged<T: Element + std::fmt::Debug>() {
        for n in 1..SHORT {
            for count in [1, LANES - 1, LANES] {
                for stride in [LANES, LANES + 3] {
                    // All differ, and are exact in the shortest format.
                    let value = |lane: usize, place: usize| {
                        T::round((2 * lane + 1) as f64 * 2.0_f64.powi(place as i32 - 24))
                    };
                    let lines: Vec<_> = (0..count * n).map(|at| value(at / n, at % n)).collect();
                    let mut columns = vec![T::ZERO; n * stride];
                    to_columns(&lines, n, &mut columns, stride, |value| value);
                    for lane in 0..count {
                        for place in 0..n {
                            assert_eq!(columns[place * stride + lane], value(lane, place));
                        }
                    }
                    for column in columns.chunks(stride) {
                        assert!(column[count..].iter().all(|rest| *rest == T::ZERO));
                    }
                    let mut back = vec![T::ZERO; count * n];
                    to_lines(&columns, stride, &mut back, n, |value| value);
                    assert_eq!(back, lines, "{count} lines of {n}, {stride} apart");
                }
            }
        }
    }

    #[test]
    fn places_are_exchanged_in_every_dtype() {
        places_are_exchanged::<f32>();
        places_are_exchanged::<f64>();
        places_are_exchanged::<f16>();
        places_are_exchanged::<bf16>();
    }

    #[test]
    fn values_are_converted() {
        let lines: Vec<_> = (0..LANES * 5).map(|at| f16::from_f64(at as f64)).collect();
        let mut columns = [[0.0_f32; LANES]; 5];
        to_columns(&lines, 5, columns.as_flattened_mut(), LANES, f16::widen);
        assert_eq!(columns[3][7], 7.0 * 5.0 + 3.0);
        let mut back = vec![f16::ZERO; LANES * 5];
        to_lines(columns.as_flattened(), LANES, &mut back, 5, f16::narrow);
        assert_eq!(back, lines);
    }

    /// Where the processor has AVX, single precision is moved by instructions of its own.
    #[test]
    fn single_precision_is_moved_as_any_other() {
        let mut lines: Along<f32> = [[0.0; QUAD]; HALF];
        for (at, value) in lines.as_flattened_mut().iter_mut().enumerate() {
            *value = at as f32;
        }
        let columns = crate::kernels::cpu::quads::across(lines);
        assert_eq!(columns, f32::across(lines));
        assert_eq!(crate::kernels::cpu::quads::along(columns), lines);
        assert_eq!(f32::along(columns), lines);
    }
}
