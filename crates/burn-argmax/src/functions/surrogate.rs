use serde::{Deserialize, Serialize};

use super::{accept, validate_beta};
use crate::config::{config, deserialize};

/// The gradient that a hard choice sends back, as [`straight_through_one_hot`](crate::straight_through_one_hot())
/// makes one.
///
/// It serialises and loads as Burn's configurations do; a `beta` that the operators refuse is refused there too.
///
/// ```
/// use burn::config::Config;
/// use burn_argmax::Surrogate;
///
/// let surrogate = Surrogate::load_binary(br#"{"Softmax": {"beta": 2.0}}"#)?;
/// assert_eq!(surrogate, Surrogate::Softmax { beta: 2.0 });
/// # Ok::<(), burn::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Surrogate {
    /// The upstream gradient, unchanged (Bengio, Léonard and Courville, "Estimating or Propagating
    /// Gradients Through Stochastic Neurons for Conditional Computation", 2013).
    Identity,
    /// The vector-Jacobian product of `softmax(beta * x)` (Jang, Gu and Poole, "Categorical
    /// Reparameterization with Gumbel-Softmax", ICLR 2017).
    Softmax {
        /// Inverse temperature, finite and `>= 0`: the larger, the closer the softmax is to the
        /// one-hot, and the smaller the gradient away from ties.
        beta: f64,
    },
}

#[derive(Deserialize)]
#[serde(remote = "Surrogate", deny_unknown_fields)]
enum Stored {
    Identity,
    Softmax { beta: f64 },
}

deserialize!(Surrogate, Stored, read => read.validate("Surrogate"));
config!(Surrogate {});

impl Surrogate {
    /// The inverse temperature, if there is one.
    pub(crate) fn beta(self) -> Option<f64> {
        match self {
            Self::Identity => None,
            Self::Softmax { beta } => Some(beta),
        }
    }

    /// Refuses what defines no gradient.
    pub(crate) fn validate(self, op: &str) -> Result<(), String> {
        self.beta().map_or(Ok(()), |beta| validate_beta(op, beta))
    }

    /// The same with a panic.
    #[track_caller]
    pub(crate) fn check(self, op: &str) {
        accept(self.validate(op));
    }
}
