//! The peaks of scores with Gumbel noise: draws from the softmax.
//!
//! Where rows are contiguous, the logarithms of the noise are computed for few scores: the largest so far bounds
//! what a random word has to be for its score to exceed it.

use std::{borrow::Cow, hint::black_box};

use multiversion::target::target_cfg_f;

use super::gumbel::{add_noise, gumbel};
use crate::{
    kernels::cpu::{
        Accumulator, Lines,
        plan::LANES,
        simd::{filled_up, fold, larger, raise, specialized, vectorized},
        traverse::{AsTheyAre, Scores, peak_indices},
    },
    philox::Philox,
};

/// The index of the first maximum of every line of scores with their noise.
pub(crate) fn sampled_peaks<A: Accumulator>(
    values: &[A],
    lines: Lines,
    words: Philox,
) -> Vec<usize> {
    let Lines { n, inner, .. } = lines;
    let in_rows = inner == 1 && n >= LANES;
    if in_rows && n <= lines.piece() {
        return peak_indices(
            values,
            lines,
            Contenders {
                n,
                words,
                maxima: None,
            },
        );
    }
    let peaks = peak_indices(values, lines, AsTheyAre)
        .into_iter()
        .enumerate();
    let maxima = peaks.map(|(line, index)| {
        finite(values[line / inner * lines.table() + index * inner + line % inner])
    });
    let maxima = &maxima.collect::<Vec<_>>();
    if in_rows {
        let maxima = Some(&maxima[..]);
        return peak_indices(values, lines, Contenders { n, words, maxima });
    }
    peak_indices(
        values,
        lines,
        Noisy {
            lines,
            maxima,
            words,
        },
    )
}

/// A maximum, or 0 if it is not finite.
fn finite<A: Accumulator>(max: A) -> A {
    if max.sub(max) == A::ZERO {
        max
    } else {
        A::ZERO
    }
}

/// Scores less the maximum of their line, and the noise of their places: noise that is added to large scores
/// would be rounded away.
#[derive(Clone, Copy)]
struct Noisy<'a, A> {
    lines: Lines,
    /// 0 where it is not finite.
    maxima: &'a [A],
    words: Philox,
}

impl<A: Accumulator> Scores<A> for Noisy<'_, A> {
    fn read(self, values: &[A], place: usize) -> Cow<'_, [A]> {
        let mut noisy = values.to_vec();
        less_maxima(&mut noisy, place, self.lines, self.maxima);
        add_noise(&mut noisy, place, self.words);
        Cow::Owned(noisy)
    }
}

/// Takes the maximum of its line off each of the values that begin at a place of a tensor.
fn less_maxima<A: Accumulator>(values: &mut [A], place: usize, lines: Lines, maxima: &[A]) {
    let Lines { n, inner, .. } = lines;
    let (mut place, mut values) = (place, values);
    while !values.is_empty() {
        // Up to the end of a row, or of a row of columns.
        let left = if inner == 1 {
            n - place % n
        } else {
            inner - place % inner
        };
        let (part, rest) = values.split_at_mut(left.min(values.len()));
        if inner == 1 {
            let max = maxima[place / n];
            part.iter_mut().for_each(|value| *value = value.sub(max));
        } else {
            let column = place / lines.table() * inner + place % inner;
            for (value, max) in part.iter_mut().zip(&maxima[column..]) {
                *value = value.sub(*max);
            }
        }
        place += part.len();
        values = rest;
    }
}

/// The same of rows or of pieces of them, but for scores that are no peak whatever their noise: they are masked.
#[derive(Clone, Copy)]
struct Contenders<'a, A> {
    n: usize,
    words: Philox,
    /// Of rows that are read in pieces.
    maxima: Option<&'a [A]>,
}

impl<A: Accumulator> Scores<A> for Contenders<'_, A> {
    fn read(self, values: &[A], place: usize) -> Cow<'_, [A]> {
        let mut noisy = values.to_vec();
        let words = words_from(self.words, place, values.len());
        let rows = noisy.chunks_mut(self.n).zip(words.chunks(self.n));
        for (row, (scores, words)) in rows.enumerate() {
            let max = match self.maxima {
                Some(maxima) => maxima[place / self.n + row],
                None => finite(max_of(scores)),
            };
            keep_contenders(scores, words, max);
        }
        Cow::Owned(noisy)
    }
}

vectorized! {
    /// The words of `count` places from one on.
    fn words_from(sequence: Philox, place: usize, count: usize) -> Vec<u32> {
        let skipped = place % 4;
        let mut words = vec![0; (skipped + count).next_multiple_of(4 * LANES)];
        let mut block = (place / 4) as u64;
        for group in words.as_chunks_mut::<{ 4 * LANES }>().0 {
            let of_blocks = sequence.blocks::<LANES>(block);
            for (word, of_blocks) in of_blocks.iter().enumerate() {
                for lane in 0..LANES {
                    group[4 * lane + word] = of_blocks[lane];
                }
            }
            block += LANES as u64;
        }
        words.drain(..skipped);
        words
    }
}

vectorized! {
    /// The largest score that is not NaN.
    fn max_of<A: Accumulator>(scores: &[A]) -> A {
        let mut max = [A::NEG_INFINITY; LANES];
        let (chunks, tail) = scores.as_chunks();
        for chunk in chunks {
            raise(&mut max, *chunk);
        }
        raise(&mut max, filled_up(tail));
        fold(max, larger)
    }
}

