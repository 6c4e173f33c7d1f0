//! The weights of a softmax whose `beta` is 0, or too small for the accumulator: there the product with an infinite difference would be NaN.

use super::weights::Weights;
use crate::kernels::cpu::Accumulator;

/// Every number weighs the same, and a mask nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flat {
    /// How fast weights grow all the same: what the accumulator is too coarse for.
    pub rate: f64,
}

impl<A: Accumulator> Weights<A> for Flat {
    #[inline(always)]
    fn rate(self) -> f64 {
        self.rate
    }

    #[inline(always)]
    fn weight<const FMA: bool>(self, score: A, _max: A) -> A {
        if score == A::NEG_INFINITY {
            A::ZERO
        } else {
            // 1 for a number, NaN for a NaN or an infinity.
            score.mul(A::ZERO).add(A::ONE)
        }
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
    fn rescale(self, from: f64, _to: f64) -> f64 {
        if from == f64::NEG_INFINITY { 0.0 } else { 1.0 }
    }
}
