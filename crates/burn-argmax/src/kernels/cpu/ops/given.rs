//! Weights that are given.

use super::weights::Weights;
use crate::kernels::cpu::Accumulator;

/// A score is its own weight, and a mask weighs nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given;

impl<A: Accumulator> Weights<A> for Given {
    #[inline(always)]
    fn rate(self) -> f64 {
        1.0
    }

    #[inline(always)]
    fn weight<const FMA: bool>(self, score: A, _max: A) -> A {
        if score == A::NEG_INFINITY {
            A::ZERO
        } else {
            score
        }
    }

    #[inline(always)]
    fn growth<const FMA: bool>(self, score: A, _max: A) -> A {
        if score == A::NEG_INFINITY {
            A::ZERO
        } else {
            A::ONE
        }
    }

    #[inline(always)]
    fn shrink<const FMA: bool>(self, _from: A, _to: A) -> A {
        A::ONE
    }

    #[inline(always)]
    fn rescale(self, _from: f64, _to: f64) -> f64 {
        1.0
    }
}
