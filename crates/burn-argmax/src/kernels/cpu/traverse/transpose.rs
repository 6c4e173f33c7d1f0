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
    if lines.len() < LANES * n || n < QUAD {
        for (lane, line) in lines.chunks_exact(n).enumerate() {
            for (column, value) in columns.chunks_mut(stride).zip(line) {
                column[lane].put(convert(*value));
            }
        }
        return;
    }
    assert!(
        columns.len() >= (n - 1) * stride + LANES,
        "argmax kernel: columns are too short"
    );
    for first in quads(n) {
        for lane in [0, HALF] {
            let mut quads: Along<U> = [[U::ZERO; QUAD]; HALF];
            for (line, converted) in quads.iter_mut().enumerate() {
                let start = (lane + line) * n + first;
                // SAFETY: there are `LANES` lines of `n` elements, of which these are no more than the last `QUAD`.
                let quad = unsafe { lines.get_unchecked(start..start + QUAD) };
                for place in 0..QUAD {
                    converted[place] = convert(quad[place]);
                }
            }
            for (place, values) in U::across(quads).into_iter().enumerate() {
                let start = (first + place) * stride + lane;
                // SAFETY: `first + place` is no more than `n - 1`, and the last column is as long.
                S::put_all(
                    unsafe { columns.get_unchecked_mut(start..start + HALF) },
                    &values,
                );
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
    if lines.len() < LANES * n || n < QUAD {
        for (lane, line) in lines.chunks_exact_mut(n).enumerate() {
            for (column, slot) in columns.chunks(stride).zip(line) {
                slot.put(convert(column[lane]));
            }
        }
        return;
    }
    assert!(
        columns.len() >= (n - 1) * stride + LANES,
        "argmax kernel: columns are too short"
    );
    for first in quads(n) {
        for lane in [0, HALF] {
            let mut across: Across<U> = [[U::ZERO; HALF]; QUAD];
            for (place, values) in across.iter_mut().enumerate() {
                let start = (first + place) * stride + lane;
                // SAFETY: `first + place` is no more than `n - 1`, and the last column is as long.
                values.copy_from_slice(unsafe { columns.get_unchecked(start..start + HALF) });
            }
            for (line, values) in U::along(across).into_iter().enumerate() {
                let mut quad = [T::ZERO; QUAD];
                for place in 0..QUAD {
                    quad[place] = convert(values[place]);
                }
                let start = (lane + line) * n + first;
                // SAFETY: there are `LANES` lines of `n` elements, of which these are no more than the last `QUAD`.
                S::put_all(
                    unsafe { lines.get_unchecked_mut(start..start + QUAD) },
                    &quad,
                );
            }
        }
    }
}

/// Where the quads of a line begin. The last reaches back over the one before.
#[inline(always)]
fn quads(n: usize) -> impl Iterator<Item = usize> {
    (0..n.div_ceil(QUAD)).map(move |quad| (quad * QUAD).min(n - QUAD))
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
                    // All are exact in the shortest format.
                    let value =
                        |lane: usize, place: usize| T::round((lane * 16 + place % 16) as f64);
                    let lines: Vec<_> = (0..count * n).map(|at| value(at / n, at % n)).collect();
                    let mut columns = vec![T::ZERO; n * stride];
                    to_columns(&lines, n, &mut columns, stride, |value| value);
                    for lane in 0..count {
                        for place in 0..n {
                            assert_eq!(columns[place * stride + lane], value(lane, place));
                        }
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

    /// Where the processor has no AVX, nothing else runs what every other number type takes.
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
