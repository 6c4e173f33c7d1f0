use burn_core::tensor::{Bool, Device, Tensor, kind::Basic};

use crate::{
    broken::{blank, not_finite, restore},
    precision::accumulator,
};

/// Refuses coordinates that do not belong together.
#[track_caller]
fn check_coordinates(op: &str, predicted: &Tensor<3>, target: &Tensor<3>) {
    let shape = predicted.dims();
    assert!(
        shape == target.dims(),
        "{op}: predicted and target must have the same shape, got {shape:?} and {:?}",
        target.dims()
    );
    assert!(
        shape[2] > 0,
        "{op}: predicted must have at least one coordinate a location, got shape {shape:?}"
    );
    check_device(
        op,
        ["predicted", "target"],
        [&predicted.device(), &target.device()],
    );
}

/// Refuses arguments on different devices.
#[track_caller]
pub(super) fn check_device(op: &str, names: [&str; 2], devices: [&Device; 2]) {
    assert!(
        devices[0] == devices[1],
        "{op}: {} and {} must be on the same device, got {:?} and {:?}",
        names[0],
        names[1],
        devices[0],
        devices[1]
    );
}

/// Refuses a target that has not one entry for each row of logits along `dim`.
#[track_caller]
pub(super) fn check_target<const D: usize, K: Basic>(
    op: &str,
    logits: &Tensor<D>,
    target: &Tensor<D, K>,
    dim: usize,
) {
    let shape = logits.dims();
    let mut wanted = shape;
    wanted[dim] = 1;
    assert!(
        wanted == target.dims(),
        "{op}: target must be {wanted:?} for logits of shape {shape:?}, got {:?}",
        target.dims()
    );
    check_device(
        op,
        ["logits", "target"],
        [&logits.device(), &target.device()],
    );
}

/// A loss of the differences between two sets of coordinates, in the dtype of `predicted`.
#[track_caller]
pub(super) fn of_differences(
    op: &str,
    predicted: Tensor<3>,
    target: Tensor<3>,
    loss: fn(Tensor<3>) -> Tensor<2>,
) -> Tensor<2> {
    check_coordinates(op, &predicted, &target);
    let [predicted, target] = [predicted, target].map(Tensor::dequantize);
    let dtype = predicted.dtype();
    let [batch, locations, _] = predicted.dims();
    if batch * locations == 0 {
        return predicted.reshape([batch, locations]);
    }
    let wide = accumulator([dtype, target.dtype()]);
    let inputs = [predicted, target].map(|input| input.cast(wide));
    // The difference of two finite numbers may be infinite too.
    let broken: Tensor<2, Bool> = not_finite(inputs[0].clone() - inputs[1].clone());
    let [predicted, target] = inputs.clone().map(|input| blank(input, &broken));
    restore(loss(predicted - target), &broken, inputs).cast(dtype)
}
