use burn::tensor::{DType, Tensor, TensorData};
use burn_argmax::{Surrogate, straight_through_one_hot, straight_through_select};
use burn_argmax_tests::{
    check::{assert_exact, assert_panics, assert_within, largest},
    data::{extreme_lines, tensor, uniform, values},
    device::{UNLISTED, computes},
    oracle,
    rows::{join, rows},
};

use super::device;

const SURROGATES: [Surrogate; 2] = [Surrogate::Identity, Surrogate::Softmax { beta: 1.5 }];

/// Rows and gradients, of scores and of a code book in each dtype, along each dimension.
#[test]
fn against_its_definition() {
    let Some(device) = device() else { return };
    let dtypes = [DType::F32, DType::F64, DType::F16, DType::BF16];
    for (of_scores, of_codes) in dtypes.into_iter().flat_map(|a| [(a, a), (a, DType::F32)]) {
        if !computes(&device, of_scores) || !computes(&device, of_codes) {
            continue;
        }
        let tolerance: [f64; 2] = [of_scores, of_codes].map(|dtype| match dtype {
            DType::F64 => 1e-12,
            DType::F16 => 1e-3,
            DType::BF16 => 8e-3,
            _ => 2e-6,
        });
        let features = 5;
        for (shape, dim) in [([9, 4, 70], 2), ([3, 33, 8], 1), ([20, 3, 2], 0)] {
            let (codes, count) = (shape[dim], shape.iter().product());
            let of =
                |values: Vec<f32>, dtype| TensorData::from(values.as_slice()).convert_dtype(dtype);
            let x = of(uniform(1, count), of_scores);
            let x = Tensor::<1>::from_data(x, (&device, of_scores)).reshape(shape);
            let codebook = of(uniform(2, codes * features), of_codes);
            let codebook = Tensor::<1>::from_data(codebook, (&device, of_codes));
            let codebook: Tensor<2> = codebook.reshape([codes, features]);
            let mut of_result = shape;
            of_result[dim] = features;
            let upstream = of(uniform(3, count / codes * features), of_codes);
            let upstream = Tensor::<1>::from_data(upstream, (&device, of_codes)).reshape(of_result);
            let scores = rows(&values(x.clone()), shape, dim);
            let rows_of_codes = values(codebook.clone());
            let rows_of_codes: Vec<&[f64]> = rows_of_codes.chunks(features).collect();
            let upstream_rows = rows(&values(upstream.clone()), of_result, dim);
            let chosen: Vec<usize> = scores
                .iter()
                .map(|row| (0..codes).fold(0, |top, i| if row[i] > row[top] { i } else { top }))
                .collect();
            for surrogate in SURROGATES {
                let (x, codebook) = (x.clone().require_grad(), codebook.clone().require_grad());
                let got = straight_through_select(x.clone(), codebook.clone(), dim, surrogate);
                assert_eq!((got.dims(), got.dtype()), (of_result, of_codes));
                let want: Vec<Vec<f64>> =
                    chosen.iter().map(|&i| rows_of_codes[i].to_vec()).collect();
                assert_exact(&values(got.clone()), &join(&want, of_result, dim));

                let gradients = (got * upstream.clone()).backward();
                let slopes = x.grad(&gradients).expect("a leaf");
                assert_eq!(slopes.dtype(), of_scores);
                let slopes = rows(&values(slopes), shape, dim);
                let mut of_codebook = vec![0.0; codes * features];
                for (line, row) in scores.iter().enumerate() {
                    let g = &upstream_rows[line];
                    let product = |code: &&[f64]| code.iter().zip(g).map(|(c, g)| c * g).sum();
                    let u: Vec<f64> = rows_of_codes.iter().map(product).collect();
                    let want = match surrogate {
                        Surrogate::Identity => u,
                        Surrogate::Softmax { beta } => oracle::softmax_gradient(row, beta, &u),
                        _ => unreachable!("these are all"),
                    };
                    let scale = largest(&want);
                    assert_within(&slopes[line], &want, |_| {
                        tolerance[0].max(tolerance[1].min(2e-6)) * scale
                    });
                    let place = chosen[line] * features;
                    for (sum, g) in of_codebook[place..].iter_mut().zip(g) {
                        *sum += g;
                    }
                }
                let got = values(codebook.grad(&gradients).expect("a leaf"));
                let scale = largest(&of_codebook);
                assert_within(&got, &of_codebook, |_| tolerance[1] * scale);
            }
        }
    }
}

/// All choose the same code, whose gradient is a long sum.
#[test]
fn of_a_collapsed_code_book() {
    let Some(device) = device() else { return };
    let (count, codes, features) = (2_000_000, 3, 2);
    let x = tensor(&[0.0, 2.0, 1.0], [1, codes], &device).expand([count, codes]);
    let codebook = tensor(&uniform(5, codes * features), [codes, features], &device).require_grad();
    let upstream: Vec<f32> = uniform(6, count * features)
        .iter()
        .map(|u| u + 4.1)
        .collect();
    let want = [0, 1].map(|feature| {
        let of_feature = upstream[feature..].iter().step_by(features);
        of_feature.map(|&u| f64::from(u)).sum::<f64>()
    });
    let selected = straight_through_select(x, codebook.clone(), 1, Surrogate::Identity);
    let gradients = (selected * tensor(&upstream, [count, features], &device)).backward();
    let got = values(codebook.grad(&gradients).expect("a leaf"));
    assert_within(&got, &[0.0, 0.0, want[0], want[1], 0.0, 0.0], |sum| {
        1e-6 * sum
    });
}

