use burn_core as burn;
use burn_core::{
    module::{Module, Param},
    tensor::{DType, Device, Tensor},
};

use crate::{
    Weighting, composed::accumulator_max, functions::check_weighting, precision::accumulator,
    weighting::Weights,
};

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

    /// That of a weighting, if it has one.
    ///
    /// # Panics
    ///
    /// As [`Beta::new`], if there is none to be learnt, and as the operators refuse a weighting.
    #[track_caller]
    pub(super) fn of_weighting(
        module: &str,
        weighting: Weighting,
        learnable: bool,
        device: &Device,
    ) -> Option<Self> {
        let Some(beta) = weighting.beta() else {
            assert!(
                !learnable,
                "{module}: learnable must be false with weights that are given, which have no beta, \
                 got true"
            );
            return None;
        };
        let beta = Self::new(module, beta, learnable, device);
        check_weighting(module, weighting, DType::F64);
        Some(beta)
    }

    /// The value at present.
    pub fn value(&self) -> f64 {
        match &self.log {
            None => self.initial,
            Some(log) => f64::from(log.val().detach().into_scalar::<f32>()).exp(),
        }
    }

    /// Logits and the weighting to use with them: a learnt beta is multiplied in, so that it gets its
    /// gradient. Rows run along `dims`.
    #[track_caller]
    pub(super) fn weigh<const D: usize>(
        &self,
        module: &str,
        logits: Tensor<D>,
        dims: &[usize],
        weighting: Weighting,
    ) -> (Tensor<D>, Weighting) {
        const ABOVE_ZERO: Weights = Weights::Above {
            beta: 1.0,
            level: 0.0,
        };
        // As the scores are, before they are cast.
        let weighting = check_weighting(module, weighting, logits.dtype());
        let (level, weights) = match (&self.log, weighting.weights) {
            (Some(_), Weights::Softmax { .. }) => (None, Weights::Softmax { beta: 1.0 }),
            (Some(_), Weights::Above { level, .. }) => (Some(level), ABOVE_ZERO),
            _ => return (logits, weighting),
        };
        (
            self.scale(logits, dims, level),
            Weighting {
                weights,
                ..weighting
            },
        )
    }

    /// Logits times a learnt beta, in the dtype that sums run in: how far they are from a level, or from
    /// the maximum of their row.
    fn scale<const D: usize>(
        &self,
        logits: Tensor<D>,
        dims: &[usize],
        level: Option<f64>,
    ) -> Tensor<D> {
        let Some(log) = &self.log else {
            return logits;
        };
        if logits.shape().num_elements() == 0 {
            return logits;
        }
        let dtype = accumulator([logits.dtype()]);
        let logits = logits.cast(dtype);
        let constant = logits.clone().detach();
        let largest = accumulator_max(dtype);
        // What is not finite must not meet the product at all: the gradient of beta would be
        // 0 * inf. In the maximum neither: the other scores of a row with a NaN keep their place.
        let infinite = constant.clone().is_finite().bool_not();
        let beta = log
            .val()
            .cast(dtype)
            .exp()
            .clamp_max(largest)
            .reshape([1; D]);
        let finite = constant.mask_fill(infinite.clone(), -largest);
        let max = dims.iter().fold(finite, |max, &dim| max.max_dim(dim));
        let shifted = logits.clone() - max.clone();
        let (shifted, raised) = match level {
            None => (shifted, Tensor::zeros_like(&max)),
            Some(level) => {
                // Scores far from the level would lose what they differ by. So where it is far below, they
                // are counted from what is just as far below the maximum for their weights, and
                // where nothing is above it, from the maximum.
                const FAR: f64 = 80.0;
                let rise = max - level;
                let above = rise.clone().greater_elem(0.0);
                let far = (rise.clone() * beta.clone().detach()).greater_elem(FAR);
                let near = above.bool_and(far.clone().bool_not()).expand(logits.dims());
                let raised = Tensor::zeros_like(&rise).mask_fill(far, FAR);
                (shifted.mask_where(near, logits.clone() - level), raised)
            }
        };
        // Without its maximum the product stays finite, unless two scores are farther apart than the
        // largest number.
        let shifted = shifted.clamp(-largest, largest);
        let shifted = shifted.mask_fill(infinite.clone(), 0.0);
        let scaled = (shifted * beta + raised).clamp(-largest, largest);
        scaled.mask_where(infinite, logits)
    }
}
