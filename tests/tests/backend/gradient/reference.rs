use burn_argmax::reference;
use burn_argmax_tests::{
    check::assert_rows,
    data::{tensor, uniform, values, widen},
    gradient::gradient,
    oracle,
};

use super::device;

#[test]
fn of_a_long_row() {
    let Some(device) = device() else { return };
    let n = 100_003;
    let x = uniform(7, n);
    let want = oracle::soft_argmax_gradient(&widen(&x), 1.0, 2.0);
    let x = tensor(&x, [1, n], &device);
    let upstream = tensor(&[2.0], [1, 1], &device);
    let got = gradient(x, upstream, |x| reference::soft_argmax(x, 1, 1.0));
    assert_rows(&values(got), &want, [1, n], 1, 2e-4);
}
