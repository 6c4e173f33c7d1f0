use burn::tensor::{Device, Int, Tensor};
use burn_argmax::{
    Estimator, Noise, Weighting, entmax, gaussian_bins, gumbel_softmax,
    losses::{entmax_loss, expected_distance_loss, histogram_loss},
    sampled_one_hot, soft_argmax, two_hot,
};
use burn_argmax_tests::{check::assert_panics, data::tensor};

use super::device;

fn small(device: &Device) -> Tensor<2> {
    tensor(&[1.0, 2.0, 3.0, 4.0], [2, 2], device)
}

#[test]
fn what_defines_no_entmax() {
    let Some(device) = device() else { return };
    for (alpha, shown) in [(0.9, "0.9"), (2.1, "2.1"), (f64::NAN, "NaN")] {
        let message = format!("alpha must be from 1 to 2, got {shown}");
        let function = format!("entmax: {message}");
        assert_panics(|| entmax(small(&device), 1, alpha, 1.0), &[&function]);
        let weighting = format!("soft_argmax: {message}");
        assert_panics(
            || soft_argmax(small(&device), 1, Weighting::entmax(alpha, 1.0)),
            &[&weighting],
        );
    }
    assert_panics(
        || entmax(small(&device), 1, 1.5, -1.0),
        &["entmax: beta must be finite and >= 0, got -1"],
    );
    assert_panics(
        || soft_argmax(small(&device), 1, Weighting::entmax(1.5, 1.0).above(0.0)),
        &["Weighting::above: those of an entmax have no background"],
    );
}

#[test]
fn what_defines_no_draw() {
    let Some(device) = device() else { return };
    let draw = |estimator| sampled_one_hot(small(&device), 1, estimator, Noise::Seed(1));
    for (estimator, message) in [
        (
            Estimator::Softmax { beta: -1.0 },
            "sampled_one_hot: beta must be finite and >= 0, got -1",
        ),
        (
            Estimator::GumbelRao {
                beta: 1.0,
                samples: 0,
            },
            "sampled_one_hot: samples must be at least 1, got 0",
        ),
        (
            Estimator::Gapped {
                beta: 1.0,
                gap: 0.0,
            },
            "sampled_one_hot: gap must be finite and > 0, got 0",
        ),
    ] {
        assert_panics(|| draw(estimator), &[message]);
    }
    let dim = || sampled_one_hot(small(&device), 2, Estimator::Identity, Noise::Seed(1));
    assert_panics(dim, &["sampled_one_hot: dim must be in -2..2", "got 2"]);
    let beta = || gumbel_softmax(small(&device), 1, f64::NAN, Noise::Seed(1));
    assert_panics(
        beta,
        &["gumbel_softmax: beta must be finite and >= 0, got NaN"],
    );
}

#[test]
fn bins_and_their_losses() {
    let Some(device) = device() else { return };
    let x = || small(&device);
    let one = || tensor(&[0.0, 1.0], [2, 1], &device);
    let index = || Tensor::<2, Int>::from_data([[0], [1]], &device);
    assert_panics(
        || two_hot(one(), 1, 0),
        &["two_hot: bins must be at least 1, got 0"],
    );
    assert_panics(
        || two_hot(x(), 1, 4),
        &["two_hot: target must have size 1 along dim 1", "[2, 2]"],
    );
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_panics(
            || gaussian_bins(one(), 1, 4, sigma),
            &["gaussian_bins: sigma must be finite and > 0"],
        );
    }
    assert_panics(
        || histogram_loss(x(), one(), 1),
        &["histogram_loss: target must have the shape of logits, [2, 2], got [2, 1]"],
    );
    assert_panics(
        || expected_distance_loss(x(), x(), 1, 1.0),
        &["expected_distance_loss: target must be [2, 1] for logits of shape [2, 2], got [2, 2]"],
    );
    assert_panics(
        || expected_distance_loss(x(), one(), 1, -1.0),
        &["expected_distance_loss: beta must be finite and >= 0, got -1"],
    );
    assert_panics(
        || entmax_loss(x(), index(), 0, 1.5),
        &["entmax_loss: target must be [1, 2] for logits of shape [2, 2], got [2, 1]"],
    );
    for alpha in [0.9, 2.1, f64::NAN] {
        assert_panics(
            || entmax_loss(x(), index(), 1, alpha),
            &["entmax_loss: alpha must be from 1 to 2, got"],
        );
    }
}
