//! The seam is hidden, but safe code can call it: what it is given is checked before a kernel reads.
#![cfg(any(feature = "ndarray", feature = "flex"))]
#![allow(deprecated, reason = "ndarray is served for as long as Burn has it")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::{
    backend::{Backend, tensor::FloatTensor},
    tensor::TensorData,
};
use burn_argmax::ArgmaxOps;

/// Asserts that the call panics with a message that names the argument.
#[track_caller]
fn assert_refused<T>(argument: &str, call: impl FnOnce() -> T) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else {
        panic!("no panic for a wrong {argument}");
    };
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .expect("a panic with a message");
    assert!(message.contains(argument), "no {argument:?} in {message:?}");
}

fn ones<B: Backend>(shape: &[usize]) -> FloatTensor<B> {
    let data = TensorData::new(vec![1f32; shape.iter().product()], shape.to_vec());
    B::float_from_data(data, &Default::default())
}

fn lines_of_another_shape<B: ArgmaxOps>() {
    let logits = || ones::<B>(&[2, 16]);
    let backward = |state: &[usize], grad: &[usize]| {
        B::soft_argmax_backward(logits(), ones::<B>(state), ones::<B>(grad), 1, 1.0.into())
    };
    backward(&[2, 4], &[2, 1]);
    assert_refused("grad", || backward(&[2, 4], &[1, 1]));
    assert_refused("grad", || backward(&[2, 4], &[2, 16]));
    assert_refused("state", || backward(&[1, 4], &[2, 1]));
    assert_refused("state", || backward(&[2, 3], &[2, 1]));
    // Held elsewhere, the logits are not overwritten.
    let held = logits();
    assert_refused("grad", || {
        B::soft_argmax_backward(
            held.clone(),
            ones::<B>(&[2, 4]),
            ones::<B>(&[1, 1]),
            1,
            1.0.into(),
        )
    });

    let surrogate = |grad: &[usize]| B::softmax_backward(logits(), ones::<B>(grad), 1, 1.0);
    surrogate(&[2, 16]);
    assert_refused("grad", || surrogate(&[2, 1]));
    assert_refused("grad", || surrogate(&[4, 16]));
}

fn maps_of_another_shape<B: ArgmaxOps>() {
    let backward = |state: &[usize], grad: &[usize], covariance| {
        let maps = ones::<B>(&[2, 1, 4, 4]);
        B::spatial_moments_backward(
            maps,
            ones::<B>(state),
            ones::<B>(grad),
            covariance,
            1.0.into(),
        )
    };
    backward(&[2, 8], &[2, 3], false);
    backward(&[2, 14], &[2, 9], true);
    assert_refused("grad", || backward(&[2, 8], &[1, 3], false));
    assert_refused("grad", || backward(&[2, 14], &[2, 3], true));
    assert_refused("state", || backward(&[1, 8], &[2, 3], false));
    assert_refused("state", || backward(&[2, 8], &[2, 9], true));
}

macro_rules! on {
    ($backend:ident, $feature:literal, $type:ty) => {
        #[cfg(feature = $feature)]
        mod $backend {
            #[test]
            fn lines_of_another_shape() {
                super::lines_of_another_shape::<$type>();
            }

            #[test]
            fn maps_of_another_shape() {
                super::maps_of_another_shape::<$type>();
            }
        }
    };
}

on!(ndarray, "ndarray", burn::backend::NdArray);
on!(flex, "flex", burn::backend::Flex);
