//! Gumbel noise.

use multiversion::target::target_cfg_f;

use crate::{
    kernels::cpu::{
        Accumulator,
        log::{log, log_near_one},
        plan::{LANES, TASK},
        share::{filled, share},
        simd::{specialized, vectorized},
    },
    philox::Philox,
};

/// Elements whose words are computed together: four a block, lanes across blocks.
pub(super) const GROUP: usize = 4 * LANES;

/// Scores with their noise.
pub(crate) fn noisy<A: Accumulator>(values: &[A], words: Philox) -> Vec<A> {
    let fill = |out: &mut [_]| {
        let tasks = out.chunks_mut(TASK).zip(values.chunks(TASK)).enumerate();
        share(tasks, values.len(), |(task, (out, values))| {
            let mut noisy = values.to_vec();
            add_noise(&mut noisy, task * TASK, words);
            <[_]>::write_copy_of_slice(out, &noisy);
        });
    };
    // SAFETY: the tasks are all that there is, and every element of each is written.
    unsafe { filled(values.len(), fill) }
}

vectorized! {
    pub(super) fn add_noise<A: Accumulator>(values: &mut [A], place: usize, words: Philox) {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, add_to_each::<A>(values, place, words));
    }
}

#[inline(always)]
fn add_to_each<A: Accumulator, const FMA: bool>(values: &mut [A], place: usize, words: Philox) {
    // Groups begin at places that blocks begin at.
    let mut skipped = place % 4;
    let mut block = (place / 4) as u64;
    let mut values = values;
    while !values.is_empty() {
        let noise = gumbels::<A, FMA>(words.blocks::<LANES>(block));
        let (group, rest) = values.split_at_mut(values.len().min(GROUP - skipped));
        for (value, noise) in group.iter_mut().zip(&noise[skipped..]) {
            *value = value.add(*noise);
        }
        values = rest;
        block += LANES as u64;
        skipped = 0;
    }
}

/// The noise of a group, from the words of its blocks.
#[inline(always)]
fn gumbels<A: Accumulator, const FMA: bool>(words: [[u32; LANES]; 4]) -> [A; GROUP] {
    let mut noise = [A::ZERO; GROUP];
    for (word, words) in words.iter().enumerate() {
        let mut lanes = [A::ZERO; LANES];
        for lane in 0..LANES {
            lanes[lane] = gumbel::<A, FMA>(words[lane]);
        }
        for lane in 0..LANES {
            noise[4 * lane + word] = lanes[lane];
        }
    }
    noise
}

/// `-ln(-ln(1 - u))` with `u = (word + 1/2) / 2^32`.
#[inline(always)]
pub(super) fn gumbel<A: Accumulator, const FMA: bool>(word: u32) -> A {
    // The distance from the nearer of 0 and 1: there is a float for each that is small.
    let is_low = word < 1 << 31;
    let nearer = if is_low { word } else { !word };
    let distance = A::from_i32(nearer.cast_signed()).add(A::from_f64(0.5));
    let distance = distance.mul(A::from_f64(1.0 / 4_294_967_296.0));
    let less = A::ZERO.sub(distance);
    let rest = if is_low {
        A::ONE.sub(distance)
    } else {
        distance
    };
    let exponential = A::ZERO.sub(log_near_one::<A, FMA>(rest, less));
    A::ZERO.sub(log::<A, FMA>(exponential))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The noise of a word, in double precision.
    fn exact(word: u32) -> f64 {
        let u = (f64::from(word) + 0.5) / 4_294_967_296.0;
        let rest = (f64::from(!word) + 0.5) / 4_294_967_296.0;
        let exponential = if u < 0.5 { -(-u).ln_1p() } else { -rest.ln() };
        -exponential.ln()
    }

    #[test]
    fn both_tails() {
        let few = (0..1000).chain((0..1000).map(|word| u32::MAX - word));
        let all = (0..100_000u32).map(|i| i.wrapping_mul(0x9e37_79b9));
        for word in few.chain(all) {
            let want = exact(word);
            let single = f64::from(gumbel::<f32, true>(word));
            assert!(
                (single - want).abs() <= 3e-7 * want.abs().max(1.0),
                "{word}"
            );
            let double = gumbel::<f64, false>(word);
            assert!(
                (double - want).abs() <= 1e-14 * want.abs().max(1.0),
                "{word}"
            );
        }
        assert!(gumbel::<f32, true>(0) > 22.8 && gumbel::<f32, true>(u32::MAX) < -3.1);
    }

    /// Wherever a part begins.
    #[test]
    fn noise_has_one_place() {
        let words = Philox::new([5, 6, 7, 8], 0);
        let all = noisy(&[0f32; 1000], words);
        for (place, value) in all.iter().enumerate() {
            let want = exact(words.word(place as u64));
            assert!((f64::from(*value) - want).abs() < 1e-5);
        }
        for (start, end) in [(0, 1), (3, 70), (61, 64), (129, 1000)] {
            let mut part = vec![0f32; end - start];
            add_noise(&mut part, start, words);
            assert_eq!(part, &all[start..end]);
        }
    }
}
