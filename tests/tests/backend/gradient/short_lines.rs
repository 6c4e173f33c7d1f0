use burn::tensor::{Device, Tensor};
use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_rows,
    data::{SHORT, extreme_lines, tensor, transposed, uniform, values, widen},
    gradient::gradient,
    oracle,
};

use super::device;

const TOLERANCE: f64 = 2e-4;

/// Lines of every kind, one after the other and side by side: fewer than are worked on together, and
/// more, but no multiple of it.
#[test]
fn of_every_kind_beside_each_other() {
    let Some(device) = device() else { return };
    for n in SHORT {
        println!("n = {n}");
        for beta in [0.0, 1.0, 1e10] {
            println!("beta {beta}");
            assert_gradients(10, n, beta, &device);
            assert_gradients(37, n, beta, &device);
        }
    }
}

/// So many that threads share them.
#[test]
fn very_many() {
    let Some(device) = device() else { return };
    for n in [3, 10] {
        assert_gradients(20_000, n, 1.0, &device);
    }
}

#[track_caller]
fn assert_gradients(count: usize, n: usize, beta: f64, device: &Device) {
    let lines = extreme_lines(count, n);
    let rows = || tensor(&lines, [count, n], device);
    let columns = || tensor(&transposed(&lines, n), [n, count], device);

    let upstream = uniform(31, count);
    let want: Vec<_> = widen(&lines)
        .chunks(n)
        .zip(widen(&upstream))
        .flat_map(|(line, g)| oracle::soft_argmax_gradient(line, beta, g))
        .collect();
    let soft = |x: Tensor<2>, dim| {
        let mut shape = [count; 2];
        shape[dim] = 1;
        let upstream = tensor(&upstream, shape, device);
        values(gradient(x, upstream, |x| soft_argmax(x, dim, beta)))
    };
    assert_rows(&soft(rows(), 1), &want, [count, n], 1, TOLERANCE);
    let want = transposed(&want, n);
    assert_rows(&soft(columns(), 0), &want, [n, count], 0, TOLERANCE);

    let upstream = uniform(32, count * n);
    let want: Vec<_> = widen(&lines)
        .chunks(n)
        .zip(widen(&upstream).chunks(n))
        .flat_map(|(line, g)| oracle::softmax_gradient(line, beta, g))
        .collect();
    let surrogate = |x: Tensor<2>, upstream: &[f32], dim| {
        let upstream = tensor(upstream, x.dims(), device);
        values(gradient(x, upstream, |x| {
            straight_through_one_hot(x, dim, Surrogate::Softmax { beta })
        }))
    };
    let got = surrogate(rows(), &upstream, 1);
    assert_rows(&got, &want, [count, n], 1, TOLERANCE);
    let got = surrogate(columns(), &transposed(&upstream, n), 0);
    let want = transposed(&want, n);
    assert_rows(&got, &want, [n, count], 0, TOLERANCE);
}
