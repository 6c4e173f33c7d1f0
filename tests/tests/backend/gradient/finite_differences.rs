use burn::tensor::{DType, Device, Tensor, TensorData, activation::softmax};
use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_within, largest},
    data::{uniform, values, widen},
    device::computes,
    gradient::gradient,
};

use super::device;

const N: usize = 5;
const BETA: f64 = 1.5;

/// A step and the tolerance that truncation and rounding leave for it.
fn precision(device: &Device) -> (DType, f64, f64) {
    if computes(device, DType::F64) {
        (DType::F64, 1e-5, 1e-8)
    } else {
        (DType::F32, 1e-2, 1e-3)
    }
}

/// Compares the gradient of `sum(upstream * op(x))` for one row with the central differences of
/// `sum(upstream * smooth(x))`.
fn assert_differences_match(
    op: impl FnOnce(Tensor<2>) -> Tensor<2>,
    smooth: impl FnOnce(Tensor<2>) -> Tensor<2>,
    upstream: &[f32],
) {
    let Some(device) = device() else { return };
    let (dtype, step, tolerance) = precision(&device);
    let on = |values: Vec<f64>| {
        let rows = values.len() / N;
        let data = TensorData::new(values, [rows, N]).convert_dtype(dtype);
        Tensor::<2>::from_data(data, (&device, dtype))
    };
    let x = widen(&uniform(16, N));

    // One row a perturbation, so that all of them are one call.
    let perturbed = (0..2 * N).flat_map(|row| {
        let mut x = x.clone();
        x[row / 2] += if row % 2 == 0 { step } else { -step };
        x
    });
    let objective: Vec<f64> = values(smooth(on(perturbed.collect())))
        .chunks(upstream.len())
        .map(|y| y.iter().zip(upstream).map(|(y, &g)| y * f64::from(g)).sum())
        .collect();
    let differences: Vec<_> = objective
        .chunks(2)
        .map(|y| (y[0] - y[1]) / (2.0 * step))
        .collect();

    let data = TensorData::new(upstream.to_vec(), [1, upstream.len()]).convert_dtype(dtype);
    let upstream = Tensor::from_data(data, (&device, dtype));
    let got = values(gradient(on(x), upstream, op));
    assert!(largest(&got) > 100.0 * tolerance, "{got:?}");
    assert_within(&got, &differences, |_| tolerance);
}

#[test]
fn of_soft_argmax() {
    assert_differences_match(
        |x| soft_argmax(x, 1, BETA),
        |x| soft_argmax(x, 1, BETA),
        &[0.75],
    );
}

/// The surrogate's gradient is by definition the gradient of the softmax.
#[test]
fn of_the_softmax_surrogate() {
    assert_differences_match(
        |x| straight_through_one_hot(x, 1, Surrogate::Softmax { beta: BETA }),
        |x| softmax(x * BETA, 1),
        &[0.75, -0.5, 2.0, 1.0, -3.0],
    );
}
