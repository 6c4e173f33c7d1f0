use burn_core as burn;
use burn_core::{
    module::Module,
    tensor::{Device, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{Beta, last, learning::Learning};
use crate::{
    Surrogate, Weighting,
    config::{config, deserialize},
    functions::accept,
    straight_through_one_hot,
};

/// Configuration of [`StraightThroughOneHot`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StraightThroughOneHotConfig {
    /// What the backward pass takes the one-hot for.
    pub surrogate: Surrogate,
    /// The dimension of the index; a negative one counts from the end. By default the last.
    pub dim: i64,
    /// Whether the beta of [`Surrogate::Softmax`] is learnt. It stays positive. By default it is not.
    pub learnable: bool,
    /// How many channels, along dim 1, have a beta each to learn; without it, or with 1, one beta is for all.
    pub channels: Option<usize>,
    /// The largest beta that is used, however far it learns.
    pub max_beta: Option<f64>,
}

#[derive(Deserialize)]
#[serde(remote = "StraightThroughOneHotConfig", deny_unknown_fields)]
struct Stored {
    surrogate: Surrogate,
    #[serde(default = "last")]
    dim: i64,
    #[serde(default)]
    learnable: bool,
    channels: Option<usize>,
    max_beta: Option<f64>,
}

deserialize!(StraightThroughOneHotConfig, Stored, read => read.validate());
config!(StraightThroughOneHotConfig {
    with_dim dim: i64,
    with_learnable learnable: bool,
    with_channels channels: Option<usize>,
    with_max_beta max_beta: Option<f64>,
});

/// [`straight_through_one_hot`](crate::straight_through_one_hot()) as a module.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Surrogate, nn::StraightThroughOneHotConfig};
///
/// let device = Device::flex();
/// let one_hot = StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: 2.0 }).init(&device);
/// let logits = Tensor::<2>::from_floats([[0.0, 3.0, 1.0]], &device);
/// one_hot.forward(logits).into_data().assert_eq(&[[0.0f32, 1.0, 0.0]].into(), false);
/// ```
#[derive(Module, Debug)]
pub struct StraightThroughOneHot {
    /// The dimension of the index; a negative one counts from the end.
    pub dim: i64,
    /// The inverse temperature of the softmax surrogate; with the identity there is none.
    pub beta: Option<Beta>,
}

impl StraightThroughOneHotConfig {
    /// Along the last dimension, with this gradient, whose beta is not learnt.
    pub fn new(surrogate: Surrogate) -> Self {
        Self {
            surrogate,
            dim: last(),
            learnable: false,
            channels: None,
            max_beta: None,
        }
    }

    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt, if the identity, which has none, is
    /// to learn one, or if `channels` or `max_beta` is given for a beta that is not, is 0, or smaller than
    /// beta.
    #[track_caller]
    pub fn init(&self, device: &Device) -> StraightThroughOneHot {
        accept(self.validate());
        StraightThroughOneHot {
            dim: self.dim,
            beta: Beta::new(self.surrogate.beta(), self.learning(), device),
        }
    }

    fn learning(&self) -> Learning {
        Learning {
            learnable: self.learnable,
            channels: self.channels,
            max_beta: self.max_beta,
        }
    }

    fn validate(&self) -> Result<(), String> {
        let beta = self.surrogate.beta();
        let why = "Surrogate::Identity, which has no beta";
        self.learning().validate("StraightThroughOneHot", beta, why)
    }
}

impl StraightThroughOneHot {
    /// The one-hot of the first maximum along `dim`, with the surrogate's gradient.
    ///
    /// A learnt beta gets the gradient of `softmax(beta * logits)`, to which masks of `-inf` add
    /// nothing.
    ///
    /// # Panics
    ///
    /// As [`straight_through_one_hot`](crate::straight_through_one_hot()).
    #[track_caller]
    pub fn forward<const D: usize>(&self, logits: Tensor<D>) -> Tensor<D> {
        let dim = crate::functions::check_dim("StraightThroughOneHot", &logits, self.dim);
        let Some(beta) = &self.beta else {
            return straight_through_one_hot(logits, dim, Surrogate::Identity);
        };
        let logits = logits.dequantize();
        let dtype = logits.dtype();
        // Of the logits as they are: the product with beta may round two scores to one.
        let one_hot = straight_through_one_hot(logits.clone().detach(), dim, Surrogate::Identity);
        let weighting = Weighting::softmax(beta.initial);
        let (logits, weighting) = beta.weigh("StraightThroughOneHot", logits, &[dim], weighting);
        let beta = weighting.beta().expect("a softmax has one");
        let surrogate = straight_through_one_hot(logits, dim, Surrogate::Softmax { beta });
        let term = surrogate.clone() - surrogate.detach();
        one_hot + term.cast(dtype)
    }
}
