use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_rows,
    data::{extreme_lines, tensor, transposed, uniform, values, widen},
    gradient::gradient,
    oracle,
};

use super::device;

const LINES: usize = 20;
const N: usize = 19;
const TOLERANCE: f64 = 2e-4;

/// Lines side by side, more than are worked on together, and of every kind.
#[test]
fn every_kind_of_line_side_by_side() {
    let Some(device) = device() else { return };
    let lines = extreme_lines(LINES, N);
    let columns = || tensor(&transposed(&lines, N), [N, LINES], &device);

    for beta in [0.0, 1.0, 1e10] {
        println!("beta {beta}");
        let upstream = uniform(31, LINES);
        let want: Vec<_> = widen(&lines)
            .chunks(N)
            .zip(widen(&upstream))
            .flat_map(|(line, g)| oracle::soft_argmax_gradient(line, beta, g))
            .collect();
        let got = gradient(columns(), tensor(&upstream, [1, LINES], &device), |x| {
            soft_argmax(x, 0, beta)
        });
        let want = transposed(&want, N);
        assert_rows(&values(got), &want, [N, LINES], 0, TOLERANCE);

        let upstream = uniform(32, LINES * N);
        let want: Vec<_> = widen(&lines)
            .chunks(N)
            .zip(widen(&upstream).chunks(N))
            .flat_map(|(line, g)| oracle::softmax_gradient(line, beta, g))
            .collect();
        let upstream = tensor(&transposed(&upstream, N), [N, LINES], &device);
        let got = gradient(columns(), upstream, |x| {
            straight_through_one_hot(x, 0, Surrogate::Softmax { beta })
        });
        let want = transposed(&want, N);
        assert_rows(&values(got), &want, [N, LINES], 0, TOLERANCE);
    }
}
