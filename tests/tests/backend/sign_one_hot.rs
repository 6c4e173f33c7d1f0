use burn_argmax::{reference, sign_one_hot};
use burn_argmax_tests::{
    check::assert_exact,
    data::{shapes, tensor, uniform, values, widen},
    oracle,
    rows::{join, rows},
};

use super::device;

fn expected(x: &[f32], shape: [usize; 3], dim: usize) -> Vec<f64> {
    let marked: Vec<_> = rows(&widen(x), shape, dim)
        .iter()
        .map(|row| oracle::sign_one_hot(row))
        .collect();
    join(&marked, shape, dim)
}

#[test]
fn matches_the_oracle() {
    let Some(device) = device() else { return };
    for (shape, dim) in shapes() {
        let x = uniform(1, shape.iter().product());
        let marked = sign_one_hot(tensor(&x, shape, &device), dim);
        assert_eq!(marked.dims(), shape);
        assert_exact(&values(marked), &expected(&x, shape, dim));
    }
}

#[test]
fn reference_matches_the_oracle() {
    let Some(device) = device() else { return };
    for (shape, dim) in [([3, 1, 1025], 2), ([2, 31, 3], 1)] {
        let x = uniform(2, shape.iter().product());
        let marked = reference::sign_one_hot(tensor(&x, shape, &device), dim);
        assert_exact(&values(marked), &expected(&x, shape, dim));
    }
}

#[test]
fn every_tied_maximum_of_any_sign() {
    let Some(device) = device() else { return };
    let shape = [2, 3, 31];
    // Few distinct values, so that every row has ties; the second half is all negative.
    let x: Vec<f32> = uniform(3, 2 * 3 * 31)
        .iter()
        .enumerate()
        .map(|(i, x)| x.round() - if i < 3 * 31 { 0.0 } else { 9.0 })
        .collect();
    for dim in [1, 2] {
        let want = expected(&x, shape, dim);
        assert!(want.iter().sum::<f64>() > (2 * 3 * 31 / shape[dim]) as f64);
        let marked = sign_one_hot(tensor(&x, shape, &device), dim);
        assert_exact(&values(marked), &want);
        let marked = reference::sign_one_hot(tensor(&x, shape, &device), dim);
        assert_exact(&values(marked), &want);
    }
}

#[test]
fn a_maximum_by_one_ulp() {
    let Some(device) = device() else { return };
    let x = [1f32, 1f32.next_up(), 1.0, f32::MIN_POSITIVE];
    let marked = sign_one_hot(tensor(&x, [1, 4], &device), 1);
    assert_exact(&values(marked), &[0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn negative_dim_counts_from_the_end() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(5, 2 * 31 * 3), [2, 31, 3], &device);
    let marked = sign_one_hot(x.clone(), -2);
    assert_exact(&values(marked), &values(sign_one_hot(x, 1)));
}
