use burn::tensor::{Device, Tensor};
use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_rows},
    data::{tensor, uniform, values, widen},
    oracle,
};

use super::device;

const SHAPE: [usize; 2] = [3, 31];
const N: usize = 31;

fn logits(device: &Device) -> (Vec<f64>, Tensor<2>) {
    let x = uniform(17, 3 * N);
    (widen(&x), tensor(&x, SHAPE, device))
}

#[test]
fn one_input_in_two_operators() {
    let Some(device) = device() else { return };
    let (data, x) = logits(&device);
    let upstream = uniform(18, 3 * N);

    let x = x.require_grad();
    let surrogate = Surrogate::Softmax { beta: 0.5 };
    let loss = (straight_through_one_hot(x.clone(), 1, surrogate)
        * tensor(&upstream, SHAPE, &device))
    .sum()
        + soft_argmax(x.clone(), 1, 1.0).sum() * 2.0
        + soft_argmax(x.clone(), 1, 3.0).sum()
        + sign_one_hot(x.clone(), 1).sum()
        + x.clone().sum();
    let got = x.grad(&loss.backward()).unwrap();

    let want: Vec<_> = data
        .chunks(N)
        .zip(widen(&upstream).chunks(N))
        .flat_map(|(row, g)| {
            let parts = [
                oracle::softmax_gradient(row, 0.5, g),
                oracle::soft_argmax_gradient(row, 1.0, 2.0),
                oracle::soft_argmax_gradient(row, 3.0, 1.0),
                vec![1.0; N],
            ];
            (0..N)
                .map(|i| parts.iter().map(|part| part[i]).sum())
                .collect::<Vec<f64>>()
        })
        .collect();
    assert_rows(&values(got), &want, SHAPE, 1, 2e-4);
}

#[test]
fn one_result_used_twice() {
    let Some(device) = device() else { return };
    let (data, x) = logits(&device);
    let x = x.require_grad();
    let index = soft_argmax(x.clone(), 1, 1.0);
    let loss = (index.clone() * index).sum();
    let got = x.grad(&loss.backward()).unwrap();

    let want: Vec<_> = data
        .chunks(N)
        .flat_map(|row| oracle::soft_argmax_gradient(row, 1.0, 2.0 * oracle::soft_argmax(row, 1.0)))
        .collect();
    assert_rows(&values(got), &want, SHAPE, 1, 2e-4);
}

/// The input is itself a result, which gradient checkpointing computes again.
#[test]
fn of_a_computed_input() {
    let Some(device) = device() else { return };
    let (data, x) = logits(&device);
    let upstream = uniform(18, 3 * N);

    let x = x.require_grad();
    let logits = x.clone() * 0.5 + 1.0;
    let surrogate = Surrogate::Softmax { beta: 1.0 };
    let one_hot = straight_through_one_hot(logits.clone(), 1, surrogate);
    let loss =
        (one_hot * tensor(&upstream, SHAPE, &device)).sum() + soft_argmax(logits, 1, 2.0).sum();
    let got = x.grad(&loss.backward()).unwrap();

    let want: Vec<_> = data
        .chunks(N)
        .zip(widen(&upstream).chunks(N))
        .flat_map(|(row, g)| {
            let logits: Vec<_> = row.iter().map(|x| x * 0.5 + 1.0).collect();
            let hard = oracle::softmax_gradient(&logits, 1.0, g);
            let soft = oracle::soft_argmax_gradient(&logits, 2.0, 1.0);
            hard.into_iter()
                .zip(soft)
                .map(|(hard, soft)| 0.5 * (hard + soft))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_rows(&values(got), &want, SHAPE, 1, 2e-4);
}

/// The operators feed one another.
#[test]
fn in_a_chain() {
    let Some(device) = device() else { return };
    let (data, x) = logits(&device);
    let x = x.require_grad();
    let one_hot = straight_through_one_hot(x.clone(), 1, Surrogate::Identity);
    // The softmax of a one-hot is the same for every row but for where the peak is.
    let loss = soft_argmax(one_hot, 1, 2.0).sum();
    let got = x.grad(&loss.backward()).unwrap();

    let want: Vec<_> = data
        .chunks(N)
        .flat_map(|row| oracle::soft_argmax_gradient(&oracle::one_hot(row), 2.0, 1.0))
        .collect();
    assert_rows(&values(got), &want, SHAPE, 1, 2e-4);
}

#[test]
fn an_untracked_input_leaves_no_graph() {
    let Some(device) = device() else { return };
    let (_, x) = logits(&device);
    let tracked = x.clone().require_grad();
    let ops: [fn(Tensor<2>) -> Tensor<2>; 4] = [
        |x| soft_argmax(x, 1, 1.0),
        |x| straight_through_one_hot(x, 1, Surrogate::Identity),
        |x| straight_through_one_hot(x, 1, Surrogate::Softmax { beta: 1.0 }),
        |x| sign_one_hot(x, 1),
    ];
    for op in ops {
        let constant = op(x.clone());
        assert!(!constant.is_tracked());
        let result = op(tracked.clone());
        assert!(result.is_tracked());
        assert_exact(&values(constant), &values(result));
    }
}

#[test]
fn an_untracked_input_beside_a_tracked_one() {
    let Some(device) = device() else { return };
    let (_, x) = logits(&device);
    let weight = tensor(&uniform(19, 3), [3, 1], &device).require_grad();
    let index = soft_argmax(x, 1, 1.0);
    let loss = (weight.clone() * index.clone()).sum();
    let got = weight.grad(&loss.backward()).unwrap();
    assert_exact(&values(got), &values(index));
}
