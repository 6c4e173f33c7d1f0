use burn_core as burn;
use burn_core::{
    module::{Flag, Module, Param},
    tensor::Tensor,
};
use serde::{Deserialize, Serialize};

use super::last;
use crate::{
    Estimator, Noise, Surrogate, config::config, functions::accept, sampled_one_hot,
    straight_through_one_hot,
};

/// Configuration of [`SampledOneHot`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampledOneHotConfig {
    /// The gradient that a draw sends back.
    pub estimator: Estimator,
    /// The dimension of the choice; a negative one counts from the end. By default the last.
    #[serde(default = "last")]
    pub dim: i64,
}

config!(SampledOneHotConfig {
    with_dim dim: i64,
});

/// [`sampled_one_hot`](crate::sampled_one_hot()) as a module: it draws while it is trained, on a device with
/// autodiff, and takes the first maximum otherwise, as a dropout is none then.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Estimator, nn::SampledOneHotConfig};
///
/// let choose = SampledOneHotConfig::new(Estimator::ReinMax { beta: 1.0 }).init();
/// let logits = Tensor::<2>::from_floats([[0.0, 3.0, 1.0]], &Device::flex());
/// choose.forward(logits).into_data().assert_eq(&[[0.0f32, 1.0, 0.0]].into(), false);
/// ```
#[derive(Module, Debug)]
pub struct SampledOneHot {
    /// The dimension of the choice; a negative one counts from the end.
    pub dim: i64,
    /// The gradient that a draw sends back.
    #[module(skip)]
    pub estimator: Estimator,
    /// Whether to behave as in training; cleared by [`freeze`](Module::freeze).
    pub training: Param<Flag>,
}

impl SampledOneHotConfig {
    /// Along the last dimension, with this gradient.
    pub fn new(estimator: Estimator) -> Self {
        Self {
            estimator,
            dim: last(),
        }
    }

    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If the estimator is one that [`sampled_one_hot`](crate::sampled_one_hot()) refuses.
    #[track_caller]
    pub fn init(&self) -> SampledOneHot {
        accept(self.estimator.validate("SampledOneHot"));
        SampledOneHot {
            dim: self.dim,
            estimator: self.estimator,
            training: Param::from_bool(true),
        }
    }
}

impl SampledOneHot {
    /// A one-hot along `dim`: a draw with the estimator's gradient, or that of the first maximum, without any.
    /// The random numbers are the device's.
    ///
    /// # Panics
    ///
    /// As [`sampled_one_hot`](crate::sampled_one_hot()).
    #[track_caller]
    pub fn forward<const D: usize>(&self, logits: Tensor<D>) -> Tensor<D> {
        let dim = crate::functions::check_dim("SampledOneHot", &logits, self.dim);
        if self.training.is_enabled() && logits.is_autodiff() {
            sampled_one_hot(logits, dim, self.estimator, Noise::Device)
        } else {
            straight_through_one_hot(logits.detach(), dim, Surrogate::Identity)
        }
    }
}
