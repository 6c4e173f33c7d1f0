//! Transposes of four elements of eight lines each: as many as fit the registers of every processor.

use super::plan::LANES;

/// Elements of a line that are moved together.
pub(crate) const QUAD: usize = 4;

/// Lines that are moved together.
pub(crate) const HALF: usize = LANES / 2;

/// Quads of lines, one line after the other.
pub(crate) type Along<T> = [[T; QUAD]; HALF];

/// The same, lanes across the lines.
pub(crate) type Across<T> = [[T; HALF]; QUAD];

#[inline(always)]
pub(super) fn across<T: Copy>(lines: Along<T>) -> Across<T> {
    let mut columns = [[lines[0][0]; HALF]; QUAD];
    // Four by four: what is larger, the compiler moves one element at a time.
    for (group, lines) in lines.as_chunks().0.iter().enumerate() {
        for (column, quad) in columns.iter_mut().zip(square(*lines)) {
            column[group * QUAD..][..QUAD].copy_from_slice(&quad);
        }
    }
    columns
}

#[inline(always)]
pub(super) fn along<T: Copy>(columns: Across<T>) -> Along<T> {
    let mut lines = [[columns[0][0]; QUAD]; HALF];
    for (group, lines) in lines.as_chunks_mut().0.iter_mut().enumerate() {
        let mut quads = *lines;
        for (quad, column) in quads.iter_mut().zip(&columns) {
            quad.copy_from_slice(&column[group * QUAD..][..QUAD]);
        }
        *lines = square(quads);
    }
    lines
}

#[inline(always)]
fn square<T: Copy>(rows: [[T; QUAD]; QUAD]) -> [[T; QUAD]; QUAD] {
    let mut columns = rows;
    for row in 0..QUAD {
        for column in 0..QUAD {
            columns[column][row] = rows[row][column];
        }
    }
    columns
}

/// [`across`] of single precision, which takes half as long in the instructions that are made for it.
#[inline(always)]
pub(super) fn across_single(lines: Along<f32>) -> Across<f32> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX.
        return unsafe { avx::across(lines) };
    }
    across(lines)
}

/// [`along`] of single precision, likewise.
#[inline(always)]
pub(super) fn along_single(columns: Across<f32>) -> Along<f32> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        // SAFETY: the processor has AVX.
        return unsafe { avx::along(columns) };
    }
    along(columns)
}

#[cfg(target_arch = "x86_64")]
mod avx {
    use std::{arch::x86_64::*, mem::transmute};

    use super::{Across, Along, QUAD};

    #[target_feature(enable = "avx")]
    #[inline]
    pub fn across(lines: Along<f32>) -> Across<f32> {
        let quad = |line: usize| {
            let [a, b, c, d] = lines[line];
            _mm_setr_ps(a, b, c, d)
        };
        // Of a line in the lower half of a register, and of the fourth after it in the upper.
        let pair = |line| _mm256_set_m128(quad(line + QUAD), quad(line));
        let columns = squares([pair(0), pair(1), pair(2), pair(3)]);
        // SAFETY: a register is as many floats, and any bits are one.
        unsafe { transmute::<[__m256; QUAD], Across<f32>>(columns) }
    }

    #[target_feature(enable = "avx")]
    #[inline]
    pub fn along(columns: Across<f32>) -> Along<f32> {
        // SAFETY: a register is as many floats.
        let columns = unsafe { transmute::<Across<f32>, [__m256; QUAD]>(columns) };
        let [a, b, c, d] = squares(columns);
        let low = |pair| _mm256_castps256_ps128(pair);
        let high = |pair| _mm256_extractf128_ps::<1>(pair);
        let quads = [
            low(a),
            low(b),
            low(c),
            low(d),
            high(a),
            high(b),
            high(c),
            high(d),
        ];
        // SAFETY: a register is as many floats, and any bits are one.
        unsafe { transmute::<[__m128; 2 * QUAD], Along<f32>>(quads) }
    }

    /// The transpose of the lower halves, and that of the upper ones.
    #[target_feature(enable = "avx")]
    #[inline]
    fn squares([a, b, c, d]: [__m256; QUAD]) -> [__m256; QUAD] {
        let (low, low_later) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
        let (high, high_later) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0b01_00_01_00>(low, low_later),
            _mm256_shuffle_ps::<0b11_10_11_10>(low, low_later),
            _mm256_shuffle_ps::<0b01_00_01_00>(high, high_later),
            _mm256_shuffle_ps::<0b11_10_11_10>(high, high_later),
        ]
    }
}
