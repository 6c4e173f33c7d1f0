use burn::tensor::Tensor;
use burn_argmax::{Surrogate, reference, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_index},
    data::{tensor, uniform, values, widen},
    oracle,
};

use super::device;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

/// By the operator and by the reference.
fn soft_argmaxes<const D: usize>(
    x: Tensor<D>,
    dim: usize,
    beta: f64,
) -> [(&'static str, Vec<f64>); 2] {
    let op = soft_argmax(x.clone(), dim, beta);
    let reference = reference::soft_argmax(x, dim, beta);
    [("operator", values(op)), ("reference", values(reference))]
}

/// By the operator and by the reference, under either surrogate.
fn one_hots<const D: usize>(x: Tensor<D>, dim: usize) -> [(&'static str, Vec<f64>); 4] {
    let op = |surrogate| values(straight_through_one_hot(x.clone(), dim, surrogate));
    let reference = |surrogate| {
        let one_hot = reference::straight_through_one_hot(x.clone(), dim, surrogate);
        values(one_hot)
    };
    let softmax = || Surrogate::Softmax { beta: 1e10 };
    [
        ("operator, identity", op(Surrogate::Identity)),
        ("operator, softmax", op(softmax())),
        ("reference, identity", reference(Surrogate::Identity)),
        ("reference, softmax", reference(softmax())),
    ]
}

/// By the operator and by the reference.
fn signs<const D: usize>(x: Tensor<D>, dim: usize) -> [(&'static str, Vec<f64>); 2] {
    let op = sign_one_hot(x.clone(), dim);
    let reference = reference::sign_one_hot(x, dim);
    [("operator", values(op)), ("reference", values(reference))]
}

#[test]
fn beta_zero_is_the_plain_mean() {
    let Some(device) = device() else { return };
    for (x, want) in [
        ([3.0, -1.0, 7.0, 1e30], 1.5),
        ([-INF, 5.0, -1e30, -INF], 1.5),
        ([-INF, -INF, -INF, 2.0], 3.0),
        ([0.0, NAN, 0.0, 0.0], f64::NAN),
        ([0.0, 1.0, INF, 0.0], f64::NAN),
        ([-INF; 4], f64::NAN),
    ] {
        for (by, index) in soft_argmaxes(tensor(&x, [1, 4], &device), 1, 0.0) {
            println!("{by}");
            assert_index(&index, &[want], 4);
        }
    }
}

#[test]
fn huge_beta_is_the_argmax_and_ties_give_their_mean() {
    let Some(device) = device() else { return };
    for beta in [1e10, 1e300, f64::MAX] {
        for (x, want) in [
            ([1.0, 5.0, 2.0, 4.999], 1.0),
            ([1.0, 5.0, 5.0, 1.0], 1.5),
            ([-7.0; 4], 1.5),
            ([f32::MAX, f32::MIN, 0.0, f32::MAX], 1.5),
            ([-INF, f32::MIN, -INF, -INF], 1.0),
            ([0.0, f32::MIN_POSITIVE, 0.0, 0.0], f64::NAN),
        ] {
            for (by, index) in soft_argmaxes(tensor(&x, [1, 4], &device), 1, beta) {
                println!("{by}");
                if want.is_nan() {
                    // Whether the beta outweighs the smallest difference depends on both.
                    assert!(index[0].is_finite());
                } else {
                    assert_exact(&index, &[want]);
                }
            }
        }
    }
}

#[test]
fn huge_logits_stay_finite() {
    let Some(device) = device() else { return };
    // The differences fit the dtype here, and a beta as small as their inverse tells.
    let x = [3e38, 1e38, 2.9e38, 3e38];
    for beta in [0.0, 1e-37, 1.0, 1e10] {
        let want = oracle::soft_argmax(&widen(&x), beta);
        for (by, index) in soft_argmaxes(tensor(&x, [1, 4], &device), 1, beta) {
            println!("{by}, beta {beta}");
            assert_index(&index, &[want], 4);
        }
    }
    // Here they do not, and the smallest beta may be taken for 0.
    let x = [f32::MAX, f32::MIN, 3e38, f32::MAX];
    for beta in [0.0, 1e-40, 1e-37, 1.0, 1e10] {
        for (by, index) in soft_argmaxes(tensor(&x, [1, 4], &device), 1, beta) {
            println!("{by}, beta {beta}");
            assert!((1.4999..=1.6667).contains(&index[0]), "{index:?}");
        }
    }
    for (by, one_hot) in one_hots(tensor(&x, [1, 4], &device), 1) {
        println!("{by}");
        assert_exact(&one_hot, &[1.0, 0.0, 0.0, 0.0]);
    }
    for (by, marked) in signs(tensor(&x, [1, 4], &device), 1) {
        println!("{by}");
        assert_exact(&marked, &[1.0, 0.0, 0.0, 1.0]);
    }
}

#[test]
fn masks_carry_no_weight() {
    let Some(device) = device() else { return };
    let x = [-INF, 2.0, -INF, 0.5, -100.0, -INF];
    for beta in [0.0, 1.0, 1e10] {
        let want = oracle::soft_argmax(&widen(&x), beta);
        for (by, index) in soft_argmaxes(tensor(&x, [1, 6], &device), 1, beta) {
            println!("{by}, beta {beta}");
            assert_index(&index, &[want], 6);
        }
    }
    for (by, one_hot) in one_hots(tensor(&x, [1, 6], &device), 1) {
        println!("{by}");
        assert_exact(&one_hot, &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }
    for (by, marked) in signs(tensor(&x, [1, 6], &device), 1) {
        println!("{by}");
        assert_exact(&marked, &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }
}

/// Rows with a NaN at either end, with `+inf` once and twice, wholly `-inf`, and sound ones between.
#[rustfmt::skip]
const BROKEN: [f32; 7 * 4] = [
    0.0, 1.0, 2.0, 3.0,
    NAN, 1.0, 2.0, 3.0,
    -5.0, 1.0, 2.0, NAN,
    0.0, INF, 2.0, 3.0,
    0.0, INF, INF, 3.0,
    -INF, -INF, -INF, -INF,
    3.0, 3.0, 2.0, 0.0,
];

#[test]
fn broken_rows_keep_to_themselves() {
    let Some(device) = device() else { return };
    let x = || tensor(&BROKEN, [7, 4], &device);
    for beta in [0.0, 1.0, 1e10] {
        let want: Vec<_> = widen(&BROKEN)
            .chunks(4)
            .map(|row| oracle::soft_argmax(row, beta))
            .collect();
        assert_eq!(want.iter().filter(|y| y.is_nan()).count(), 5);
        for (by, index) in soft_argmaxes(x(), 1, beta) {
            println!("{by}, beta {beta}");
            assert_index(&index, &want, 4);
        }
        for (by, index) in soft_argmaxes(x().swap_dims(0, 1), 0, beta) {
            println!("{by}, beta {beta}");
            assert_index(&index, &want, 4);
        }
    }
    let want: Vec<_> = widen(&BROKEN)
        .chunks(4)
        .flat_map(oracle::sign_one_hot)
        .collect();
    for (by, marked) in signs(x(), 1) {
        println!("{by}");
        assert_exact(&marked, &want);
    }
}

#[test]
fn one_hot_of_a_broken_row_follows_argmax() {
    let Some(device) = device() else { return };
    let x = tensor(&BROKEN, [7, 4], &device);
    let chosen: Vec<i64> = x
        .clone()
        .argmax(1)
        .into_data()
        .convert::<i64>()
        .try_into_vec()
        .unwrap();
    for (by, one_hot) in one_hots(x, 1) {
        println!("{by}");
        for (row, (one_hot, &chosen)) in one_hot.chunks(4).zip(&chosen).enumerate() {
            println!("row {row}");
            // Without a NaN it is the first maximum, whatever the backend.
            let chosen = match row {
                1 | 2 => chosen as usize,
                _ => [3, 0, 0, 1, 1, 0, 0][row],
            };
            let mut want = [0.0; 4];
            want[chosen] = 1.0;
            assert_exact(one_hot, &want);
        }
    }
}

#[test]
fn a_row_of_one() {
    let Some(device) = device() else { return };
    let x = || tensor(&[4.0, -1e30, -INF, NAN], [4, 1], &device);
    for beta in [0.0, 1.0, 1e10] {
        for (by, index) in soft_argmaxes(x(), 1, beta) {
            println!("{by}");
            assert_exact(&index, &[0.0, 0.0, f64::NAN, f64::NAN]);
        }
    }
    for (by, one_hot) in one_hots(x(), 1) {
        println!("{by}");
        assert_exact(&one_hot, &[1.0; 4]);
    }
    for (by, marked) in signs(x(), 1) {
        println!("{by}");
        assert_exact(&marked, &[1.0, 1.0, 1.0, f64::NAN]);
    }
}

#[test]
fn an_empty_batch() {
    let Some(device) = device() else { return };
    let x = tensor::<3>(&[], [2, 0, 4], &device);
    assert_eq!(soft_argmax(x.clone(), 2, 1.0).dims(), [2, 0, 1]);
    assert_eq!(soft_argmax(x.clone(), 0, 1.0).dims(), [1, 0, 4]);
    assert_eq!(sign_one_hot(x.clone(), 2).dims(), [2, 0, 4]);
    let one_hot = straight_through_one_hot(x, 2, Surrogate::Identity);
    assert_eq!(one_hot.dims(), [2, 0, 4]);
    assert!(values(one_hot).is_empty());
}

#[test]
fn a_long_row() {
    let Some(device) = device() else { return };
    let n = 100_003;
    let x = uniform(7, n);
    let x_tensor = || tensor(&x, [1, n], &device);
    for beta in [0.0, 1.0] {
        let want = [oracle::soft_argmax(&widen(&x), beta)];
        let index = soft_argmax(x_tensor(), 1, beta);
        assert_index(&values(index), &want, n);
    }
    let one_hot = straight_through_one_hot(x_tensor(), 1, Surrogate::Identity);
    assert_exact(&values(one_hot), &oracle::one_hot(&widen(&x)));
    let marked = sign_one_hot(x_tensor(), 1);
    assert_exact(&values(marked), &oracle::sign_one_hot(&widen(&x)));
}

#[test]
fn a_sharp_peak_far_out_is_exact() {
    let Some(device) = device() else { return };
    let n = 1_000_003;
    let index = |x: &[f32], beta| values(soft_argmax(tensor(x, [1, n], &device), 1, beta));
    let mut x = vec![0f32; n];
    x[1_000_000] = 1.0;
    for beta in [1e3, 1e10] {
        assert_exact(&index(&x, beta), &[1e6]);
    }
    // Two tied peaks far out, an odd distance apart.
    x[999_999] = 1.0;
    assert_exact(&index(&x, 1e10), &[999_999.5]);
}
