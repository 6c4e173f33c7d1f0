use burn_core::tensor::Tensor;

/// What is hard, exactly, with the gradient of what is soft; NaN where that is.
pub(super) fn straight_through<const D: usize>(hard: Tensor<D>, soft: Tensor<D>) -> Tensor<D> {
    let constant = soft.clone().detach();
    let broken = constant.clone().is_nan();
    hard.mask_fill(broken, f64::NAN) + (soft - constant)
}
