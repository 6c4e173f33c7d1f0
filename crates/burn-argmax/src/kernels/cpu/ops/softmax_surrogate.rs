//! The vector-Jacobian product of the softmax: the gradient of the softmax mean of the upstream
//! gradient, held fixed.

use super::{soft_argmax::Mean, softmax::Beta};
use crate::kernels::cpu::{Element, Lines, traverse};

/// `beta * p * (grad - sum(grad * p))`, which takes the place of `grad`: no memory of its own, whose
/// pages the system would have to clear first.
pub(crate) fn softmax_surrogate_backward<T: Element>(
    logits: &[T],
    grad: &mut [T],
    lines: Lines,
    beta: f64,
) {
    traverse::reduce_and_map(logits, grad, lines, Mean(Beta::new(beta)));
}
