use burn::tensor::{Device, Tensor};
use burn_argmax::{Coordinates, soft_argmax, spatial_soft_argmax};
use burn_argmax_tests::{
    check::{assert_bits, assert_exact},
    data::{tensor, uniform, values},
    gradient::gradient,
};

use super::device;

/// Short rows, rows, rows in pieces, many columns, few, and few in pieces.
const SHAPES: [([usize; 2], usize); 6] = [
    ([40, 10], 1),
    ([3, 1025], 1),
    ([2, 65_537], 1),
    ([31, 600], 0),
    ([31, 5], 0),
    ([30_001, 5], 0),
];
const MAPS: [usize; 4] = [2, 3, 33, 50];

fn soft(dim: usize) -> impl Fn(Tensor<2>) -> Tensor<2> {
    move |x| soft_argmax(x, dim, 2.0)
}

fn spatial(maps: Tensor<4>) -> Tensor<3> {
    spatial_soft_argmax(maps, 2.0, Coordinates::Index)
}

/// `shape` of random values.
fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    tensor(&uniform(seed, shape.iter().product()), shape, device)
}

/// A leaf lives on, logits that a network has computed do not: their gradient may take their place.
#[test]
fn is_that_of_logits_that_live_on() {
    let Some(device) = device() else { return };
    for (shape, dim) in SHAPES {
        let x = random(41, shape, &device);
        let mut reduced = shape;
        reduced[dim] = 1;
        let upstream = random(42, reduced, &device);
        let op = soft(dim);
        let of_leaf = gradient(x.clone(), upstream.clone(), &op);
        assert_bits(gradient(x, upstream, |x| op(x * 1.0)), of_leaf);
    }

    let maps = random(43, MAPS, &device).require_grad();
    let of_leaf = maps.grad(&spatial(maps.clone()).backward()).unwrap();
    let computed = spatial(maps.clone() * 1.0);
    assert_bits(maps.grad(&computed.backward()).unwrap(), of_leaf);
}

#[test]
fn leaves_logits_that_are_kept_as_they_were() {
    let Some(device) = device() else { return };
    for (shape, dim) in SHAPES {
        let x = random(44, shape, &device).require_grad();
        let kept = x.clone() * 1.0;
        let op = soft(dim);
        // The second use finds the logits that the first has left.
        let loss = op(kept.clone()).sum() + op(kept.clone()).sum();
        let gradients = loss.backward();
        assert_exact(&values(kept), &values(x.clone()));

        let once = x.grad(&op(x.clone() * 1.0).sum().backward()).unwrap();
        assert_exact(&values(x.grad(&gradients).unwrap()), &values(once * 2.0));
    }

    let maps = random(45, MAPS, &device).require_grad();
    let kept = maps.clone() * 1.0;
    let view = kept.clone().narrow(0, 0, 1);
    spatial(kept).backward();
    assert_exact(&values(view), &values(maps.narrow(0, 0, 1)));
}
