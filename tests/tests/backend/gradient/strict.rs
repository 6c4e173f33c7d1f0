use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_rows,
    data::{LENGTHS, tensor, uniform, values, widen},
    gradient::gradient,
    oracle,
};

use super::device;

/// What a fused kernel owes beyond the contract.
const TOLERANCE: f64 = 1e-5;

#[test]
fn soft_argmax_within_1e_5_of_the_largest_entry() {
    let Some(device) = device() else { return };
    for n in LENGTHS {
        let shape = [3, 1, n];
        let (x, upstream) = (uniform(9, 3 * n), uniform(10, 3));
        for beta in [1.0, 3.0, 20.0] {
            let want: Vec<_> = widen(&x)
                .chunks(n)
                .zip(widen(&upstream))
                .flat_map(|(row, g)| oracle::soft_argmax_gradient(row, beta, g))
                .collect();
            let got = gradient(
                tensor(&x, shape, &device),
                tensor(&upstream, [3, 1, 1], &device),
                |x| soft_argmax(x, 2, beta),
            );
            assert_rows(&values(got), &want, shape, 2, TOLERANCE);
        }
    }
}

#[test]
fn the_softmax_surrogate_within_1e_5_of_the_largest_entry() {
    let Some(device) = device() else { return };
    for n in LENGTHS {
        let shape = [3, 1, n];
        let (x, upstream) = (uniform(9, 3 * n), uniform(10, 3 * n));
        for beta in [1.0, 3.0, 20.0] {
            let want: Vec<_> = widen(&x)
                .chunks(n)
                .zip(widen(&upstream).chunks(n))
                .flat_map(|(row, g)| oracle::softmax_gradient(row, beta, g))
                .collect();
            let got = gradient(
                tensor(&x, shape, &device),
                tensor(&upstream, shape, &device),
                |x| straight_through_one_hot(x, 2, Surrogate::Softmax { beta }),
            );
            assert_rows(&values(got), &want, shape, 2, TOLERANCE);
        }
    }
}
