//! Shapes and values for the suites.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A row of one, of two, and rows just off the sizes that kernels are built around.
pub const LENGTHS: [usize; 6] = [1, 2, 31, 1023, 1025, 65_537];

/// The awkward shapes, each with the dimension of the index.
pub fn shapes() -> Vec<([usize; 3], usize)> {
    let rows = LENGTHS.map(|n| ([3, 1, n], 2));
    let columns = [([2, 31, 3], 1), ([1, 1025, 5], 1), ([31, 1, 2], 0)];
    let few = [([1, 1, 31], 2), ([0, 1, 31], 2), ([2, 31, 0], 1)];
    rows.into_iter().chain(columns).chain(few).collect()
}

/// Values between -4 and 4.
pub fn uniform(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-4.0..4.0)).collect()
}

/// The same values in double precision.
pub fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| x.into()).collect()
}

/// An `f32` tensor, whatever the device's default is.
pub fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(
        TensorData::new(values.to_vec(), shape),
        (device, DType::F32),
    )
}

/// The values of a tensor of any dtype.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor
        .into_data()
        .convert::<f64>()
        .try_into_vec()
        .expect("data that was converted to f64")
}
