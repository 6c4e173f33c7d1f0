//! What is drawn from scores: the operators of scores, on these with noise.

use burn_cubecl::tensor::CubeTensor;

use super::{
    launch::Inputs,
    lines::Lines,
    one_hot::{indices, one_hots},
    softmax::{gradients, softmaxes},
};
use crate::composed::SCORES;

/// See [`ArgmaxOps::sampled_argmax`](crate::ArgmaxOps::sampled_argmax).
pub(crate) fn sampled_argmax(logits: CubeTensor, key: CubeTensor, dim: usize) -> CubeTensor {
    let lines = Lines::new("sampled_argmax", "logits", &logits, dim);
    let scores = Inputs::of(lines.view(logits)).with_noise(&lines, key, SCORES);
    indices(&lines, scores)
}

/// See [`ArgmaxOps::sampled_one_hot_forward`](crate::ArgmaxOps::sampled_one_hot_forward).
pub(crate) fn sampled_one_hot(logits: CubeTensor, key: CubeTensor, dim: usize) -> CubeTensor {
    let lines = Lines::new("sampled_one_hot", "logits", &logits, dim);
    let scores = Inputs::of(lines.view(logits)).with_noise(&lines, key, SCORES);
    one_hots(&lines, scores)
}

/// See [`ArgmaxOps::gumbel_softmax`](crate::ArgmaxOps::gumbel_softmax).
pub(crate) fn gumbel_softmax(
    logits: CubeTensor,
    key: CubeTensor,
    dim: usize,
    beta: f64,
) -> CubeTensor {
    let lines = Lines::new("gumbel_softmax", "logits", &logits, dim);
    let scores = Inputs::of(lines.view(logits)).with_noise(&lines, key, SCORES);
    softmaxes(&lines, scores, beta)
}

/// The vector-Jacobian product of that.
pub(crate) fn gumbel_softmax_backward(
    logits: CubeTensor,
    key: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    beta: f64,
) -> CubeTensor {
    let mut lines = Lines::new("gumbel_softmax_backward", "logits", &logits, dim);
    lines.admit("grad", &grad, lines.length(), lines.dtype);
    let scores = Inputs::of(lines.view(logits)).with_noise(&lines, key, SCORES);
    gradients(&lines, scores, grad, beta)
}
