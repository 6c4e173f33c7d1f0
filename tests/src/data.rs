//! Shapes and values for the suites.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::Estimator;
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A row of one, of two, and rows just off the sizes that kernels are built around.
pub const LENGTHS: [usize; 6] = [1, 2, 31, 1023, 1025, 65_537];

/// The awkward shapes, each with the dimension of the index.
pub fn shapes() -> Vec<([usize; 3], usize)> {
    let rows = LENGTHS.map(|n| ([3, 1, n], 2));
    let columns = [
        ([2, 31, 3], 1),
        ([1, 1025, 5], 1),
        ([31, 1, 2], 0),
        ([2, 31, 600], 1),
        ([1, 4099, 37], 1),
    ];
    let few = [([1, 1, 31], 2), ([0, 1, 31], 2), ([2, 31, 0], 1)];
    rows.into_iter().chain(columns).chain(few).collect()
}

/// One of each.
pub const ESTIMATORS: [Estimator; 6] = [
    Estimator::Identity,
    Estimator::Softmax { beta: 1.5 },
    Estimator::GumbelSoftmax { beta: 0.7 },
    Estimator::ReinMax { beta: 1.2 },
    Estimator::GumbelRao {
        beta: 2.0,
        samples: 3,
    },
    Estimator::Gapped {
        beta: 1.5,
        gap: 1.0,
    },
];

/// Lengths about those of vectors, and of lines that are worked on many at a time.
pub const SHORT: [usize; 18] = [
    1, 2, 3, 4, 5, 8, 10, 15, 16, 17, 31, 32, 33, 64, 65, 300, 511, 512,
];

/// Values between -4 and 4.
pub fn uniform(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-4.0..4.0)).collect()
}

/// Lines of `n` values, at least 9: the first with what has no softmax, masks, ties and huge values,
/// the others like [`uniform`].
pub fn extreme_lines(lines: usize, n: usize) -> Vec<f32> {
    let mut values = uniform(30, lines * n);
    let specials = [
        (1, 11, f32::NAN),
        (2, 0, f32::INFINITY),
        (4, 0, f32::NEG_INFINITY),
        (4, 2, f32::NEG_INFINITY),
        (4, 9, f32::NEG_INFINITY),
        (5, 2, 5.0),
        (5, 15, 5.0),
        (6, 3, f32::MAX),
        (6, 4, f32::MIN),
        (7, 1, f32::INFINITY),
        (7, 2, f32::NAN),
    ];
    for (line, place, value) in specials {
        values[line * n + place % n] = value;
    }
    values[8 * n..9 * n].fill(f32::NEG_INFINITY);
    values
}

/// The same, long, with what is special about them at both ends.
pub fn long_extreme_lines(lines: usize, n: usize) -> Vec<f32> {
    let mut values = extreme_lines(lines, n);
    for line in values.chunks_mut(n) {
        line.rotate_left(8);
    }
    values
}

/// How many of so many lines may lie side by side: each by itself, a few, all of them.
pub fn widths(lines: usize) -> Vec<usize> {
    let few = 5;
    let mut widths = vec![1, lines];
    if lines.is_multiple_of(few) {
        widths.push(few);
    }
    widths
}

/// Lines of `n` values, one after the other, laid out `width` of them side by side.
pub fn side_by_side<T: Copy>(lines: &[T], n: usize, width: usize) -> Vec<T> {
    let mut out = Vec::with_capacity(lines.len());
    for table in lines.chunks(n * width) {
        for index in 0..n {
            for line in table.chunks(n) {
                out.push(line[index]);
            }
        }
    }
    out
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
