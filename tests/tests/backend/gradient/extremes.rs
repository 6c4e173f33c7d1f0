use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_rows},
    data::{tensor, uniform, values, widen},
    device::UNLISTED,
    gradient::{gradient, soft_argmax_gradients, surrogate_gradients, surrogate_wanted},
    oracle,
};

use super::device;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;
const TOLERANCE: f64 = 2e-4;

#[test]
fn masked_entries_have_no_gradient() {
    let Some(device) = device() else { return };
    let x = [-INF, 2.0, -INF, 0.5, 1.5, -INF];
    let upstream = [3.0, -1.0, 2.0, 0.25, -0.5, 7.0];
    let masked = |gradient: &[f64]| [gradient[0], gradient[2], gradient[5]];
    for beta in [0.0, 1.0, 1e10] {
        let x_tensor = || tensor(&x, [1, 6], &device);

        let want = oracle::soft_argmax_gradient(&widen(&x), beta, 3.0);
        for (by, got) in soft_argmax_gradients(x_tensor(), tensor(&[3.0], [1, 1], &device), 1, beta)
        {
            println!("{by}");
            assert_exact(&masked(&got), &[0.0; 3]);
            assert_rows(&got, &want, [1, 6], 1, TOLERANCE);
        }

        let want = oracle::softmax_gradient(&widen(&x), beta, &widen(&upstream));
        for (by, got) in
            surrogate_gradients(x_tensor(), tensor(&upstream, [1, 6], &device), 1, beta)
        {
            println!("{by}");
            assert_exact(&masked(&got), &[0.0; 3]);
            assert_rows(&got, &want, [1, 6], 1, TOLERANCE);
        }
    }
}

#[test]
fn beta_zero_has_no_gradient() {
    let Some(device) = device() else { return };
    let x = || tensor(&[3.0, -1.0, 7.0, 1e30], [1, 4], &device);
    for (by, got) in soft_argmax_gradients(x(), tensor(&[5.0], [1, 1], &device), 1, 0.0) {
        println!("{by}");
        assert_exact(&got, &[0.0; 4]);
    }
    for (by, got) in surrogate_gradients(x(), x(), 1, 0.0) {
        println!("{by}");
        assert_exact(&got, &[0.0; 4]);
    }
}

#[test]
fn huge_beta_is_zero_off_the_ties_and_finite_on_them() {
    let Some(device) = device() else { return };
    let upstream = [1.0, 2.0, -0.5, 4.0];
    for x in [[1.0, 5.0, 2.0, 4.999], [1.0, 5.0, 5.0, 1.0]] {
        let x_tensor = || tensor(&x, [1, 4], &device);
        let want = oracle::soft_argmax_gradient(&widen(&x), 1e10, 1.0);
        for (by, got) in soft_argmax_gradients(x_tensor(), tensor(&[1.0], [1, 1], &device), 1, 1e10)
        {
            println!("{by}");
            assert_rows(&got, &want, [1, 4], 1, TOLERANCE);
        }
        let want = oracle::softmax_gradient(&widen(&x), 1e10, &widen(&upstream));
        for (by, got) in
            surrogate_gradients(x_tensor(), tensor(&upstream, [1, 4], &device), 1, 1e10)
        {
            println!("{by}");
            assert_rows(&got, &want, [1, 4], 1, TOLERANCE);
        }
    }
}

#[test]
fn huge_logits() {
    let Some(device) = device() else { return };
    let x = [f32::MAX, f32::MIN, 3.0e38, f32::MAX];
    let x_tensor = || tensor(&x, [1, 4], &device);
    let want = oracle::soft_argmax_gradient(&widen(&x), 1.0, 1.0);
    for (by, got) in soft_argmax_gradients(x_tensor(), tensor(&[1.0], [1, 1], &device), 1, 1.0) {
        println!("{by}");
        assert_rows(&got, &want, [1, 4], 1, TOLERANCE);
    }
    let upstream = [1.0, 2.0, 3.0, -4.0];
    let want = oracle::softmax_gradient(&widen(&x), 1.0, &widen(&upstream));
    for (by, got) in surrogate_gradients(x_tensor(), tensor(&upstream, [1, 4], &device), 1, 1.0) {
        println!("{by}");
        assert_rows(&got, &want, [1, 4], 1, TOLERANCE);
    }
}

