use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_index},
    data::{SHORT, extreme_lines, tensor, transposed, values, widen},
    oracle,
};

use super::device;

/// Fewer than are worked on together, and more, but no multiple of it.
const COUNTS: [usize; 2] = [10, 37];

/// Lines of every kind, one after the other and side by side.
#[test]
fn of_every_kind_beside_each_other() {
    let Some(device) = device() else { return };
    for (n, count) in SHORT
        .into_iter()
        .flat_map(|n| COUNTS.map(|count| (n, count)))
    {
        println!("{count} lines of {n}");
        let lines = extreme_lines(count, n);
        let rows = || tensor(&lines, [count, n], &device);
        let columns = || tensor(&transposed(&lines, n), [n, count], &device);

        for beta in [0.0, 1.0, 1e10] {
            println!("beta {beta}");
            let want: Vec<_> = widen(&lines)
                .chunks(n)
                .map(|line| oracle::soft_argmax(line, beta))
                .collect();
            assert_index(&values(soft_argmax(rows(), 1, beta)), &want, n);
            assert_index(&values(soft_argmax(columns(), 0, beta)), &want, n);
        }
        let one_hot = |x, dim| values(straight_through_one_hot(x, dim, Surrogate::Identity));
        let want: Vec<_> = widen(&lines).chunks(n).flat_map(first_peak).collect();
        assert_exact(&one_hot(rows(), 1), &want);
        assert_exact(&one_hot(columns(), 0), &transposed(&want, n));
        let want: Vec<_> = widen(&lines)
            .chunks(n)
            .flat_map(oracle::sign_one_hot)
            .collect();
        assert_exact(&values(sign_one_hot(rows(), 1)), &want);
        assert_exact(&values(sign_one_hot(columns(), 0)), &transposed(&want, n));
    }
}

/// The one-hot of the first NaN, else of the first maximum.
fn first_peak(line: &[f64]) -> Vec<f64> {
    let Some(nan) = line.iter().position(|x| x.is_nan()) else {
        return oracle::one_hot(line);
    };
    (0..line.len())
        .map(|place| f64::from(u8::from(place == nan)))
        .collect()
}

/// So many that threads share them.
#[test]
fn very_many() {
    let Some(device) = device() else { return };
    for n in [3, 10] {
        let lines = extreme_lines(20_000, n);
        let rows = tensor(&lines, [20_000, n], &device);
        let want: Vec<_> = widen(&lines)
            .chunks(n)
            .map(|line| oracle::soft_argmax(line, 1.0))
            .collect();
        assert_index(&values(soft_argmax(rows.clone(), 1, 1.0)), &want, n);
        let want: Vec<_> = widen(&lines).chunks(n).flat_map(first_peak).collect();
        let one_hot = straight_through_one_hot(rows, 1, Surrogate::Identity);
        assert_exact(&values(one_hot), &want);
    }
}
