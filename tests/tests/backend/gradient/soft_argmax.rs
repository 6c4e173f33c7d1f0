use burn::tensor::Tensor;
use burn_argmax::{reference, soft_argmax};
use burn_argmax_tests::{
    check::assert_rows,
    data::{shapes, tensor, uniform, values, widen},
    gradient::gradient,
    oracle,
    rows::{join, rows},
};

use super::device;

const TOLERANCE: f64 = 2e-4;

fn expected<const D: usize>(
    x: &[f32],
    shape: [usize; D],
    dim: usize,
    beta: f64,
    upstream: &[f32],
) -> Vec<f64> {
    let mut kept = shape;
    kept[dim] = 1;
    let gradients: Vec<_> = rows(&widen(x), shape, dim)
        .iter()
        .zip(rows(&widen(upstream), kept, dim))
        .map(|(row, g)| oracle::soft_argmax_gradient(row, beta, g[0]))
        .collect();
    join(&gradients, shape, dim)
}

/// Checks one implementation on one shape.
#[track_caller]
fn assert_gradient(
    op: impl FnOnce(Tensor<3>) -> Tensor<3>,
    shape: [usize; 3],
    dim: usize,
    beta: f64,
) {
    let Some(device) = device() else { return };
    let mut kept = shape;
    kept[dim] = 1;
    let x = uniform(11, shape.iter().product());
    let upstream = uniform(12, kept.iter().product());
    let got = gradient(
        tensor(&x, shape, &device),
        tensor(&upstream, kept, &device),
        op,
    );
    assert_eq!(got.dims(), shape);
    let want = expected(&x, shape, dim, beta, &upstream);
    assert_rows(&values(got), &want, shape, dim, TOLERANCE);
}

#[test]
fn matches_the_oracle() {
    for (shape, dim) in shapes() {
        assert_gradient(|x| soft_argmax(x, dim, 3.0), shape, dim, 3.0);
    }
}

#[test]
fn matches_the_oracle_at_every_sharpness() {
    for beta in [0.0, 1e-3, 0.7, 1.0, 20.0] {
        assert_gradient(|x| soft_argmax(x, 2, beta), [3, 1, 31], 2, beta);
    }
}

#[test]
fn reference_matches_the_oracle() {
    for (shape, dim) in [([3, 1, 1025], 2), ([2, 31, 3], 1)] {
        assert_gradient(|x| reference::soft_argmax(x, dim, 3.0), shape, dim, 3.0);
    }
}

#[test]
fn matches_the_reference() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(13, 2 * 31 * 3), [2, 31, 3], &device);
    let upstream = tensor(&uniform(14, 2 * 3), [2, 1, 3], &device);
    let got = gradient(x.clone(), upstream.clone(), |x| soft_argmax(x, -2, 3.0));
    let want = gradient(x, upstream, |x| reference::soft_argmax(x, 1, 3.0));
    assert_rows(&values(got), &values(want), [2, 31, 3], 1, TOLERANCE);
}
