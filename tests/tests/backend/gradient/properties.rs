use burn::tensor::Device;
use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{UNDERFLOW, assert_within, largest},
    data::{tensor, values, widen},
    gradient::gradient,
};
use proptest::{
    prelude::{Strategy, prop},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::device;

const ROWS: usize = 3;

type Case = (Vec<f32>, Vec<f32>, f64);

/// Runs `test` on logits and an upstream gradient for every entry, the same ones in every run.
fn for_all_rows(test: impl Fn(&Device, usize, Case)) {
    let Some(device) = device() else { return };
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    for n in [2, 31] {
        let floats = || prop::collection::vec(-8f32..8.0, ROWS * n);
        let betas = prop::sample::select(vec![0.25, 1.0, 8.0]);
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        TestRunner::new_with_rng(config.clone(), rng)
            .run(&(floats(), floats(), betas).boxed(), |case| {
                test(&device, n, case);
                Ok(())
            })
            .unwrap();
    }
}

/// A shift of the logits changes nothing, so the entries of every row cancel, to the rounding of
/// numbers of size `scale`.
#[track_caller]
fn assert_cancels(row: &[f64], scale: f64) {
    let sum: f64 = row.iter().sum();
    let size: f64 = row.iter().map(|x| x.abs()).sum();
    let tolerance = 1e-6 * (size + scale);
    assert!(
        sum.abs() <= tolerance,
        "{sum:e}, allowed {tolerance:e}: {row:?}"
    );
}

#[test]
fn a_row_of_soft_argmax_sums_to_zero() {
    for_all_rows(|device, n, (x, upstream, beta)| {
        let x = tensor(&x, [ROWS, n], device);
        let upstream = tensor(&upstream[..ROWS], [ROWS, 1], device);
        let gradient = gradient(x, upstream, |x| soft_argmax(x, 1, beta));
        for row in values(gradient).chunks(n) {
            assert_cancels(row, 0.0);
        }
    });
}

#[test]
fn a_row_of_the_softmax_surrogate_sums_to_zero() {
    for_all_rows(|device, n, (x, upstream, beta)| {
        let x = tensor(&x, [ROWS, n], device);
        let gradient = gradient(x, tensor(&upstream, [ROWS, n], device), |x| {
            straight_through_one_hot(x, 1, Surrogate::Softmax { beta })
        });
        for (row, upstream) in values(gradient).chunks(n).zip(widen(&upstream).chunks(n)) {
            // Each entry is a difference of upstream ones.
            assert_cancels(row, beta * largest(upstream));
        }
    });
}

#[test]
fn the_gradient_is_linear_in_the_upstream_one() {
    for_all_rows(|device, n, (x, upstream, beta)| {
        let x = tensor(&x, [ROWS, n], device);
        let upstream = tensor(&upstream[..ROWS], [ROWS, 1], device);
        // A power of two scales without rounding.
        let soft = |upstream| gradient(x.clone(), upstream, |x| soft_argmax(x, 1, beta));
        let scaled = soft(upstream.clone() * -4.0);
        let want = values(soft(upstream) * -4.0);
        assert_within(&values(scaled), &want, |_| 4.0 * UNDERFLOW);
    });
}
