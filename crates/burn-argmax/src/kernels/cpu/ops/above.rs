//! Weights above a background: `exp(beta * (x - level)) - 1`, and 0 at and below the level.

use super::{beta::Beta, weights::Weights};
use crate::kernels::cpu::Accumulator;

/// How far above the level, in powers of 2 of its weight, a maximum is from which the 1 that is taken
/// off is lost in rounding, also if it is taken off 2^24 weights, and weights are taken about the
/// maximum.
const FAR: f64 = 80.0;

/// An inverse temperature and the level of the background.
#[derive(Clone, Copy, Debug)]
pub(super) struct Above<A> {
    beta: Beta<A>,
    level: A,
    /// A maximum that rises no higher, in powers of 2, does not rise: its weight would vanish.
    faint: A,
    far: A,
}

/// How the weights of a line are taken.
#[derive(Clone, Copy)]
struct Line<A> {
    /// Whether its maximum is above the level: it has the plain softmax otherwise.
    rises: bool,
    /// What scores are counted from: the level, or the maximum where it is far from that or below.
    base: A,
    /// Weights are over 2 to this power.
    power: A,
    /// The 1 that is taken off, over the same.
    background: A,
    /// Scores at and below this weigh nothing.
    lowest: A,
}

impl<A: Accumulator> Above<A> {
    pub fn new(beta: f64, level: f64) -> Self {
        let smallest = 8.0 / A::LARGEST.to_f64();
        Self {
            // With a smaller one, which gives the same, weights would vanish.
            beta: Beta::new(beta.max(64.0 * smallest)),
            level: A::from_f64(level),
            faint: A::from_f64(smallest),
            far: A::from_f64(FAR),
        }
    }

    #[inline(always)]
    fn line(self, max: A) -> Line<A> {
        let rise = max.sub(self.level);
        let power = rise.mul(self.beta.high);
        let rises = power > self.faint;
        let near = rises && power <= self.far;
        // Not fused with the product anywhere: parts of a line must come to the same power.
        let power = if near {
            power.add(A::ROUND).sub(A::ROUND)
        } else {
            A::ZERO
        };
        let [_, background] = A::ZERO.exp2_less::<false>(A::ONE, A::ZERO, power, A::ZERO);
        Line {
            rises,
            base: if near { self.level } else { max },
            power,
            background: if near { background } else { A::ZERO },
            lowest: if rises { self.level } else { A::NEG_INFINITY },
        }
    }

    #[inline(always)]
    fn both<const FMA: bool>(self, score: A, max: A) -> [A; 2] {
        let line = self.line(max);
        let [weight, growth] = score.sub(line.base).exp2_less::<FMA>(
            self.beta.high,
            self.beta.low,
            line.power,
            line.background,
        );
        if score <= line.lowest {
            [A::ZERO; 2]
        } else {
            [weight, growth]
        }
    }
}

impl<A: Accumulator> Weights<A> for Above<A> {
    #[inline(always)]
    fn rate(self) -> f64 {
        self.beta.rate()
    }

    #[inline(always)]
    fn weight<const FMA: bool>(self, score: A, max: A) -> A {
        self.both::<FMA>(score, max)[0]
    }

    #[inline(always)]
    fn growth<const FMA: bool>(self, score: A, max: A) -> A {
        self.both::<FMA>(score, max)[1]
    }

    #[inline(always)]
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A {
        let (old, new) = (self.line(from), self.line(to));
        let [_, scale] = old.base.sub(new.base).exp2_less::<FMA>(
            self.beta.high,
            self.beta.low,
            new.power.sub(old.power),
            A::ZERO,
        );
        // What was summed while nothing was above the level is background.
        if old.rises == new.rises {
            scale
        } else {
            A::ZERO
        }
    }

    #[inline(always)]
    fn rescale(self, from: f64, to: f64) -> f64 {
        if from == f64::NEG_INFINITY {
            return 0.0;
        }
        self.shrink::<false>(A::from_f64(from), A::from_f64(to))
            .to_f64()
    }
}
