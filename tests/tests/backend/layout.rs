use burn::tensor::{DType, Tensor, s};
use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::assert_bits,
    data::{tensor, uniform},
};

use super::device;

/// Every operator gives the same bits for a view as for its contiguous copy, over every dimension.
#[track_caller]
fn assert_layout_is_ignored(view: Tensor<3>) {
    let copy = Tensor::from_data(view.to_data(), (&view.device(), DType::F32));
    for dim in 0..3 {
        assert_bits(
            soft_argmax(view.clone(), dim, 3.0),
            soft_argmax(copy.clone(), dim, 3.0),
        );
        assert_bits(
            straight_through_one_hot(view.clone(), dim, Surrogate::Identity),
            straight_through_one_hot(copy.clone(), dim, Surrogate::Identity),
        );
        assert_bits(
            sign_one_hot(view.clone(), dim),
            sign_one_hot(copy.clone(), dim),
        );
    }
}

/// One tensor for all views, so that a view's shape is no new work for a backend that tunes.
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
    assert_layout_is_ignored(x.clone().slice(s![1..5, 3..30, 2..7]));
    assert_layout_is_ignored(x.slice(s![.., 1..;3, ..;2]));
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

#[test]
fn sliced_then_transposed() {
    let Some(x) = base() else { return };
    assert_layout_is_ignored(x.slice(s![1..5, 3..30, 2..7]).swap_dims(0, 1));
}
