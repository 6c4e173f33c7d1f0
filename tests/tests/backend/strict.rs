use burn_argmax::soft_argmax;
use burn_argmax_tests::{
    check::{assert_index, assert_ulps},
    data::{LENGTHS, tensor, uniform, values, widen},
    oracle,
};

use super::device;

/// What a fused kernel owes beyond the contract: the result is the oracle's, rounded, within two
/// representable values.
#[test]
fn within_two_ulp_of_the_rounded_oracle() {
    let Some(device) = device() else { return };
    for n in LENGTHS {
        let x = uniform(9, 3 * n);
        for beta in [0.0, 1.0, 3.0, 20.0] {
            let want: Vec<_> = widen(&x)
                .chunks(n)
                .map(|row| oracle::soft_argmax(row, beta))
                .collect();
            let index = soft_argmax(tensor(&x, [3, 1, n], &device), 2, beta);
            assert_ulps(&values(index), &want, 2);
        }
    }
}

/// Weights that are nearly all far from the maximum: the sums are as large as they get.
#[test]
fn a_maximum_far_from_the_weight() {
    let Some(device) = device() else { return };
    let n = 65_536;
    for (max, width) in [(2e-6, 1000), (0.5, 5000)] {
        let mut x = vec![f32::NEG_INFINITY; n];
        x[0] = max;
        x[60_000..60_000 + width].fill(0.0);
        let want = oracle::soft_argmax(&widen(&x), 1.0);
        let got = soft_argmax(tensor(&x, [1, n], &device), 1, 1.0);
        assert_index(&values(got), &[want], n);
    }
}
