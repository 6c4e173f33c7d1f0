//! The peaks of scores with Gumbel noise: draws from the softmax.
//!
//! Where rows are contiguous and no shorter than a vector, the logarithms of the noise are computed for those vectors
//! alone that may exceed the largest noisy score of the row so far: of 1,024 scores of a kind for one in twelve, of 64
//! for half.

use std::{borrow::Cow, hint::black_box};

use multiversion::target::target_cfg_f;

use super::gumbel::{GROUP, add_noise, gumbel};
use crate::{
    kernels::cpu::{
        Accumulator, Lines,
        plan::{LANES, Path},
        simd::{any, filled_up, fold, larger, raise, specialized, vectorized},
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
    if in_rows && lines.path() == Path::Rows {
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

/// Scores less the maximum of their row with the noise of their places, where a vector may have the peak of what is
/// read of the row; in the other vectors, masks.
#[derive(Clone, Copy)]
struct Contenders<'a, A> {
    n: usize,
    words: Philox,
    /// Of rows that are read in pieces; else each is found where the row is read.
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
        let mut words = vec![0; (skipped + count).next_multiple_of(GROUP)];
        let mut block = (place / 4) as u64;
        for group in words.as_chunks_mut::<GROUP>().0 {
            for (index, words) in sequence.blocks::<LANES>(block).iter().enumerate() {
                for lane in 0..LANES {
                    group[4 * lane + index] = words[lane];
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
    /// Takes the maximum off the scores of a row or of a piece of one, and adds the noise of its words, or masks.
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
    // Not seen through: the compiler would compute the noise of all, and then choose.
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
    /// More than what rounding makes of the noise, of the difference and of the bound. It makes nothing of the sum of
    /// score and noise that is not above the best already, which is a rounded number too.
    const SLACK: f32 = 1e-4;

    let mut may_exceed = [false; LANES];
    for lane in 0..LANES {
        let log2 = (scores[lane].sub(best).to_f64() as f32 + SLACK) * core::f32::consts::LOG2_E;
        // Also where it is NaN.
        may_exceed[lane] = is_more_or_nan(log2, log2_bound(words[lane]));
    }
    any(may_exceed)
}

#[inline(always)]
#[expect(clippy::neg_cmp_op_on_partial_ord, reason = "a NaN is not at most")]
fn is_more_or_nan(value: f32, bound: f32) -> bool {
    !(value <= bound)
}

/// But for rounding at most `log2((word + 1/2) / 2^32)`, and not much less unless the word is small: straight lines
/// between the powers of two, which the bits of a float are.
#[inline(always)]
fn log2_bound(word: u32) -> f32 {
    const DIGITS: u32 = f32::MANTISSA_DIGITS - 1;
    const BIAS: f32 = (f32::MAX_EXP - 1) as f32;

    // Half of it, as a signed number: for an unsigned one there may be no instruction.
    let half = (word >> 1).cast_signed() as f32;
    let bits = half.to_bits().cast_signed() as f32;
    bits * (1.0 / (1 << DIGITS) as f32) - BIAS - 31.0
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
            let bound = f64::from(log2_bound(word));
            assert!(bound <= exact + 2e-5, "{word}");
            assert!(
                word < 2 || bound >= exact - 0.087 - 3.0 / f64::from(word),
                "{word}"
            );
        }
    }

    /// The index of the first maximum, or NaN, of a row with all of its noise.
    fn peak<A: Accumulator>(row: &[A], place: usize, words: Philox) -> usize {
        let max = row
            .iter()
            .copied()
            .filter(|x| !x.is_nan())
            .fold(A::NEG_INFINITY, larger);
        let max = if max.sub(max) == A::ZERO {
            max
        } else {
            A::ZERO
        };
        let mut noisy: Vec<A> = row.iter().map(|score| score.sub(max)).collect();
        add_noise(&mut noisy, place, words);
        let mut best = 0;
        for (index, score) in noisy.iter().enumerate() {
            if score.is_nan() {
                return index;
            }
            best = if *score > noisy[best] { index } else { best };
        }
        best
    }

    fn peaks_of_all_scores<A: Accumulator>(of: impl Fn(usize, Philox) -> A) {
        // Rows of one vector, of vectors and a tail, that begin at any place in a block, and in pieces.
        for (rows, n) in [
            (999, 16),
            (3000, 17),
            (200, 101),
            (37, 1000),
            (3, 65_536),
            (3, 65_539),
        ] {
            let lines = Lines {
                outer: rows,
                n,
                inner: 1,
            };
            for seed in 0..3 {
                let words = Philox::new([seed, 6, 7, 8], 0);
                let values: Vec<A> = (0..rows * n).map(|place| of(place, words)).collect();
                let found = sampled_peaks(&values, lines, words);
                for (row, (values, found)) in values.chunks(n).zip(found).enumerate() {
                    assert_eq!(
                        found,
                        peak(values, row * n, words),
                        "row {row} of {n}, seed {seed}"
                    );
                }
            }
        }
    }

    /// What is masked is no peak: the same index as where all have their noise.
    #[test]
    fn masked_scores_are_no_peaks() {
        let score = |place: usize| (place as f64 * 0.7).sin();
        peaks_of_all_scores(|_, _| 0f32);
        peaks_of_all_scores(|place, _| 3.0 * score(place) as f32);
        peaks_of_all_scores(|place, _| 3.0 * score(place));
        peaks_of_all_scores(|place, _| 1e30 * score(place) as f32);
        peaks_of_all_scores(|place, _| 1e8 + (place % 7) as f32);
        // Scores that their noise makes equal.
        let tied = |place: usize, words: Philox| -gumbel::<f32, false>(words.word(place as u64));
        peaks_of_all_scores(tied);
        peaks_of_all_scores(|place, words| f64::from(tied(place, words)));
        peaks_of_all_scores(|place, _| match place % 401 {
            17 => f32::NAN,
            30 => f32::INFINITY,
            40..300 => f32::NEG_INFINITY,
            _ => score(place) as f32,
        });
        peaks_of_all_scores(|place, _| if place % 2 == 0 { f32::MAX } else { f32::MIN });
    }

    /// At powers of two the bound is the logarithm: the least score that exceeds the best is not masked.
    #[test]
    fn the_least_score_that_exceeds() {
        let near =
            (0..32).flat_map(|power| (0..5).map(move |more| (1u32 << power).saturating_add(more)));
        for word in near.chain([0, u32::MAX]) {
            let noise = gumbel::<f32, true>(word);
            for best in [-30f32, -1.0, 0.0, 0.3, 5.0, 20.0] {
                let mut score = best - noise;
                while score + noise > best {
                    score = score.next_down();
                }
                while score + noise <= best {
                    score = score.next_up();
                }
                let mut scores = [f32::NEG_INFINITY; LANES];
                scores[7] = score;
                assert!(may_exceed(&scores, &[word; LANES], best), "{word} {best}");
                // And one that is far from it is.
                scores[7] = score - 0.2;
                let is_far = (64..=1 << 26).contains(&word);
                assert!(!is_far || !may_exceed(&scores, &[word; LANES], best));
            }
        }
    }
}
