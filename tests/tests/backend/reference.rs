use burn_argmax::reference;
use burn_argmax_tests::{
    check::assert_index,
    data::{tensor, uniform, values, widen},
    oracle,
};

use super::device;

#[test]
fn of_a_long_row() {
    let Some(device) = device() else { return };
    let n = 100_003;
    let x = uniform(7, n);
    for beta in [0.0, 1.0] {
        let want = [oracle::soft_argmax(&widen(&x), beta)];
        let index = reference::soft_argmax(tensor(&x, [1, n], &device), 1, beta);
        assert_index(&values(index), &want, n);
    }
}
