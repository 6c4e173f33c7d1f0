use alloc::{vec, vec::Vec};

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
    pub(super) initial: f64,
    log: Option<Param<Tensor<1>>>,
    /// The largest value that is used.
    max: Option<f64>,
}

/// How a beta is learnt.
pub(super) struct Learning {
    pub(super) learnable: bool,
    pub(super) channels: Option<usize>,
    pub(super) max_beta: Option<f64>,
}

impl Learning {
    /// # Panics
    ///
    /// If something is said of a beta that is not learnt, or if there are no channels.
    #[track_caller]
    pub(super) fn check(&self, module: &str) {
        let (channels, max) = (self.channels, self.max_beta);
        assert!(
            self.learnable || channels.is_none() && max.is_none(),
            "{module}: channels and max_beta must be None unless learnable (with_learnable(true)), got {channels:?} and {max:?}"
        );
        assert!(
            channels != Some(0),
            "{module}: channels must be at least 1, got 0"
        );
    }
}

impl Beta {
    /// # Panics
    ///
    /// If `initial` is negative, infinite or NaN, or 0 and to be learnt, if the largest value is smaller,
    /// and as [`Learning::check`].
    #[track_caller]
    pub(super) fn new(module: &str, initial: f64, learning: Learning, device: &Device) -> Self {
        assert!(
            initial.is_finite() && initial >= 0.0 && (initial > 0.0 || !learning.learnable),
            "{module}: beta must be finite and >= 0, and > 0 to be learnt, got {initial}"
        );
        learning.check(module);
        assert!(
            learning
                .max_beta
                .is_none_or(|max| max >= initial && max.is_finite()),
            "{module}: max_beta must be finite and at least the beta to start from, {initial}, got {:?}",
            learning.max_beta
        );
        let log = learning.learnable.then(|| {
            let log = vec![initial.ln() as f32; learning.channels.unwrap_or(1)];
            Param::from_tensor(Tensor::from_floats(&log[..], device))
        });
        Self {
            initial,
            log,
            max: learning.max_beta,
        }
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
        learning: Learning,
        device: &Device,
    ) -> Option<Self> {
        let Some(beta) = weighting.beta() else {
            assert!(
                !learning.learnable,
                "{module}: learnable must be false with weights that are given, which have no beta, \
                 got true"
            );
            learning.check(module);
            return None;
        };
        let beta = Self::new(module, beta, learning, device);
        check_weighting(module, weighting, DType::F64);
        Some(beta)
    }

    /// Its logarithm, so that it stays positive, if it is learnt: `[1]`, or `[channels]`.
    pub fn log(&self) -> Option<&Param<Tensor<1>>> {
        self.log.as_ref()
    }

    /// What it is at present: one number, or one for each channel.
    pub fn values(&self) -> Vec<f64> {
        match &self.log {
            None => vec![self.initial],
            Some(log) => {
                let logs = log.val().detach().into_data();
                let max = self.max.unwrap_or(f64::MAX);
                // Not by `min`, which would hide a NaN.
                let bounded = |beta| if beta > max { max } else { beta };
                logs.iter::<f64>().map(|log| bounded(log.exp())).collect()
            }
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
            self.scale(module, logits, dims, level),
            Weighting {
                weights,
                ..weighting
            },
        )
    }

    /// Logits times a learnt beta, in the dtype that sums run in: how far they are from a level, or from
    /// the maximum of their row.
    #[track_caller]
    fn scale<const D: usize>(
        &self,
        module: &str,
        logits: Tensor<D>,
        dims: &[usize],
        level: Option<f64>,
    ) -> Tensor<D> {
        let Some(log) = &self.log else {
            return logits;
        };
        let shape = logits.dims();
        let channels = log.dims()[0];
        assert!(
            channels == 1 || (D > 1 && shape[1] == channels && !dims.contains(&1)),
            "{module}: dim 1 must be the {channels} channels that have a beta each, and not be reduced, \
             got shape {shape:?} and a result along {dims:?}"
        );
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
        let log = log.val().cast(dtype);
        let value = log.clone().detach().exp();
        let value = value.clamp_max(self.max.unwrap_or(largest).min(largest));
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
                let mut of_channel = [1; D];
                of_channel[D.min(2) - 1] = channels;
                let beta = value.clone().reshape(of_channel);
                let far = (rise.clone() * beta).greater_elem(FAR);
                let near = above.bool_and(far.clone().bool_not()).expand(shape);
                let raised = Tensor::zeros_like(&rise).mask_fill(far, FAR);
                (shifted.mask_where(near, logits.clone() - level), raised)
            }
        };
        // Without its maximum the product stays finite, unless two scores are farther apart than the
        // largest number.
        let shifted = shifted.clamp(-largest, largest);
        let shifted = shifted.mask_fill(infinite.clone(), 0.0);
        // The gradient passes the largest value too: a beta that went above it can come back.
        let zero = log.clone() - log.detach();
        let beta = spread(value.clone() + zero * value, shape);
        let scaled = (shifted * beta + raised).clamp(-largest, largest);
        scaled.mask_where(infinite, logits)
    }
}

/// One value, or one for each index along dim 1, for each element of a `shape`.
fn spread<const D: usize>(values: Tensor<1>, shape: [usize; D]) -> Tensor<D> {
    let channels = values.dims()[0];
    let count = shape.iter().product::<usize>() / channels;
    let spread = repeated(values.reshape([channels, 1]), count);
    if channels == 1 {
        return spread.reshape(shape);
    }
    let spread = spread.reshape([channels, shape[0], count / shape[0]]);
    spread.swap_dims(0, 1).reshape(shape)
}

/// Each entry `count` times, in levels, in which the gradients are summed: one running sum over a long
/// line loses digits.
fn repeated(entries: Tensor<2>, count: usize) -> Tensor<2> {
    const BLOCK: usize = 32;
    let channels = entries.dims()[0];
    if count <= BLOCK {
        return entries.expand([channels, count]);
    }
    let blocks = count.div_ceil(BLOCK);
    let blocks = repeated(entries, blocks).reshape([channels, blocks, 1]);
    let repeated: Tensor<2> = blocks.expand([-1, -1, BLOCK as i64]).flatten(1, 2);
    repeated.narrow(1, 0, count)
}
