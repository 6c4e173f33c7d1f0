use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{uniform, values},
    device::computes,
    oracle,
};

use super::device;

const N: usize = 1025;

/// The dtypes that the device computes in, each with its rounding error.
fn dtypes(device: &Device) -> Vec<(DType, f64)> {
    let epsilons = [
        (DType::F64, f64::EPSILON),
        (DType::F32, f64::from(f32::EPSILON)),
        (DType::F16, f64::from(half::f16::EPSILON)),
        (DType::BF16, f64::from(half::bf16::EPSILON)),
    ];
    epsilons
        .into_iter()
        .filter(|(dtype, _)| computes(device, *dtype))
        .collect()
}

/// Three rows in the dtype.
fn rows(device: &Device, dtype: DType) -> Tensor<2> {
    let data = TensorData::new(uniform(8, 3 * N), [3, N]);
    Tensor::from_data(data.convert_dtype(dtype), (device, dtype))
}

#[test]
fn soft_argmax_keeps_the_dtype_and_rounds_once() {
    let Some(device) = device() else { return };
    for (dtype, epsilon) in dtypes(&device) {
        let x = rows(&device, dtype);
        let exact: Vec<_> = values(x.clone())
            .chunks(N)
            .map(|row| oracle::soft_argmax(row, 2.0))
            .collect();
        let index = soft_argmax(x, 1, 2.0);
        assert_eq!(index.dtype(), dtype);

        // Sums run in f32 below f64; the rounding to the dtype comes on top.
        let sums = if dtype == DType::F64 { 1e-14 } else { 4e-7 };
        assert_within(&values(index), &exact, |want| {
            epsilon * want.abs() + sums * N as f64
        });
    }
}

#[test]
fn one_hots_keep_the_dtype_and_are_exact() {
    let Some(device) = device() else { return };
    for (dtype, _) in dtypes(&device) {
        let x = rows(&device, dtype);
        let data = values(x.clone());

        let one_hot = straight_through_one_hot(x.clone(), 1, Surrogate::Softmax { beta: 1.0 });
        assert_eq!(one_hot.dtype(), dtype);
        let want: Vec<_> = data.chunks(N).flat_map(oracle::one_hot).collect();
        assert_exact(&values(one_hot), &want);

        let marked = sign_one_hot(x, 1);
        assert_eq!(marked.dtype(), dtype);
        let want: Vec<_> = data.chunks(N).flat_map(oracle::sign_one_hot).collect();
        assert_exact(&values(marked), &want);
    }
}

#[test]
fn f64_sees_what_f32_cannot() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F64) {
        return;
    }
    let row = [1.0, 1.0 + 1e-12, 1.0];
    let x = || Tensor::<1>::from_data(TensorData::new(row.to_vec(), [3]), (&device, DType::F64));
    assert_exact(&values(sign_one_hot(x(), 0)), &[0.0, 1.0, 0.0]);
    // In f32 the two entries tie, at 0.5.
    let index = values(soft_argmax(x().narrow(0, 0, 2), 0, 1e12));
    let want = oracle::soft_argmax(&row[..2], 1e12);
    assert!(want > 0.7);
    assert_within(&index, &[want], |_| 1e-14);
}
