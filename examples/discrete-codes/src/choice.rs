use burn::config::Config;
use burn_argmax::Estimator;
use clap::ValueEnum;

/// How the gradient passes the choice of a code.
#[derive(Config, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Choice {
    /// Straight-through: the gradient of the softmax, without the noise.
    StraightThrough,
    /// The upstream gradient, unchanged.
    Identity,
    /// Straight-through Gumbel-softmax.
    Gumbel,
    /// The same, averaged over ten noises that draw the same code.
    GumbelRao,
    /// ReinMax, of second order.
    Reinmax,
    /// Gapped straight-through.
    Gapped,
}

impl Choice {
    /// The name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::StraightThrough => "straight-through",
            Self::Identity => "identity",
            Self::Gumbel => "gumbel",
            Self::GumbelRao => "gumbel-rao",
            Self::Reinmax => "reinmax",
            Self::Gapped => "gapped",
        }
    }

    /// All at the temperature of the distribution itself.
    pub fn estimator(self) -> Estimator {
        let beta = 1.0;
        match self {
            Self::StraightThrough => Estimator::Softmax { beta },
            Self::Identity => Estimator::Identity,
            Self::Gumbel => Estimator::GumbelSoftmax { beta },
            Self::GumbelRao => Estimator::GumbelRao { beta, samples: 10 },
            Self::Reinmax => Estimator::ReinMax { beta },
            Self::Gapped => Estimator::Gapped { beta, gap: 1.0 },
        }
    }
}
