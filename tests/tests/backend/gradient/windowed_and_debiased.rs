use burn::tensor::Tensor;
use burn_argmax::{
    Coordinates, debiased_soft_argmax, debiased_spatial_soft_argmax, windowed_soft_argmax,
    windowed_spatial_soft_argmax,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{tensor, values, widen},
};

use super::device;

/// The index that weighs `exp(beta * x) - 1`, and its gradient, which is 0 at the background, in `f64`.
fn debiased(row: &[f64], beta: f64) -> (f64, Vec<f64>) {
    let weight = |x: f64| (beta * x).exp_m1();
    let sum: f64 = row.iter().map(|&x| weight(x)).sum();
    let weighted: f64 = row
        .iter()
        .enumerate()
        .map(|(i, &x)| i as f64 * weight(x))
        .sum();
    let y = weighted / sum;
    let gradient = row.iter().enumerate();
    let gradient = gradient.map(|(j, &x)| match x > 0.0 {
        true => beta * (beta * x).exp() * (j as f64 - y) / sum,
        false => 0.0,
    });
    (y, gradient.collect())
}

const ROW: [f32; 8] = [0.0, 0.3, 2.0, 3.5, 1.2, 0.1, 0.0, 0.4];

#[test]
fn debiased_matches_its_weights() {
    let Some(device) = device() else { return };
    for beta in [0.3, 1.0, 3.0] {
        let (y, want) = debiased(&widen(&ROW), beta);
        let x = tensor(&ROW, [1, 8], &device).require_grad();
        let got = debiased_soft_argmax(x.clone(), 1, beta);
        assert_within(&values(got.clone()), &[y], |_| 1e-5);
        let gradient = values(x.grad(&got.backward()).unwrap());
        let scale = largest(&want);
        assert_within(&gradient, &want, |_| 5e-5 * scale);

        // An image of one row is the same line.
        let x = tensor(&ROW, [1, 1, 1, 8], &device).require_grad();
        let got = debiased_spatial_soft_argmax(x.clone(), beta, Coordinates::Index);
        let gradient = values(x.grad(&got.backward()).unwrap());
        assert_within(&gradient, &want, |_| 5e-5 * scale);
    }
}

#[test]
fn nothing_outside_of_the_window() {
    let Some(device) = device() else { return };
    let x = tensor(&ROW, [1, 8], &device).require_grad();
    let got = windowed_soft_argmax(x.clone(), 1, 1.0, 1);
    let gradient = values(x.grad(&got.backward()).unwrap());
    assert_exact(&gradient[..2], &[0.0; 2]);
    assert_exact(&gradient[5..], &[0.0; 3]);
    assert!(gradient[2] < 0.0 && gradient[4] > 0.0, "{gradient:?}");

    let x: Tensor<4> = tensor(&ROW, [1, 1, 2, 4], &device).require_grad();
    let got = windowed_spatial_soft_argmax(x.clone(), 1.0, 1, Coordinates::Index);
    let gradient = values(x.grad(&got.backward()).unwrap());
    // The maximum is at x = 3, y = 0.
    for (position, g) in gradient.iter().enumerate() {
        assert_eq!(*g != 0.0, position % 4 >= 2, "{position}: {gradient:?}");
    }
}
