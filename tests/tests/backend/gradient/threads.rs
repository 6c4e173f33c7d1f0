use burn::tensor::{Device, Tensor};
use burn_argmax::{
    Coordinates, Surrogate, sign_one_hot, soft_argmax, spatial_soft_argmax_moments,
    straight_through_one_hot,
};
use burn_argmax_tests::{
    check::assert_bits,
    data::{tensor, uniform},
    gradient::gradient,
};
use rayon::ThreadPoolBuilder;

use super::device;

/// Lines that threads share, however these lie: short rows, rows of a few vectors, rows, rows in
/// pieces, many columns, many in pieces, few, and few in pieces.
const SHAPES: [([usize; 2], usize); 8] = [
    ([20_001, 10], 1),
    ([3001, 50], 1),
    ([131, 1025], 1),
    ([3, 70_001], 1),
    ([31, 5003], 0),
    ([5003, 31], 0),
    ([50_003, 3], 0),
    ([70_001, 2], 0),
];

fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    tensor(&uniform(seed, shape.iter().product()), shape, device)
}

/// Bit for bit, also where one thread does all of it.
#[test]
fn do_not_change_results() {
    let Some(device) = device() else { return };
    for (shape, dim) in SHAPES {
        println!("{shape:?} along {dim}");
        let x = random(71, shape, &device);
        let mut reduced = shape;
        reduced[dim] = 1;
        let of_lines = random(72, reduced, &device);
        let of_elements = random(73, shape, &device);
        let surrogate = || Surrogate::Softmax { beta: 2.0 };
        assert_same(|| soft_argmax(x.clone(), dim, 2.0));
        assert_same(|| straight_through_one_hot(x.clone(), dim, surrogate()));
        assert_same(|| sign_one_hot(x.clone(), dim));
        assert_same(|| gradient(x.clone(), of_lines.clone(), |x| soft_argmax(x, dim, 2.0)));
        assert_same(|| {
            gradient(x.clone(), of_elements.clone(), |x| {
                straight_through_one_hot(x, dim, surrogate())
            })
        });
    }

    let maps = random(74, [2, 3, 300, 301], &device);
    let moments = |maps| {
        let moments = spatial_soft_argmax_moments(maps, 2.0, Coordinates::Index);
        moments.mean + moments.covariance.sum_dim(3).squeeze_dim(3)
    };
    assert_same(|| moments(maps.clone()));
    let upstream = random(75, [2, 3, 2], &device);
    assert_same(|| gradient_of_maps(maps.clone(), upstream.clone(), moments));
}

/// [`gradient`] of an operator from maps to positions.
fn gradient_of_maps(
    maps: Tensor<4>,
    upstream: Tensor<3>,
    op: impl Fn(Tensor<4>) -> Tensor<3>,
) -> Tensor<4> {
    let maps = maps.detach().require_grad();
    let weighted = op(maps.clone()) * upstream;
    maps.grad(&weighted.backward())
        .expect("maps are a tracked leaf")
}

#[track_caller]
fn assert_same<const D: usize>(compute: impl Fn() -> Tensor<D> + Sync) {
    let on = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("a pool of threads").install(&compute)
    };
    let one = on(1);
    for threads in [2, 3, 8] {
        assert_bits(on(threads), one.clone());
    }
}
