use alloc::{vec, vec::Vec};

use burn_core as burn;
use burn_core::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};

use super::learning::Learning;
use crate::{
    Weighting, composed::accumulator_max, functions::check_weighting, precision::accumulator,
    weighting::Weights,
};

/// An inverse temperature, fixed or learnt.
///
/// # What is stored
///
/// A fixed beta is in the configuration, and no record has it. A learnt one is one parameter, its natural
/// logarithm: `[1]`, or `[channels]`, in `f32` unless the module was cast, under the path `beta.log` after that of the
/// module. The largest value that is used is in the configuration, and the record has the logarithm as it was
/// learnt, above it or not.
///
/// | of a record | into a module | |
/// |---|---|---|
/// | learnt | that learns | the same, bit for bit |
/// | learnt | with a fixed beta | refused: `Unused tensors: ["beta.log"]`. With [`allow_unused(true)`], the configuration's beta stays |
/// | fixed | that learns | refused: `Missing tensors: ["beta.log"]`. With [`allow_partial(true)`], it starts from the configuration's beta |
/// | learnt | with other channels | refused, whatever is allowed: `beta.log: shape mismatch, expected Shape { dims: [3] } but record has Shape { dims: [1] }` |
///
/// To keep what was learnt and learn no more, load it into a module that learns and [`freeze`](Module::freeze) that.
/// One beta can also become that of a configuration: it is what [`values`](Beta::values) has.
///
/// # Learning rate and weight decay
///
/// An optimizer changes the logarithm, so a step multiplies: one of Adam, of about the learning rate whatever the
/// gradient, takes beta to `beta * exp(rate)` or `beta * exp(-rate)`, which is 1 % at a rate of 0.01. The gradient,
/// by which SGD steps, is `beta` times that of beta itself.
///
/// Weight decay pulls the logarithm to 0, and so beta to 1. AdamW, whose decay is 1e-4 unless set, makes it
/// `beta.powf(1 - rate * decay)` in each step. Where 1 is no better than another value, leave it out:
///
/// ```
/// use burn::{
///     module::ParamGroup,
///     optim::{AdamWConfig, GradientsParams},
///     tensor::{Device, Tensor},
/// };
/// use burn_argmax::{Weighting, nn::SoftArgmaxConfig};
///
/// let device = Device::flex().autodiff();
/// let config = SoftArgmaxConfig::new().with_weighting(Weighting::softmax(20.0)).with_learnable(true);
/// let module = config.init(&device);
/// let decayed = AdamWConfig::new().with_weight_decay(0.1);
/// let mut optimizer = decayed.init().with_group(
///     ParamGroup::from_predicate("beta.log"),
///     decayed.clone().with_weight_decay(0.0).build(),
///     None,
/// );
/// // Scores that are all the same say nothing about beta.
/// let index = module.forward(Tensor::<2>::zeros([1, 5], &device));
/// let gradients = GradientsParams::from_grads(index.backward(), &module);
/// let before = module.beta.as_ref().map(|beta| beta.values());
/// let module = optimizer.step(0.1, module, gradients);
/// assert_eq!(module.beta.map(|beta| beta.values()), before);
/// ```
///
/// [`allow_unused(true)`]: burn_core::store::ModuleRecord::allow_unused
/// [`allow_partial(true)`]: burn_core::store::ModuleRecord::allow_partial
#[derive(Module, Debug)]
pub struct Beta {
    /// The value that it starts from, and keeps if it is fixed.
    pub(super) initial: f64,
    log: Option<Param<Tensor<1>>>,
    /// The largest value that is used.
    max: Option<f64>,
}

impl Beta {
    /// If there is one to start from, after [`Learning::validate`].
    pub(super) fn new(initial: Option<f64>, learning: Learning, device: &Device) -> Option<Self> {
        let initial = initial?;
        let log = learning.learnable.then(|| {
            let log = vec![initial.ln() as f32; learning.channels.unwrap_or(1)];
            Param::from_tensor(Tensor::from_floats(&log[..], device))
        });
        Some(Self {
            initial,
            log,
            max: learning.max_beta,
        })
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
