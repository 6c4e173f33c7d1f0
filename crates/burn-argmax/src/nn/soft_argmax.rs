use burn_core as burn;
use burn_core::{
    config::Config,
    module::Module,
    tensor::{Device, Tensor},
};

use super::Beta;
use crate::soft_argmax;

/// Configuration of [`SoftArgmax`].
#[derive(Config, Debug, PartialEq)]
pub struct SoftArgmaxConfig {
    /// The dimension of the index; a negative one counts from the end.
    #[config(default = "-1")]
    pub dim: i64,
    /// The inverse temperature, or where it starts if it is learnt.
    #[config(default = "1.0")]
    pub beta: f64,
    /// Whether beta is learnt. It stays positive.
    #[config(default = "false")]
    pub learnable: bool,
}

/// [`soft_argmax`](crate::soft_argmax()) as a module.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::nn::SoftArgmaxConfig;
///
/// let device = Device::flex();
/// let soft_argmax = SoftArgmaxConfig::new().with_beta(10.0).with_learnable(true).init(&device);
/// let logits = Tensor::<2>::from_floats([[0.0, 0.0, 9.0]], &device);
/// assert_eq!(soft_argmax.forward(logits).into_scalar::<f32>(), 2.0);
/// ```
#[derive(Module, Debug)]
pub struct SoftArgmax {
    /// The dimension of the index; a negative one counts from the end.
    pub dim: i64,
    /// The inverse temperature.
    pub beta: Beta,
}

impl SoftArgmaxConfig {
    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt.
    #[track_caller]
    pub fn init(&self, device: &Device) -> SoftArgmax {
        SoftArgmax {
            dim: self.dim,
            beta: Beta::new("SoftArgmax", self.beta, self.learnable, device),
        }
    }
}

impl SoftArgmax {
    /// The expected index along `dim`, which is kept at size 1.
    ///
    /// A learnt beta gets the gradient of `softmax(beta * logits)`, to which masks of `-inf` add
    /// nothing.
    ///
    /// # Panics
    ///
    /// As [`soft_argmax`](crate::soft_argmax()).
    #[track_caller]
    pub fn forward<const D: usize>(&self, logits: Tensor<D>) -> Tensor<D> {
        let dim = crate::functions::check_dim("SoftArgmax", &logits, self.dim);
        let logits = logits.dequantize();
        let dtype = logits.dtype();
        let (logits, beta) = self.beta.apply(logits, &[dim]);
        soft_argmax(logits, dim, beta).cast(dtype)
    }
}
