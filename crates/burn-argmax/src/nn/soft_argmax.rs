use burn_core as burn;
use burn_core::{
    module::Module,
    tensor::{DType, Device, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{Beta, last, learning::Learning, softmax};
use crate::{
    Weighting,
    config::{config, deserialize},
    functions::accept,
    soft_argmax,
};

/// Configuration of [`SoftArgmax`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SoftArgmaxConfig {
    /// The dimension of the index; a negative one counts from the end. By default the last.
    pub dim: i64,
    /// How scores become weights. A beta that is learnt starts from its beta. By default a
    /// softmax whose beta is 1.
    pub weighting: Weighting,
    /// Whether beta is learnt. It stays positive. By default it is not.
    pub learnable: bool,
    /// How many channels, along dim 1, have a beta each to learn; without it, or with 1, one beta is for all.
    pub channels: Option<usize>,
    /// The largest beta that is used, however far it learns.
    pub max_beta: Option<f64>,
}

#[derive(Deserialize)]
#[serde(
    remote = "SoftArgmaxConfig",
    default = "SoftArgmaxConfig::new",
    deny_unknown_fields
)]
struct Stored {
    dim: i64,
    weighting: Weighting,
    learnable: bool,
    channels: Option<usize>,
    max_beta: Option<f64>,
}

deserialize!(SoftArgmaxConfig, Stored, read => read.validate());
config!(SoftArgmaxConfig {
    with_dim dim: i64,
    with_weighting weighting: Weighting,
    with_learnable learnable: bool,
    with_channels channels: Option<usize>,
    with_max_beta max_beta: Option<f64>,
});

impl Default for SoftArgmaxConfig {
    fn default() -> Self {
        Self::new()
    }
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
    /// The last dimension, by a softmax whose beta is 1 and not learnt.
    pub fn new() -> Self {
        Self {
            dim: last(),
            weighting: softmax(),
            learnable: false,
            channels: None,
            max_beta: None,
        }
    }

    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt, if there is none to be learnt, if
    /// `channels` or `max_beta` is given for a beta that is not, is 0, or smaller than beta, or if the
    /// weighting is another that the operator refuses.
    #[track_caller]
    pub fn init(&self, device: &Device) -> SoftArgmax {
        accept(self.validate());
        SoftArgmax {
            dim: self.dim,
            weighting: self.weighting,
            beta: Beta::new(self.weighting.beta(), self.learning(), device),
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
        let beta = self.weighting.beta();
        let why = "weights that are given, which have no beta";
        self.learning().validate("SoftArgmax", beta, why)?;
        self.weighting.validate("SoftArgmax", DType::F64)
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