#[test]
fn broken_rows_and_codes() {
    let Some(device) = device() else { return };
    let n = 64;
    let scores = extreme_lines(10, n);
    let x: Tensor<2> = tensor(&scores, [10, n], &device);
    let one_hot = values(straight_through_one_hot(x.clone(), 1, Surrogate::Identity));
    let mut codes = uniform(7, 2 * n);
    codes[2 * 40] = f32::NAN;
    codes[2 * 41 + 1] = f32::INFINITY;
    let codebook: Tensor<2> = tensor(&codes, [n, 2], &device);
    let surrogate = Surrogate::Softmax { beta: 1.0 };
    let leaf = x.require_grad();
    let selected = straight_through_select(leaf.clone(), codebook, 1, surrogate);
    let mut want = Vec::new();
    for one_hot in one_hot.chunks(n) {
        let chosen = one_hot.iter().position(|&y| y == 1.0).expect("a choice");
        want.extend(codes[2 * chosen..][..2].iter().map(|&code| f64::from(code)));
    }
    assert_exact(&values(selected.clone()), &want);

    // Nothing from upstream leaves nothing, whatever the rows and the code book hold.
    let mut upstream = [0.0f32; 20];
    upstream[..2].copy_from_slice(&[1.0, -2.0]);
    upstream[2..4].copy_from_slice(&[1.0, -2.0]);
    let gradients = (selected * tensor(&upstream, [10, 2], &device)).backward();
    let slopes = values(leaf.grad(&gradients).expect("a leaf"));
    assert!(slopes[..n].iter().all(|slope| slope.is_finite()));
    assert!(slopes[..n].iter().any(|slope| *slope != 0.0));
    if !UNLISTED {
        assert!(slopes[n..2 * n].iter().all(|slope| slope.is_nan()));
    }
    assert_exact(&slopes[2 * n..], &vec![0.0; 8 * n]);

    let none: Tensor<2> = tensor(&[], [0, n], &device).require_grad();
    let codebook = tensor(&uniform(7, 3 * n), [n, 3], &device);
    let got = straight_through_select(none.clone(), codebook, 1, surrogate);
    assert_eq!(got.dims(), [0, 3]);
    assert!(none.grad(&got.sum().backward()).is_some());
}

/// As a product with the one-hot, and either argument alone may be learnt.
#[test]
fn one_argument_is_learnt() {
    let Some(device) = device() else { return };
    let x: Tensor<2> = tensor(&uniform(8, 6 * 300), [6, 300], &device);
    let codebook: Tensor<2> = tensor(&uniform(9, 300 * 4), [300, 4], &device);
    let weights: Tensor<2> = tensor(&uniform(10, 24), [6, 4], &device);
    let surrogate = Surrogate::Softmax { beta: 0.5 };
    let gradient = |leaf: Tensor<2>, y: Tensor<2>| {
        values(
            leaf.grad(&(y * weights.clone()).backward())
                .expect("a leaf"),
        )
    };
    let leaf = || x.clone().require_grad();
    let (a, b) = (leaf(), leaf());
    let got = straight_through_select(a.clone(), codebook.clone(), 1, surrogate);
    let want = straight_through_one_hot(b.clone(), 1, surrogate).matmul(codebook.clone());
    assert_within(&values(got.clone()), &values(want.clone()), |_| 1e-6);
    let (got, want) = (gradient(a, got), gradient(b, want));
    let scale = largest(&want);
    assert_within(&got, &want, |_| 1e-5 * scale);

    let leaf = codebook.require_grad();
    let got = straight_through_select(x, leaf.clone(), 1, surrogate);
    assert!(
        gradient(leaf, got)
            .iter()
            .filter(|slope| **slope != 0.0)
            .count()
            <= 24
    );
}

#[test]
fn a_code_book_of_another_length() {
    let Some(device) = device() else { return };
    let select = |codes: [usize; 2], beta| {
        let x = tensor(&[1.0; 6], [2, 3], &device);
        let codebook = tensor(&vec![0.0; codes.iter().product()], codes, &device);
        straight_through_select(x, codebook, 1, Surrogate::Softmax { beta })
    };
    let message =
        "straight_through_select: codebook must have a row for each of the 3 entries of dim 1";
    assert_panics(|| select([4, 2], 1.0), &[message, "got shape [4, 2]"]);
    assert_panics(|| select([3, 0], 1.0), &[message, "got shape [3, 0]"]);
    assert_panics(
        || select([3, 1], -1.0),
        &["straight_through_select: beta must be finite"],
    );
}
