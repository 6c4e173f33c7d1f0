//! How scores become weights.

use crate::kernels::cpu::Accumulator;

/// The weights of a line, in units that its maximum tells.
pub(crate) trait Weights<A: Accumulator>: Copy + Sync {
    /// How fast weights grow: what [`growth`](Weights::growth) lacks.
    fn rate(self) -> f64;

    /// The weight of a score in a line of this maximum: 0 for `-inf`, NaN for a NaN.
    fn weight<const FMA: bool>(self, score: A, max: A) -> A;

    /// How it grows with the score, over [`rate`](Weights::rate).
    fn growth<const FMA: bool>(self, score: A, max: A) -> A;

    /// How much weights shrink when the maximum grows from one to another.
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A;

    /// The same between parts of a line that were summed apart.
    fn rescale(self, from: f64, to: f64) -> f64;
}

/// Evaluates an expression with `$bound` bound to the weights of a weighting, of scores of `$T`. In half
/// precision it must be a softmax's: all that is evaluated here is compiled once for each dtype.
macro_rules! weighted {
    ($T:ty, $weighting:expr, $bound:ident => $body:expr) => {{
        use $crate::{
            kernels::cpu::{
                Element,
                ops::{above::Above, given::Given, weights::softmaxed},
            },
            weighting,
        };

        // Nested, so that the compiler drops what the constant rules out before it is compiled.
        if const { <$T as Element>::IS_HALF } {
            match $weighting.weights {
                weighting::Weights::Softmax { beta } => softmaxed!($T, beta, $bound => $body),
                weights => panic!("argmax kernel: {weights:?} of scores in half precision"),
            }
        } else {
            match $weighting.weights {
                weighting::Weights::Softmax { beta } => softmaxed!($T, beta, $bound => $body),
                weighting::Weights::Above { beta, level } => {
                    let $bound = Above::<<$T as Element>::Accumulator>::new(beta, level);
                    $body
                }
                weighting::Weights::Given => {
                    let $bound = Given;
                    $body
                }
            }
        }
    }};
}

/// The same for those of a softmax.
macro_rules! softmaxed {
    ($T:ty, $beta:expr, $bound:ident => $body:expr) => {{
        use $crate::kernels::cpu::{Element, ops::beta::Beta};

        let beta = Beta::<<$T as Element>::Accumulator>::new($beta);
        if beta.is_flat() {
            let rate = $beta;
            let $bound = $crate::kernels::cpu::ops::flat::Flat { rate };
            $body
        } else {
            let $bound = beta;
            $body
        }
    }};
}

pub(super) use {softmaxed, weighted};
