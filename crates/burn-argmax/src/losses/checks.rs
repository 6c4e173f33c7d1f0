use burn_core::tensor::Tensor;

/// Refuses coordinates that do not belong together.
pub(super) fn check_coordinates(op: &str, predicted: &Tensor<3>, target: &Tensor<3>) {
    assert!(
        predicted.dims() == target.dims(),
        "{op}: predicted and target must have the same shape, got {:?} and {:?}",
        predicted.dims(),
        target.dims()
    );
}

/// Refuses a width that no Gaussian has.
pub(crate) fn check_sigma(op: &str, sigma: f64) {
    assert!(
        sigma.is_finite() && sigma > 0.0,
        "{op}: sigma must be finite and > 0, got {sigma}"
    );
}
