use burn::{config::Config, tensor::Tensor};
use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use clap::ValueEnum;

/// How the index of the peak is read from the logits.
#[derive(Config, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Op {
    /// Soft-argmax: the expected index under the softmax.
    Soft,
    /// The index of the straight-through one-hot, with the softmax's gradient.
    StraightThrough,
    /// The mean index that the sign trick marks. Its gradient is zero: it does not learn.
    Sign,
}

impl Op {
    /// The name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Op::Soft => "soft",
            Op::StraightThrough => "straight-through",
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
            Op::Sign => {
                let marked = sign_one_hot(logits, 1);
                mean_index(marked.clone() / marked.sum_dim(1))
            }
        }
    }
}

/// `sum_i i * weight_i` of weights that sum to 1.
fn mean_index(weights: Tensor<2>) -> Tensor<2> {
    let [_, samples] = weights.dims();
    let device = weights.device();
    let indices = Tensor::arange(0..samples as i64, &device).float();
    (weights * indices.unsqueeze()).sum_dim(1)
}
