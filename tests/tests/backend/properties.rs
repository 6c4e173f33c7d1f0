use burn::tensor::{Device, Tensor};
use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_index},
    data::{tensor, values},
};
use proptest::{
    prelude::{Just, Strategy, any, prop},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::device;

const ROWS: usize = 3;

/// Runs `test` on rows of one of the lengths, the same ones in every run.
fn for_all_rows<S: Strategy>(values: impl Fn(usize) -> S, test: impl Fn(&Device, usize, S::Value)) {
    let Some(device) = device() else { return };
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    for n in [2, 31] {
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        TestRunner::new_with_rng(config.clone(), rng)
            .run(&values(n), |values| {
                test(&device, n, values);
                Ok(())
            })
            .unwrap();
    }
}

fn floats(n: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-8f32..8.0, ROWS * n)
}

/// Multiples of 1/64, so that a whole number added to them is added exactly.
fn dyadic(n: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec((-512i16..512).prop_map(|x| f32::from(x) / 64.0), ROWS * n)
}

/// Rows without ties.
fn distinct(n: usize) -> impl Strategy<Value = Vec<f32>> {
    let row = move || {
        let steps: Vec<_> = (0..n).map(|i| i as f32 / 8.0 - 2.0).collect();
        Just(steps).prop_shuffle()
    };
    [row(), row(), row()].prop_map(|rows| rows.concat())
}

fn betas() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![0.0, 0.25, 1.0, 8.0])
}

fn on(device: &Device, n: usize, x: &[f32]) -> Tensor<2> {
    tensor(x, [ROWS, n], device)
}

fn one_hot(x: Tensor<2>) -> Tensor<2> {
    straight_through_one_hot(x, 1, Surrogate::Identity)
}

#[test]
fn a_shift_of_the_logits_changes_nothing() {
    for_all_rows(
        |n| (dyadic(n), -64i8..64, betas()),
        |device, n, (x, shift, beta)| {
            let shifted: Vec<_> = x.iter().map(|x| x + f32::from(shift)).collect();
            let (x, shifted) = (on(device, n, &x), on(device, n, &shifted));
            let index = |x: &Tensor<2>| values(soft_argmax(x.clone(), 1, beta));
            assert_exact(&index(&shifted), &index(&x));
            assert_exact(
                &values(one_hot(shifted.clone())),
                &values(one_hot(x.clone())),
            );
            assert_exact(
                &values(sign_one_hot(shifted, 1)),
                &values(sign_one_hot(x, 1)),
            );
        },
    );
}

#[test]
fn the_other_rows_do_not_matter() {
    for_all_rows(
        |n| (floats(n), betas(), Just(vec![0, 1, 2]).prop_shuffle()),
        |device, n, (x, beta, order)| {
            let permuted: Vec<f32> = order
                .iter()
                .flat_map(|&row: &usize| x[row * n..][..n].to_vec())
                .collect();
            let index = values(soft_argmax(on(device, n, &x), 1, beta));
            let want: Vec<_> = order.iter().map(|&row| index[row]).collect();
            let index = values(soft_argmax(on(device, n, &permuted), 1, beta));
            assert_exact(&index, &want);
        },
    );
}

#[test]
fn one_hots_follow_a_permutation_of_the_indices() {
    for_all_rows(
        |n| (distinct(n), Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
        |device, n, (x, order)| {
            let permute = |values: &[f32]| -> Vec<f32> {
                let row = |row: &[f32]| order.iter().map(|&i| row[i]).collect::<Vec<_>>();
                values.chunks(n).flat_map(row).collect()
            };
            let single = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<_>>();
            let permuted = on(device, n, &permute(&x));
            let x = on(device, n, &x);
            for op in [one_hot, |x| sign_one_hot(x, 1)] {
                let want = permute(&single(values(op(x.clone()))));
                assert_eq!(single(values(op(permuted.clone()))), want);
            }
        },
    );
}

#[test]
fn a_flip_mirrors_the_index() {
    for_all_rows(
        |n| (floats(n), betas()),
        |device, n, (x, beta)| {
            let x = on(device, n, &x);
            let mirrored: Vec<_> = values(soft_argmax(x.clone(), 1, beta))
                .iter()
                .map(|index| (n - 1) as f64 - index)
                .collect();
            let flipped = values(soft_argmax(x.flip([1]), 1, beta));
            assert_index(&flipped, &mirrored, n);
        },
    );
}

#[test]
fn the_index_stays_in_the_row() {
    for_all_rows(
        |n| (floats(n), betas(), any::<bool>()),
        |device, n, (x, beta, negate)| {
            // Peaks at the ends, where a rounding error would step out.
            let mut x = x;
            for row in x.chunks_mut(n) {
                row[if negate { 0 } else { n - 1 }] = 30.0;
            }
            for index in values(soft_argmax(on(device, n, &x), 1, beta)) {
                assert!((0.0..=(n - 1) as f64).contains(&index), "{index}");
            }
        },
    );
}

#[test]
fn all_three_agree_with_argmax() {
    for_all_rows(distinct, |device, n, x| {
        let x = on(device, n, &x);
        let argmax = values(x.clone().argmax(1).float());
        assert_exact(&values(soft_argmax(x.clone(), 1, 1e10)), &argmax);
        assert_exact(&values(one_hot(x.clone()).argmax(1).float()), &argmax);
        assert_exact(&values(sign_one_hot(x, 1).argmax(1).float()), &argmax);
    });
}

#[test]
fn a_one_hot_sums_to_one() {
    for_all_rows(
        // Coarse, so that ties are common.
        |n| floats(n).prop_map(|x| x.iter().map(|x| x.round()).collect::<Vec<_>>()),
        |device, n, x| {
            let x = on(device, n, &x);
            assert_exact(&values(one_hot(x.clone()).sum_dim(1)), &[1.0; ROWS]);
            // The one is among those that the sign trick marks.
            let both = one_hot(x.clone()) * sign_one_hot(x, 1);
            assert_exact(&values(both.sum_dim(1)), &[1.0; ROWS]);
        },
    );
}
