//! Weights that are given.

use super::weights::Weights;
use crate::kernels::cpu::Accumulator;

/// A score is its own weight, and a mask weighs nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given;

/// Of a line with larger masses all weigh less by this factor: there are no numbers for sums of the largest, times
/// squares of distances.
const LARGE: f64 = 18_446_744_073_709_551_616.0;

#[inline(always)]
fn is_large<A: Accumulator>(max: A) -> bool {
    max > A::from_f64(LARGE)
}

/// What a mass of 1 weighs.
#[inline(always)]
fn unit<A: Accumulator>(max: A) -> A {
    A::from_f64(if is_large(max) { 1.0 / LARGE } else { 1.0 })
}

/// How much less it weighs once the maximum has grown.
#[inline(always)]
fn shrunk<A: Accumulator>(from: A, to: A) -> A {
    if is_large(from) { A::ONE } else { unit(to) }
}

impl<A: Accumulator> Weights<A> for Given {
    #[inline(always)]
    fn rate(self) -> f64 {
        1.0
    }

    #[inline(always)]
    fn weight<const FMA: bool>(self, score: A, max: A) -> A {
        if score == A::NEG_INFINITY {
            A::ZERO
        } else {
            score.mul(unit(max))
        }
    }

    #[inline(always)]
    fn growth<const FMA: bool>(self, score: A, max: A) -> A {
        if score == A::NEG_INFINITY {
            A::ZERO
        } else {
            unit(max)
        }
    }

    #[inline(always)]
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A {
        shrunk(from, to)
    }

    #[inline(always)]
    fn rescale(self, from: f64, to: f64) -> f64 {
        shrunk(from, to)
    }
}
