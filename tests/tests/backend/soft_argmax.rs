use burn::tensor::{DType, Tensor, TensorData};
use burn_argmax::{reference, soft_argmax};
use burn_argmax_tests::{
    check::{assert_exact, assert_index},
    data::{shapes, tensor, uniform, values, widen},
    oracle,
    rows::{join, rows},
};

use super::device;

fn expected(x: &[f32], shape: [usize; 3], dim: usize, beta: f64) -> Vec<f64> {
    let indices: Vec<_> = rows(&widen(x), shape, dim)
        .iter()
        .map(|row| vec![oracle::soft_argmax(row, beta)])
        .collect();
    join(&indices, shape, dim)
}

#[test]
fn matches_the_oracle() {
    let Some(device) = device() else { return };
    for (shape, dim) in shapes() {
        let x = uniform(1, shape.iter().product());
        let index = soft_argmax(tensor(&x, shape, &device), dim, 3.0);

        let mut kept = shape;
        kept[dim] = 1;
        assert_eq!(index.dims(), kept);
        assert_index(&values(index), &expected(&x, shape, dim, 3.0), shape[dim]);
    }
}

#[test]
fn matches_the_oracle_at_every_sharpness() {
    let Some(device) = device() else { return };
    let shape = [3, 1, 31];
    let x = uniform(2, shape.iter().product());
    for beta in [0.0, 1e-30, 1e-3, 0.7, 1.0, 20.0, 1e3, 1e10, 1e300] {
        let index = soft_argmax(tensor(&x, shape, &device), 2, beta);
        assert_index(&values(index), &expected(&x, shape, 2, beta), 31);
    }
}

#[test]
fn reference_matches_the_oracle() {
    let Some(device) = device() else { return };
    for (shape, dim) in [([3, 1, 1025], 2), ([2, 31, 3], 1)] {
        let x = uniform(3, shape.iter().product());
        let index = reference::soft_argmax(tensor(&x, shape, &device), dim, 3.0);
        assert_index(&values(index), &expected(&x, shape, dim, 3.0), shape[dim]);
    }
}

#[test]
fn matches_the_reference() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(4, 2 * 31 * 3), [2, 31, 3], &device);
    let index = soft_argmax(x.clone(), 1, 3.0);
    let reference = reference::soft_argmax(x, 1, 3.0);
    assert_eq!(index.dims(), reference.dims());
    assert_index(&values(index), &values(reference), 31);
}

#[test]
fn every_rank() {
    let Some(device) = device() else { return };
    let options = (&device, DType::F32);
    let row = || TensorData::new(vec![0f32, 0.0, 1e3, 0.0], [4]);

    let x = Tensor::<1>::from_data(row(), options);
    assert_exact(&values(soft_argmax(x.clone(), 0, 1.0)), &[2.0]);
    let index = soft_argmax(x.clone().reshape([1, 1, 1, 4, 1]), 3, 1.0);
    assert_eq!(index.dims(), [1, 1, 1, 1, 1]);
    assert_exact(&values(index), &[2.0]);
    let index = soft_argmax(x.reshape([1, 2, 2]), 2, 1.0);
    assert_exact(&values(index), &[0.5, 0.0]);
}

#[test]
fn negative_dim_counts_from_the_end() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(5, 2 * 31 * 3), [2, 31, 3], &device);
    let index = soft_argmax(x.clone(), -2, 3.0);
    assert_exact(&values(index), &values(soft_argmax(x, 1, 3.0)));
}
