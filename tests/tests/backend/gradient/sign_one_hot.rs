use burn_argmax::{reference, sign_one_hot};
use burn_argmax_tests::{
    check::assert_exact,
    data::{tensor, uniform, values},
    gradient::gradient,
};

use super::device;

#[test]
fn exactly_zero() {
    let Some(device) = device() else { return };
    for (shape, dim) in [
        ([3, 1, 1025], 2),
        ([2, 31, 3], 1),
        ([3, 1, 1], 2),
        ([0, 1, 31], 2),
    ] {
        let count = shape.iter().product();
        let x = tensor(&uniform(11, count), shape, &device);
        let upstream = tensor(&uniform(12, count), shape, &device);
        let zeros = vec![0.0; count];
        let got = gradient(x.clone(), upstream.clone(), |x| sign_one_hot(x, dim));
        assert_exact(&values(got), &zeros);
        if count > 0 {
            let got = gradient(x, upstream, |x| reference::sign_one_hot(x, dim));
            assert_exact(&values(got), &zeros);
        }
    }
}

#[test]
fn exactly_zero_at_ties_and_extremes() {
    let Some(device) = device() else { return };
    let x = tensor(
        &[f32::MAX, f32::MAX, f32::NEG_INFINITY, -0.0],
        [1, 4],
        &device,
    );
    let upstream = tensor(&[1e30, -1e30, 1.0, f32::MAX], [1, 4], &device);
    let got = gradient(x, upstream, |x| sign_one_hot(x, 1));
    assert_exact(&values(got), &[0.0; 4]);
}
