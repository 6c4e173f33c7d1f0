use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_index},
    data::{extreme_lines, tensor, transposed, values, widen},
    oracle,
};

use super::device;

const LINES: usize = 20;
const N: usize = 19;

/// Lines side by side, more than are worked on together, and of every kind.
#[test]
fn every_kind_of_line_side_by_side() {
    let Some(device) = device() else { return };
    let lines = extreme_lines(LINES, N);
    let rows = || tensor(&lines, [LINES, N], &device);
    let columns = || tensor(&transposed(&lines, N), [N, LINES], &device);

    for beta in [0.0, 1.0, 1e10] {
        println!("beta {beta}");
        let want: Vec<_> = widen(&lines)
            .chunks(N)
            .map(|line| oracle::soft_argmax(line, beta))
            .collect();
        assert_index(&values(soft_argmax(rows(), 1, beta)), &want, N);
        assert_index(&values(soft_argmax(columns(), 0, beta)), &want, N);
    }
    let one_hot = |x, dim| values(straight_through_one_hot(x, dim, Surrogate::Identity));
    let want = one_hot(rows(), 1);
    assert_exact(&one_hot(columns(), 0), &transposed(&want, N));
    let want = values(sign_one_hot(rows(), 1));
    let got = values(sign_one_hot(columns(), 0));
    assert_exact(&got, &transposed(&want, N));
}
