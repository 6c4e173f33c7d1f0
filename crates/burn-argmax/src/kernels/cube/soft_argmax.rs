use burn_cubecl::tensor::CubeTensor;

use super::{
    gradient::gradient,
    state::{Coordinates, line_state},
};

/// See [`ArgmaxOps::soft_argmax_forward`](crate::ArgmaxOps::soft_argmax_forward).
pub(crate) fn soft_argmax_forward(
    logits: CubeTensor,
    dim: usize,
    beta: f64,
) -> (CubeTensor, CubeTensor) {
    let (state, result) = line_state(logits, Coordinates::Indices, dim, beta);
    (result.expect("indices have a result"), state)
}

/// See [`ArgmaxOps::soft_argmax_backward`](crate::ArgmaxOps::soft_argmax_backward).
pub(crate) fn soft_argmax_backward(
    logits: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    beta: f64,
) -> CubeTensor {
    gradient(logits, Coordinates::Indices, state, Some(grad), dim, beta)
}

/// See [`ArgmaxOps::softmax_surrogate_backward`](crate::ArgmaxOps::softmax_surrogate_backward).
///
/// The gradient of the softmax average of `grad`, with `grad` held fixed: the same two kernels,
/// with `grad` for the coordinates.
pub(crate) fn softmax_surrogate_backward(
    logits: CubeTensor,
    grad: CubeTensor,
    dim: usize,
    beta: f64,
) -> CubeTensor {
    let coordinates = || Coordinates::Values(Box::new(grad.clone()));
    let (state, _) = line_state(logits.clone(), coordinates(), dim, beta);
    gradient(logits, coordinates(), state, None, dim, beta)
}
