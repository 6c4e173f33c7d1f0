use burn_argmax::{Surrogate, reference, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_exact,
    data::{shapes, tensor, uniform, values, widen},
    oracle,
    rows::{join, rows},
};

use super::device;

const SURROGATES: [Surrogate; 2] = [Surrogate::Identity, Surrogate::Softmax { beta: 2.0 }];

fn expected(x: &[f32], shape: [usize; 3], dim: usize) -> Vec<f64> {
    let one_hots: Vec<_> = rows(&widen(x), shape, dim)
        .iter()
        .map(|row| oracle::one_hot(row))
        .collect();
    join(&one_hots, shape, dim)
}

#[test]
fn matches_the_oracle() {
    let Some(device) = device() else { return };
    for (shape, dim) in shapes() {
        let x = uniform(1, shape.iter().product());
        for surrogate in SURROGATES {
            let one_hot = straight_through_one_hot(tensor(&x, shape, &device), dim, surrogate);
            assert_eq!(one_hot.dims(), shape);
            assert_exact(&values(one_hot), &expected(&x, shape, dim));
        }
    }
}

#[test]
fn reference_matches_the_oracle() {
    let Some(device) = device() else { return };
    for (shape, dim) in [([3, 1, 1025], 2), ([2, 31, 3], 1)] {
        let x = uniform(2, shape.iter().product());
        for surrogate in SURROGATES {
            let x_tensor = tensor(&x, shape, &device);
            let one_hot = reference::straight_through_one_hot(x_tensor, dim, surrogate);
            assert_exact(&values(one_hot), &expected(&x, shape, dim));
        }
    }
}

#[test]
fn matches_argmax() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(3, 2 * 31 * 3), [2, 31, 3], &device);
    let one_hot = straight_through_one_hot(x.clone(), 1, Surrogate::Identity);
    let chosen = one_hot.argmax(1).into_data().convert::<i64>();
    assert_eq!(chosen, x.argmax(1).into_data().convert::<i64>());
}

#[test]
fn zero_and_one_bit_for_bit() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(4, 3 * 1025), [3, 1, 1025], &device);
    for surrogate in SURROGATES {
        let one_hot = straight_through_one_hot(x.clone(), 2, surrogate).into_data();
        let bits: Vec<_> = one_hot.iter::<f32>().map(f32::to_bits).collect();
        let ones = bits.iter().filter(|&&bits| bits == 1f32.to_bits()).count();
        let zeros = bits.iter().filter(|&&bits| bits == 0).count();
        assert_eq!((ones, zeros), (3, 3 * 1024));
    }
}

#[test]
fn first_of_tied_maxima() {
    let Some(device) = device() else { return };
    let mut x = vec![0.25f32; 3 * 1025];
    x[1025 + 700] = 1.0;
    x[1025 + 701] = 1.0;
    x[1025 + 1024] = 1.0;
    x[2 * 1025 + 3] = -1.0;
    let shape = [3, 1, 1025];
    for surrogate in SURROGATES {
        let one_hot = straight_through_one_hot(tensor(&x, shape, &device), 2, surrogate);
        assert_exact(&values(one_hot), &expected(&x, shape, 2));
    }
}

#[test]
fn negative_dim_counts_from_the_end() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(5, 2 * 31 * 3), [2, 31, 3], &device);
    let one_hot = straight_through_one_hot(x.clone(), -2, Surrogate::Identity);
    let same = straight_through_one_hot(x, 1, Surrogate::Identity);
    assert_exact(&values(one_hot), &values(same));
}
