use burn::tensor::Tensor;
use burn_argmax::{Surrogate, reference, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_bits, assert_exact, assert_rows},
    data::{shapes, tensor, uniform, values, widen},
    gradient::gradient,
    oracle,
    rows::{join, rows},
};

use super::device;

const TOLERANCE: f64 = 2e-4;

/// Checks one implementation of the softmax surrogate on one shape.
#[track_caller]
fn assert_softmax_gradient(
    op: impl FnOnce(Tensor<3>, Surrogate) -> Tensor<3>,
    shape: [usize; 3],
    dim: usize,
    beta: f64,
) {
    let Some(device) = device() else { return };
    let count = shape.iter().product();
    let (x, upstream) = (uniform(11, count), uniform(12, count));
    let got = gradient(
        tensor(&x, shape, &device),
        tensor(&upstream, shape, &device),
        |x| op(x, Surrogate::Softmax { beta }),
    );
    assert_eq!(got.dims(), shape);

    let gradients: Vec<_> = rows(&widen(&x), shape, dim)
        .iter()
        .zip(rows(&widen(&upstream), shape, dim))
        .map(|(row, g)| oracle::softmax_gradient(row, beta, &g))
        .collect();
    let want = join(&gradients, shape, dim);
    assert_rows(&values(got), &want, shape, dim, TOLERANCE);
}

#[test]
fn softmax_matches_the_oracle() {
    for (shape, dim) in shapes() {
        let op = |x, surrogate| straight_through_one_hot(x, dim, surrogate);
        assert_softmax_gradient(op, shape, dim, 2.0);
    }
}

#[test]
fn softmax_matches_the_oracle_at_every_sharpness() {
    for beta in [0.0, 1e-3, 0.7, 1.0, 20.0] {
        let op = |x, surrogate| straight_through_one_hot(x, 2, surrogate);
        assert_softmax_gradient(op, [3, 1, 31], 2, beta);
    }
}

#[test]
fn reference_softmax_matches_the_oracle() {
    for (shape, dim) in [([3, 1, 1025], 2), ([2, 31, 3], 1)] {
        let op = |x, surrogate| reference::straight_through_one_hot(x, dim, surrogate);
        assert_softmax_gradient(op, shape, dim, 2.0);
    }
}

#[test]
fn softmax_matches_the_reference() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(13, 2 * 31 * 3), [2, 31, 3], &device);
    let upstream = tensor(&uniform(14, 2 * 31 * 3), [2, 31, 3], &device);
    let surrogate = Surrogate::Softmax { beta: 2.0 };
    let got = gradient(x.clone(), upstream.clone(), |x| {
        straight_through_one_hot(x, -2, surrogate)
    });
    let want = gradient(x, upstream, |x| {
        reference::straight_through_one_hot(x, 1, surrogate)
    });
    assert_rows(&values(got), &values(want), [2, 31, 3], 1, TOLERANCE);
}

#[test]
fn identity_passes_the_gradient_unchanged() {
    let Some(device) = device() else { return };
    for (shape, dim) in [([3, 1, 1025], 2), ([2, 31, 3], 1)] {
        let count = shape.iter().product();
        let x = tensor(&uniform(11, count), shape, &device);
        let upstream = tensor(&uniform(12, count), shape, &device);
        let got = gradient(x.clone(), upstream.clone(), |x| {
            straight_through_one_hot(x, dim, Surrogate::Identity)
        });
        assert_bits(got, upstream.clone().inner());
        let got = gradient(x, upstream.clone(), |x| {
            reference::straight_through_one_hot(x, dim, Surrogate::Identity)
        });
        assert_bits(got, upstream.inner());
    }
}

#[test]
fn an_empty_batch_has_an_empty_gradient() {
    let Some(device) = device() else { return };
    let x = tensor::<2>(&[], [0, 4], &device);
    for surrogate in [Surrogate::Identity, Surrogate::Softmax { beta: 1.0 }] {
        let got = gradient(x.clone(), x.clone(), |x| {
            straight_through_one_hot(x, 1, surrogate)
        });
        assert_eq!(got.dims(), [0, 4]);
        assert_exact(&values(got), &[]);
    }
}
