use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_within, largest},
    data::{uniform, values},
    device::computes,
    gradient::gradient,
    oracle,
};

use super::device;

const N: usize = 1025;

/// The dtypes that the device computes in, each with its rounding error and the error of the sums.
fn dtypes(device: &Device) -> Vec<(DType, f64, f64)> {
    let errors = [
        (DType::F64, f64::EPSILON, 1e-12),
        (DType::F32, f64::from(f32::EPSILON), 2e-4),
        (DType::F16, f64::from(half::f16::EPSILON), 2e-4),
        (DType::BF16, f64::from(half::bf16::EPSILON), 2e-4),
    ];
    errors
        .into_iter()
        .filter(|(dtype, ..)| computes(device, *dtype))
        .collect()
}

fn on(device: &Device, dtype: DType, seed: u64, shape: [usize; 2]) -> Tensor<2> {
    let data = TensorData::new(uniform(seed, shape.iter().product()), shape);
    Tensor::from_data(data.convert_dtype(dtype), (device, dtype))
}

/// Every row within the error of the sums, relative to its largest entry, and one rounding.
#[track_caller]
fn assert_gradient(got: Tensor<2>, want: &[f64], epsilon: f64, sums: f64) {
    for (got, want) in values(got).chunks(N).zip(want.chunks(N)) {
        let largest = largest(want);
        assert_within(got, want, |want| epsilon * want.abs() + sums * largest);
    }
}

#[test]
fn soft_argmax_keeps_the_dtype() {
    let Some(device) = device() else { return };
    for (dtype, epsilon, sums) in dtypes(&device) {
        let x = on(&device, dtype, 8, [3, N]);
        let upstream = on(&device, dtype, 9, [3, 1]);
        let want: Vec<_> = values(x.clone())
            .chunks(N)
            .zip(values(upstream.clone()))
            .flat_map(|(row, g)| oracle::soft_argmax_gradient(row, 2.0, g))
            .collect();
        let got = gradient(x, upstream, |x| soft_argmax(x, 1, 2.0));
        assert_eq!(got.dtype(), dtype);
        assert_gradient(got, &want, epsilon, sums);
    }
}

#[test]
fn the_softmax_surrogate_keeps_the_dtype() {
    let Some(device) = device() else { return };
    for (dtype, epsilon, sums) in dtypes(&device) {
        let x = on(&device, dtype, 8, [3, N]);
        let upstream = on(&device, dtype, 9, [3, N]);
        let want: Vec<_> = values(x.clone())
            .chunks(N)
            .zip(values(upstream.clone()).chunks(N))
            .flat_map(|(row, g)| oracle::softmax_gradient(row, 2.0, g))
            .collect();
        let got = gradient(x, upstream, |x| {
            straight_through_one_hot(x, 1, Surrogate::Softmax { beta: 2.0 })
        });
        assert_eq!(got.dtype(), dtype);
        assert_gradient(got, &want, epsilon, sums);
    }
}
