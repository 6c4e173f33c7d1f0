//! How scores become weights.

use crate::kernels::cpu::Accumulator;

/// The weights of a line, in units that its maximum tells.
pub(crate) trait Weights<A: Accumulator>: Copy + Sync {
    /// Whether every number weighs the same, for sure. The methods learn it as `FLAT`.
    fn is_flat(self) -> bool {
        false
    }

    /// How fast weights grow: what [`growth`](Weights::growth) lacks.
    fn rate(self) -> f64;

    /// The weight of a score in a line of this maximum: 0 for `-inf`, NaN for a NaN.
    fn weight<const FMA: bool, const FLAT: bool>(self, score: A, max: A) -> A;

    /// How it grows with the score, over [`rate`](Weights::rate).
    fn growth<const FMA: bool, const FLAT: bool>(self, score: A, max: A) -> A;

    /// How much weights shrink when the maximum grows from one to another.
    fn shrink<const FMA: bool, const FLAT: bool>(self, from: A, to: A) -> A;

    /// The same between parts of a line that were summed apart.
    fn rescale(self, from: f64, to: f64) -> f64;
}

/// Evaluates an expression with `$bound` bound to the weights of a weighting.
macro_rules! weighted {
    ($weighting:expr, $bound:ident => $body:expr) => {
        match $weighting.weights {
            $crate::weighting::Weights::Softmax { beta } => {
                let $bound = $crate::kernels::cpu::ops::softmax::Beta::new(beta);
                $body
            }
            $crate::weighting::Weights::Above { beta, level } => {
                let $bound = $crate::kernels::cpu::ops::above::Above::new(beta, level);
                $body
            }
            $crate::weighting::Weights::Given => {
                let $bound = $crate::kernels::cpu::ops::given::Given;
                $body
            }
        }
    };
}

pub(super) use weighted;
