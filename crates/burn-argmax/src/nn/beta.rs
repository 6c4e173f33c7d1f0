use burn_core as burn;
use burn_core::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use crate::{composed::accumulator_max, precision::accumulator};

/// An inverse temperature, fixed or learnt.
#[derive(Module, Debug)]
pub struct Beta {
    /// The value that it starts from, and keeps if it is fixed.
    pub initial: f64,
    /// Its logarithm `[1]`, if it is learnt: so it stays positive.
    pub log: Option<Param<Tensor<1>>>,
}

impl Beta {
    /// # Panics
    ///
    /// If `initial` is negative, infinite or NaN, or 0 and to be learnt.
    #[track_caller]
    pub(super) fn new(module: &str, initial: f64, learnable: bool, device: &Device) -> Self {
        assert!(
            initial.is_finite() && initial >= 0.0 && (initial > 0.0 || !learnable),
            "{module}: beta must be finite and >= 0, and > 0 to be learnt, got {initial}"
        );
        let log = learnable
            .then(|| Param::from_tensor(Tensor::from_floats([initial.ln() as f32], device)));
        Self { initial, log }
    }

    /// The value at present.
    pub fn value(&self) -> f64 {
        match &self.log {
            None => self.initial,
            Some(log) => f64::from(log.val().detach().into_scalar::<f32>()).exp(),
        }
    }

    /// Logits and the beta to use with them: a learnt one is multiplied in, in the dtype that sums
    /// run in, so that it gets its gradient. Softmax rows run along `dims`.
    pub(super) fn apply<const D: usize>(
        &self,
        logits: Tensor<D>,
        dims: &[usize],
    ) -> (Tensor<D>, f64) {
        let Some(log) = &self.log else {
            return (logits, self.initial);
        };
        if logits.shape().num_elements() == 0 {
            return (logits, self.initial);
        }
        let dtype = accumulator([logits.dtype()]);
        let logits = logits.cast(dtype);
        let constant = logits.clone().detach();
        let largest = accumulator_max(dtype);
        // What is not finite must not meet the product at all: the gradient of beta would be
        // 0 * inf. In the maximum neither: the other scores of a row with a NaN keep their place.
        let infinite = constant.clone().is_finite().bool_not();
        let finite = constant.mask_fill(infinite.clone(), -largest);
        let max = dims.iter().fold(finite, |max, &dim| max.max_dim(dim));
        // Without its maximum the product stays finite, unless two scores are farther apart than the
        // largest number.
        let shifted = (logits.clone() - max).clamp_min(-largest);
        let shifted = shifted.mask_fill(infinite.clone(), 0.0);
        let beta = log
            .val()
            .cast(dtype)
            .exp()
            .clamp_max(largest)
            .reshape([1; D]);
        ((shifted * beta).mask_where(infinite, logits), 1.0)
    }
}
