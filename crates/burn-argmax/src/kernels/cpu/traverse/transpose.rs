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
            for line in 0..HALF {
                let start = (lane + line) * n + first;
                // SAFETY: there are `LANES` lines of `n` elements, of which these are no more than the last `QUAD`.
                let quad = unsafe { lines.get_unchecked(start..start + QUAD) };
                for place in 0..QUAD {
                    quads[line][place] = convert(quad[place]);
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
            for place in 0..QUAD {
                let start = (first + place) * stride + lane;
                // SAFETY: `first + place` is no more than `n - 1`, and the last column is as long.
                across[place]
                    .copy_from_slice(unsafe { columns.get_unchecked(start..start + HALF) });
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
