use serde::{Deserialize, Serialize};

use crate::{
    config::deserialize,
    functions::{ensure, validate_beta},
};

/// The gradient that [`sampled_one_hot`](crate::sampled_one_hot()) sends back.
///
/// `u` is the upstream gradient, `D` the one-hot that was drawn, `g` the noise that it was drawn with, and
/// `J(s) v = s * (v - <s, v>)` the derivative of a softmax at the probabilities `s`.
///
/// | estimator | gradient | bias and variance |
/// |---|---|---|
/// | [`Identity`](Estimator::Identity) | `u` | large bias |
/// | [`Softmax`](Estimator::Softmax) | `beta J(softmax(beta x)) u` | exact for losses that are linear in `D`, at `beta` of 1; does not depend on the draw |
/// | [`GumbelSoftmax`](Estimator::GumbelSoftmax) | `beta J(softmax(beta (x + g))) u` | the larger `beta`, the less bias and the more variance |
/// | [`ReinMax`](Estimator::ReinMax) | `2 J((softmax(beta x) + D) / 2) u - J(softmax(x)) u / 2` | exact for losses up to quadratic in `D`, at `beta` of 1 |
/// | [`GumbelRao`](Estimator::GumbelRao) | the mean of `GumbelSoftmax` over `samples` noises that draw the same `D` | the same bias, less variance |
/// | [`Gapped`](Estimator::Gapped) | `beta J(softmax(beta y)) u`, `y` being `x` with `D` raised to the maximum and the others kept `gap` below it | little variance |
///
/// It is serialisable. What the operator refuses is refused where it is read, too.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Estimator {
    /// The upstream gradient, unchanged (Bengio, Léonard and Courville, "Estimating or Propagating
    /// Gradients Through Stochastic Neurons for Conditional Computation", 2013).
    Identity,
    /// That of the softmax, without the noise: PyTorch's and Pyro's `OneHotCategoricalStraightThrough`.
    Softmax {
        /// Inverse temperature, finite and `>= 0`.
        beta: f64,
    },
    /// That of the softmax of the scores that were compared: PyTorch's `gumbel_softmax(hard=True)` (Jang, Gu
    /// and Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017).
    GumbelSoftmax {
        /// Inverse temperature, finite and `>= 0`.
        beta: f64,
    },
    /// Of second order (Liu et al., "Bridging Discrete and Backpropagation: Straight-Through and Beyond",
    /// NeurIPS 2023).
    ReinMax {
        /// Inverse temperature of the first term, finite and `>= 0`.
        beta: f64,
    },
    /// Rao-Blackwellised (Paulus, Maddison and Krause, "Rao-Blackwellizing the Straight-Through
    /// Gumbel-Softmax Gradient Estimator", ICLR 2021).
    GumbelRao {
        /// Inverse temperature, finite and `>= 0`.
        beta: f64,
        /// Noises to average over, at least 1. Each costs arithmetic in the backward pass.
        samples: usize,
    },
    /// Fan et al., "Training Discrete Deep Generative Models via Gapped Straight-Through Estimator",
    /// ICML 2022.
    Gapped {
        /// Inverse temperature, finite and `>= 0`.
        beta: f64,
        /// How far the others stay below the drawn score, finite and `> 0`.
        gap: f64,
    },
}

#[derive(Deserialize)]
#[serde(remote = "Estimator", deny_unknown_fields)]
enum Stored {
    Identity,
    Softmax { beta: f64 },
    GumbelSoftmax { beta: f64 },
    ReinMax { beta: f64 },
    GumbelRao { beta: f64, samples: usize },
    Gapped { beta: f64, gap: f64 },
}

deserialize!(Estimator, Stored, read => read.validate("Estimator"));

impl Estimator {
    /// Refuses what defines no gradient.
    pub(crate) fn validate(self, op: &str) -> Result<(), String> {
        let beta = match self {
            Self::Identity => 1.0,
            Self::Softmax { beta }
            | Self::GumbelSoftmax { beta }
            | Self::ReinMax { beta }
            | Self::GumbelRao { beta, .. }
            | Self::Gapped { beta, .. } => beta,
        };
        validate_beta(op, beta)?;
        match self {
            Self::GumbelRao { samples, .. } => ensure(samples > 0, || {
                format!("{op}: samples must be at least 1, got 0")
            }),
            Self::Gapped { gap, .. } => ensure(gap.is_finite() && gap > 0.0, || {
                format!("{op}: gap must be finite and > 0, got {gap}")
            }),
            _ => Ok(()),
        }
    }
}
