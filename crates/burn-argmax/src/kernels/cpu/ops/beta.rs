//! The weights of a softmax.

use super::weights::Weights;
use crate::kernels::cpu::Accumulator;

/// An inverse temperature, as the weights take it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beta<A> {
    /// No larger than the largest finite value of the accumulator.
    wide: f64,
    /// `beta * log2(e)`, kept finite, and what it lacks of that.
    pub high: A,
    pub low: A,
}

impl<A: Accumulator> Beta<A> {
    /// `beta`, which is finite and not negative.
    pub fn new(beta: f64) -> Self {
        use std::f64::consts::LOG2_E;
        /// `log2(e)` less `LOG2_E`.
        const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;

        let largest = A::LARGEST.to_f64();
        let wide = beta.min(largest);
        let finite = beta.min(largest / 2.0);
        let rate = finite * LOG2_E;
        let high = A::from_f64(rate);
        let rest = finite.mul_add(LOG2_E, -rate) + finite * LOG2_E_LOW;
        let low = A::from_f64((rate - high.to_f64()) + rest);
        Self { wide, high, low }
    }

    /// Whether it is 0, or too small for the accumulator.
    pub fn is_flat(self) -> bool {
        self.high == A::ZERO
    }
}

impl<A: Accumulator> Weights<A> for Beta<A> {
    #[inline(always)]
    fn rate(self) -> f64 {
        self.wide
    }

    #[inline(always)]
    fn weight<const FMA: bool>(self, score: A, max: A) -> A {
        score.sub(max).exp2::<FMA>(self.high, self.low)
    }

    #[inline(always)]
    fn growth<const FMA: bool>(self, score: A, max: A) -> A {
        self.weight::<FMA>(score, max)
    }

    #[inline(always)]
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A {
        self.weight::<FMA>(from, to)
    }

    #[inline(always)]
    fn rescale(self, from: f64, to: f64) -> f64 {
        if from == f64::NEG_INFINITY {
            0.0
        } else {
            (self.wide * (from - to)).exp()
        }
    }
}
