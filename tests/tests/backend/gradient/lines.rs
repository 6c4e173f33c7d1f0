use burn::tensor::{Device, Tensor};
use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_rows,
    data::{
        SHORT, extreme_lines, long_extreme_lines, side_by_side, tensor, uniform, values, widen,
        widths,
    },
    gradient::{gradient, surrogate_wanted},
    oracle,
};

use super::device;

const TOLERANCE: f64 = 2e-4;

/// Short lines of every kind: fewer than are worked on together, and more, but no multiple of it.
#[test]
fn short() {
    let Some(device) = device() else { return };
    for n in SHORT {
        for beta in [0.0, 1.0, 1e10] {
            assert_gradients(&extreme_lines(10, n), n, beta, &device);
            assert_gradients(&extreme_lines(37, n), n, beta, &device);
        }
    }
}

/// So many that threads share them.
#[test]
fn very_many() {
    let Some(device) = device() else { return };
    assert_gradients(&extreme_lines(50_000, 3), 3, 1.0, &device);
    assert_gradients(&extreme_lines(20_000, 10), 10, 1.0, &device);
}

/// Lines whose weights are summed block by block, and others in pieces, which threads share.
#[test]
fn long() {
    let Some(device) = device() else { return };
    for n in [600, 5003, 70_003] {
        for beta in [1.0, 1e10] {
            assert_gradients(&long_extreme_lines(10, n), n, beta, &device);
        }
    }
}

/// One after the other, and side by side.
#[track_caller]
fn assert_gradients(lines: &[f32], n: usize, beta: f64, device: &Device) {
    let count = lines.len() / n;
    let of_lines = uniform(31, count);
    let of_elements = uniform(32, count * n);
    let wide = widen(lines);
    let soft: Vec<_> = wide
        .chunks(n)
        .zip(widen(&of_lines))
        .flat_map(|(line, g)| oracle::soft_argmax_gradient(line, beta, g))
        .collect();
    let softmax = surrogate_wanted("operator", lines, &of_elements, n, beta);

    for width in widths(count) {
        println!("{count} lines of {n}, {width} side by side, beta {beta}");
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(lines, n, width), shape, device);
        let assert_gradient = |got: Tensor<3>, want: &[f64]| {
            let want = side_by_side(want, n, width);
            assert_rows(&values(got), &want, shape, 1, TOLERANCE);
        };

        let upstream = tensor(&of_lines, [count / width, 1, width], device);
        let got = gradient(x.clone(), upstream, |x| soft_argmax(x, 1, beta));
        assert_gradient(got, &soft);

        let upstream = tensor(&side_by_side(&of_elements, n, width), shape, device);
        let got = gradient(x, upstream, |x| {
            straight_through_one_hot(x, 1, Surrogate::Softmax { beta })
        });
        assert_gradient(got, &softmax);
    }
}
