//! Gradients of an operator by Burn's autodiff.

use burn::tensor::Tensor;

/// The gradient of `sum(upstream * op(x))` with respect to `x`, which becomes a leaf as it lies.
///
/// The sum is left to `backward`, which starts from ones: as an operation it would be tuned anew for
/// every shape on a GPU.
pub fn gradient<const D: usize>(
    x: Tensor<D>,
    upstream: Tensor<D>,
    op: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let x = x.detach().require_grad();
    let weighted = op(x.clone()) * upstream;
    x.grad(&weighted.backward()).expect("x is a tracked leaf")
}
