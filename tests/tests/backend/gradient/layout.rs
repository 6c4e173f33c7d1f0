use burn::tensor::{DType, Tensor, s};
use burn_argmax::{Surrogate, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_bits,
    data::{tensor, uniform},
    gradient::gradient,
};

use super::device;

/// Every gradient has the same bits for a view as for its contiguous copy, whether the view is the
/// input or the upstream gradient, over every dimension.
#[track_caller]
fn assert_layout_is_ignored(view: Tensor<3>) {
    let copy = Tensor::from_data(view.to_data(), (&view.device(), DType::F32));
    for dim in 0..3 {
        let row = |x: &Tensor<3>| x.clone().narrow(dim, 0, 1);
        let soft = |x: &Tensor<3>, g| gradient(x.clone(), g, |x| soft_argmax(x, dim, 3.0));
        assert_bits(soft(&view, row(&view)), soft(&copy, row(&copy)));

        let surrogate = || Surrogate::Softmax { beta: 3.0 };
        let softmax = |x: &Tensor<3>| {
            gradient(x.clone(), x.clone(), |x| {
                straight_through_one_hot(x, dim, surrogate())
            })
        };
        assert_bits(softmax(&view), softmax(&copy));
    }
}

fn base() -> Option<Tensor<3>> {
    device().map(|device| tensor(&uniform(6, 6 * 31 * 8), [6, 31, 8], &device))
}

#[test]
fn transposed() {
    let Some(x) = base() else { return };
    assert_layout_is_ignored(x.clone().swap_dims(1, 2));
    assert_layout_is_ignored(x.swap_dims(0, 2));
}

#[test]
fn permuted() {
    let Some(x) = base() else { return };
    assert_layout_is_ignored(x.permute([1, 2, 0]));
}

#[test]
fn sliced() {
    let Some(x) = base() else { return };
    assert_layout_is_ignored(x.slice(s![1..5, 3..30, 2..7]));
}

#[test]
fn flipped() {
    let Some(x) = base() else { return };
    assert_layout_is_ignored(x.flip([1, 2]));
}

#[test]
fn expanded() {
    let Some(x) = base() else { return };
    let row = x.clone().slice(s![2..3, .., 4..5]);
    assert_layout_is_ignored(row.expand([6, 31, 8]));
    assert_layout_is_ignored(x.slice(s![.., 7..8, ..]).expand([6, 31, 8]));
}

/// The gradient goes back through the view to the tensor that was viewed.
#[test]
fn through_a_view() {
    let Some(x) = base() else { return };
    let upstream = || x.clone().slice(s![.., 0..1, ..]).swap_dims(0, 2);
    let through = gradient(x.clone(), upstream(), |x| {
        soft_argmax(x.swap_dims(0, 2), 1, 3.0)
    });
    let direct = gradient(x.clone().swap_dims(0, 2), upstream(), |x| {
        soft_argmax(x, 1, 3.0)
    });
    assert_bits(through, direct.swap_dims(0, 2));
}
