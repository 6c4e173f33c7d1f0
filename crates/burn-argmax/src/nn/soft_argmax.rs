use burn_core as burn;
use burn_core::{
    config::Config,
    module::Module,
    tensor::{Device, Tensor},
};

use super::{Beta, beta::Learning};
use crate::{Weighting, soft_argmax};

/// Configuration of [`SoftArgmax`].
#[derive(Config, Debug, PartialEq)]
pub struct SoftArgmaxConfig {
    /// The dimension of the index; a negative one counts from the end.
    #[config(default = "-1")]
    pub dim: i64,
    /// How scores become weights. A beta that is learnt starts from its beta.
    #[config(default = "Weighting::softmax(1.0)")]
    pub weighting: Weighting,
    /// Whether beta is learnt. It stays positive.
    #[config(default = "false")]
    pub learnable: bool,
    /// How many channels, along dim 1, have a beta each to learn; without it, or with 1, one beta is for all.
    #[config(default = "None")]
    pub channels: Option<usize>,
    /// The largest beta that is used, however far it learns.
    #[config(default = "None")]
    pub max_beta: Option<f64>,
}

/// [`soft_argmax`](crate::soft_argmax()) as a module.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Weighting, nn::SoftArgmaxConfig};
///
/// let device = Device::flex();
/// let soft_argmax = SoftArgmaxConfig::new()
///     .with_weighting(Weighting::softmax(10.0).within(3))
///     .with_learnable(true)
///     .init(&device);
/// let logits = Tensor::<2>::from_floats([[0.0, 0.0, 9.0]], &device);
/// assert_eq!(soft_argmax.forward(logits).into_scalar::<f32>(), 2.0);
/// ```
#[derive(Module, Debug)]
pub struct SoftArgmax {
    /// The dimension of the index; a negative one counts from the end.
    pub dim: i64,
    /// How scores become weights, but for a beta that is learnt.
    #[module(skip)]
    pub weighting: Weighting,
    /// The inverse temperature, `None` for weights that are given.
    pub beta: Option<Beta>,
}

impl SoftArgmaxConfig {
    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt, if there is none to be learnt, if
    /// `channels` or `max_beta` is given for a beta that is not, is 0, or smaller than beta, or if the
    /// weighting is another that the operator refuses.
    #[track_caller]
    pub fn init(&self, device: &Device) -> SoftArgmax {
        let learning = Learning {
            learnable: self.learnable,
            channels: self.channels,
            max_beta: self.max_beta,
        };
        SoftArgmax {
            dim: self.dim,
            weighting: self.weighting,
            beta: Beta::of_weighting("SoftArgmax", self.weighting, learning, device),
        }
    }
}

impl SoftArgmax {
    /// The expected index along `dim`, which is kept at size 1.
    ///
    /// A learnt beta gets its exact gradient, to which masks of `-inf` add nothing.
    ///
    /// # Panics
    ///
    /// As [`soft_argmax`](crate::soft_argmax()).
    #[track_caller]
    pub fn forward<const D: usize>(&self, logits: Tensor<D>) -> Tensor<D> {
        let dim = crate::functions::check_dim("SoftArgmax", &logits, self.dim);
        let logits = logits.dequantize();
        let dtype = logits.dtype();
        let (logits, weighting) = match &self.beta {
            Some(beta) => beta.weigh("SoftArgmax", logits, &[dim], self.weighting),
            None => (logits, self.weighting),
        };
        soft_argmax(logits, dim, weighting).cast(dtype)
    }
}
