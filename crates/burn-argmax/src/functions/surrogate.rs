use burn_core as burn;
use burn_core::config::Config;

use super::check_beta;

/// The gradient that a hard choice sends back, as [`straight_through_one_hot`](crate::straight_through_one_hot())
/// makes one.
///
/// It serialises and loads as Burn's configurations do.
///
/// ```
/// use burn_argmax::Surrogate;
///
/// let surrogate = Surrogate::Softmax { beta: 2.0 };
/// assert_ne!(surrogate, Surrogate::Identity);
/// ```
#[derive(Config, Debug, Copy, PartialEq)]
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

impl Surrogate {
    /// Refuses what defines no gradient.
    #[track_caller]
    pub(crate) fn check(self, op: &str) {
        if let Self::Softmax { beta } = self {
            check_beta(op, beta);
        }
    }
}