vectorized! {
    /// Takes the maximum off the scores of a row, and adds the noise of its words to the contenders.
    fn keep_contenders<A: Accumulator>(scores: &mut [A], words: &[u32], max: A) {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, keep_each::<A>(scores, words, max));
    }
}

#[inline(always)]
fn keep_each<A: Accumulator, const FMA: bool>(scores: &mut [A], words: &[u32], max: A) {
    let mut best = A::NEG_INFINITY;
    let (chunks, tail) = scores.as_chunks_mut::<LANES>();
    let (words, last) = words.split_at(chunks.len() * LANES);
    for (scores, words) in chunks.iter_mut().zip(words.as_chunks().0) {
        *scores = contend::<A, FMA>(*scores, words, max, &mut best);
    }
    if !tail.is_empty() {
        let mut words = [0; LANES];
        words[..tail.len()].copy_from_slice(&last[..tail.len()]);
        let noisy = contend::<A, FMA>(filled_up(tail), &words, max, &mut best);
        tail.copy_from_slice(&noisy[..tail.len()]);
    }
}

/// Scores less a maximum with their noise, or masks if none of them exceeds the best so far.
#[inline(always)]
fn contend<A: Accumulator, const FMA: bool>(
    mut scores: [A; LANES],
    words: &[u32; LANES],
    max: A,
    best: &mut A,
) -> [A; LANES] {
    for score in &mut scores {
        *score = score.sub(max);
    }
    if !black_box(may_exceed(&scores, words, *best)) {
        return [A::NEG_INFINITY; LANES];
    }
    for lane in 0..LANES {
        scores[lane] = scores[lane].add(gumbel::<A, FMA>(words[lane]));
    }
    *best = larger(*best, fold(scores, larger));
    scores
}

/// Whether one of the scores may be larger than the best with the noise of its word, or is NaN.
///
/// With `u` its uniform number the noise is `-ln(-ln(1 - u))`, which is less than `-ln u`. So `score - best` must be
/// more than `ln u`.
#[inline(always)]
fn may_exceed<A: Accumulator>(scores: &[A; LANES], words: &[u32; LANES], best: A) -> bool {
    /// More than what rounding makes of the noise, of the difference and of the bound.
    const SLACK: f32 = 1e-4;

    // And more than what it made of a best that is large.
    let size = larger(best, A::ZERO.sub(best)).to_f64() as f32;
    let slack = SLACK + 4.0 * f32::EPSILON * size;
    let mut exceeds = [0; LANES];
    for lane in 0..LANES {
        let difference = scores[lane].sub(best).to_f64() as f32 + slack;
        let exceeded = below_log2(words[lane]);
        // Also where the difference is NaN.
        exceeds[lane] = u32::from(!(difference * core::f32::consts::LOG2_E <= exceeded));
    }
    exceeds.iter().fold(0, |any, lane| any | lane) != 0
}

/// At most `log2((word + 1/2) / 2^32)`, and not much less unless the word is small: straight lines between the powers
/// of two, which the bits of a float are.
#[inline(always)]
fn below_log2(word: u32) -> f32 {
    const DIGITS: u32 = f32::MANTISSA_DIGITS - 1;

    let half = (word >> 1).cast_signed() as f32;
    let bits = half.to_bits().cast_signed() as f32;
    bits * (1.0 / (1 << DIGITS) as f32) - (127.0 + 31.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_from_below() {
        let few = (0..1000).chain((0..1000).map(|word| u32::MAX - word));
        let all = (0..1_000_000u32).map(|i| i.wrapping_mul(0x9e37_79b9));
        for word in few.chain(all) {
            let exact = ((f64::from(word) + 0.5) / 4_294_967_296.0).log2();
            let bound = f64::from(below_log2(word));
            assert!(bound <= exact + 2e-5, "{word}");
            assert!(
                word < 2 || bound >= exact - 0.087 - 3.0 / f64::from(word),
                "{word}"
            );
        }
    }

    /// What is masked is no peak: the same scores as where all have their noise.
    #[test]
    fn contenders_have_the_peak() {
        let levels: [fn(usize) -> f32; 6] = [
            |_| 0.0,
            |i| (i as f32 * 0.7).sin() * 3.0,
            |i| -(i as f32) * 1e30,
            |i| 1e8 + (i % 7) as f32,
            |i| {
                if i % 5 == 0 {
                    f32::NEG_INFINITY
                } else {
                    (i % 11) as f32
                }
            },
            |i| match i % 401 {
                17 => f32::NAN,
                30 => f32::INFINITY,
                _ => -(i as f32),
            },
        ];
        for (level, of) in levels.iter().enumerate() {
            for n in [16, 17, 100, 1000, 65_536, 65_537] {
                let lines = Lines {
                    outer: 131_072 / n,
                    n,
                    inner: 1,
                };
                let values: Vec<f32> = (0..lines.elements()).map(of).collect();
                for seed in 0..4 {
                    let words = Philox::new([seed, 6, 7, 8], 0);
                    let found = sampled_peaks(&values, lines, words);
                    let peaks = peak_indices(&values, lines, AsTheyAre)
                        .into_iter()
                        .enumerate();
                    let maxima: Vec<f32> = peaks
                        .map(|(line, index)| finite(values[line * n + index]))
                        .collect();
                    let noisy = Noisy {
                        lines,
                        maxima: &maxima,
                        words,
                    };
                    let all = peak_indices(&values, lines, noisy);
                    assert_eq!(found, all, "level {level}, rows of {n}, seed {seed}");
                }
            }
        }
    }
}