#[test]
fn broken_rows_keep_to_themselves() {
    let Some(device) = device() else { return };
    #[rustfmt::skip]
    let x = [
        0.0, 1.0, 2.0, 3.0,
        NAN, 1.0, 2.0, 3.0,
        -5.0, 1.0, 2.0, NAN,
        0.0, INF, 2.0, 3.0,
        -INF, -INF, -INF, -INF,
        3.0, 3.0, 2.0, 0.0,
    ];
    let upstream = uniform(15, 6 * 4);
    for beta in [0.0, 1.0, 1e10] {
        let x_tensor = || tensor(&x, [6, 4], &device);

        let want: Vec<_> = widen(&x)
            .chunks(4)
            .flat_map(|row| oracle::soft_argmax_gradient(row, beta, 2.0))
            .collect();
        assert_eq!(want.iter().filter(|x| x.is_nan()).count(), 3 * 4);
        let grad = || tensor(&[2.0; 6], [6, 1], &device);
        for (by, got) in soft_argmax_gradients(x_tensor(), grad(), 1, beta) {
            println!("{by}");
            assert_rows(&got, &want, [6, 4], 1, TOLERANCE);
        }

        let grad = || tensor(&upstream, [6, 4], &device);
        for (by, got) in surrogate_gradients(x_tensor(), grad(), 1, beta) {
            println!("{by}");
            let want = surrogate_wanted(by, &x, &upstream, 4, beta);
            assert_rows(&got, &want, [6, 4], 1, TOLERANCE);
        }
    }
}

/// Where the crate was not compiled for the backend, the identity is Burn's own graph's, which passes
/// nothing on at a score that is not finite.
#[test]
fn identity_does_not_look_at_the_values() {
    let Some(device) = device() else { return };
    let x = tensor(&[NAN, -INF, INF, 1.0], [1, 4], &device);
    let upstream = [1.0, 2.0, 3.0, 4.0];
    let got = gradient(x, tensor(&upstream, [1, 4], &device), |x| {
        straight_through_one_hot(x, 1, Surrogate::Identity)
    });
    let want = if UNLISTED {
        [0.0, 0.0, 0.0, 4.0]
    } else {
        [1.0, 2.0, 3.0, 4.0]
    };
    assert_exact(&values(got), &want);
}

#[test]
fn a_row_of_one_has_no_gradient() {
    let Some(device) = device() else { return };
    let x = || tensor(&[4.0, -1e30], [2, 1], &device);
    for (by, got) in soft_argmax_gradients(x(), x(), 1, 3.0) {
        println!("{by}");
        assert_exact(&got, &[0.0; 2]);
    }
    for (by, got) in surrogate_gradients(x(), tensor(&[3.0, 0.1], [2, 1], &device), 1, 3.0) {
        println!("{by}");
        assert_exact(&got, &[0.0; 2]);
    }
}

#[test]
fn a_long_row() {
    let Some(device) = device() else { return };
    let n = 100_003;
    let x = uniform(7, n);
    let want = oracle::soft_argmax_gradient(&widen(&x), 1.0, 2.0);
    let x = tensor(&x, [1, n], &device);
    let upstream = tensor(&[2.0], [1, 1], &device);
    let got = gradient(x, upstream, |x| soft_argmax(x, 1, 1.0));
    assert_rows(&values(got), &want, [1, n], 1, TOLERANCE);
}

#[test]
fn an_infinite_upstream_beside_a_mask() {
    let Some(device) = device() else { return };
    for (n, width) in [
        (3, 1),
        (40, 1),
        (600, 1),
        (70_000, 1),
        (40, 3),
        (40, 16),
        (5000, 16),
    ] {
        for bad in [INF, -INF, NAN] {
            let mut x = uniform(3, n * width);
            let mut upstream = uniform(4, n * width);
            x[..width].fill(-INF);
            upstream[width..2 * width].fill(bad);
            let upstream = tensor(&upstream, [n, width], &device);
            let got = gradient(tensor(&x, [n, width], &device), upstream, |x| {
                straight_through_one_hot(x, 0, Surrogate::Softmax { beta: 1.0 })
            });
            println!("n {n}, width {width}, upstream {bad}");
            assert_exact(&values(got)[..width], &vec![0.0; width]);
        }
    }
}

#[test]
fn a_large_upstream_gradient_is_not_cut_off() {
    let Some(device) = device() else { return };
    for (x, beta, upstream) in [([0.0, -6.9e-29], 1e30, 1e20), ([0.0, -4.0], 10.0, 3e38)] {
        let want = oracle::soft_argmax_gradient(&widen(&x), beta, upstream.into());
        let x_tensor = tensor(&x, [1, 2], &device);
        let got = gradient(x_tensor, tensor(&[upstream], [1, 1], &device), |x| {
            soft_argmax(x, 1, beta)
        });
        println!("beta {beta}");
        if want.iter().all(|slope| slope.abs() < f64::from(f32::MAX)) {
            assert_rows(&values(got), &want, [1, 2], 1, TOLERANCE);
        }
    }
}
