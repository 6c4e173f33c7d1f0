use burn::{config::Config, tensor::Tensor};
use burn_argmax::{
    Estimator, Surrogate, nn::SampledOneHotConfig, sign_one_hot, soft_argmax,
    straight_through_one_hot,
};
use clap::ValueEnum;

/// How the index of the peak is read from the logits.
#[derive(Config, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Op {
    /// Soft-argmax: the expected index under the softmax.
    Soft,
    /// The index of the straight-through one-hot, with the softmax's gradient.
    StraightThrough,
    /// The index of a one-hot that is drawn while training, with the gradient of a Gumbel-softmax.
    GumbelSoftmax,
    /// The same with the gradient of ReinMax.
    ReinMax,
    /// The same with that of the gapped straight-through.
    Gapped,
    /// The mean index that the sign trick marks. Its gradient is zero: it does not learn.
    Sign,
}

impl Op {
    /// The name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Op::Soft => "soft",
            Op::StraightThrough => "straight-through",
            Op::GumbelSoftmax => "gumbel-softmax",
            Op::ReinMax => "rein-max",
            Op::Gapped => "gapped",
            Op::Sign => "sign",
        }
    }

    /// The predicted index `[batch, 1]` of logits `[batch, samples]`.
    pub fn index(self, logits: Tensor<2>) -> Tensor<2> {
        match self {
            Op::Soft => soft_argmax(logits, 1, 1.0),
            Op::StraightThrough => {
                let surrogate = Surrogate::Softmax { beta: 1.0 };
                mean_index(straight_through_one_hot(logits, 1, surrogate))
            }
            Op::GumbelSoftmax => mean_index(drawn(logits, Estimator::GumbelSoftmax { beta: 1.0 })),
            Op::ReinMax => mean_index(drawn(logits, Estimator::ReinMax { beta: 1.0 })),
            Op::Gapped => mean_index(drawn(
                logits,
                Estimator::Gapped {
                    beta: 1.0,
                    gap: 1.0,
                },
            )),
            Op::Sign => {
                let marked = sign_one_hot(logits, 1);
                mean_index(marked.clone() / marked.sum_dim(1))
            }
        }
    }
}

/// A one-hot that is drawn while training, and at the maximum afterwards.
fn drawn(logits: Tensor<2>, estimator: Estimator) -> Tensor<2> {
    SampledOneHotConfig::new(estimator).init().forward(logits)
}

/// `sum_i i * weight_i` of weights that sum to 1.
fn mean_index(weights: Tensor<2>) -> Tensor<2> {
    let [_, samples] = weights.dims();
    let device = weights.device();
    let indices = Tensor::arange(0..samples as i64, &device).float();
    (weights * indices.unsqueeze()).sum_dim(1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Drawn ones too: while training with a gradient, afterwards at the maximum.
    #[test]
    fn learns_and_is_exact_afterwards() {
        let device = Device::default();
        let scores = [[0.0f32, 3.0, 1.0, 2.0], [5.0, 0.0, 0.0, 1.0]];
        for op in Op::value_variants() {
            if matches!(op, Op::Soft | Op::Sign) {
                continue;
            }
            let logits = Tensor::<2>::from_floats(scores, &device);
            op.index(logits)
                .into_data()
                .assert_eq(&[[1.0f32], [0.0]].into(), false);

            let logits =
                Tensor::<2>::from_floats(scores, &device.clone().autodiff()).require_grad();
            let gradients = op.index(logits.clone()).sum().backward();
            let slopes = logits.grad(&gradients).expect("a leaf");
            assert!(slopes.abs().max().into_scalar::<f32>() > 0.0, "{op:?}");
        }
    }
}
