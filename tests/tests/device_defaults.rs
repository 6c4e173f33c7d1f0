//! Results do not depend on what a device makes tensors of by default.
#![cfg(feature = "flex")]

use burn::tensor::{DType, Device, FloatDType, IntDType, Tensor};
use burn_argmax::{
    Coordinates, Noise, Surrogate, Weighting, gumbel_noise, peaks, refined_argmax,
    refined_spatial_argmax, sampled_argmax, soft_argmax, spatial_soft_argmax_around,
    straight_through_argmax, straight_through_one_hot, straight_through_select,
    straight_through_top_k,
};
use burn_argmax_tests::{
    check::assert_within,
    data::{tensor, values},
    oracle_noise::gumbels,
};

/// A column of indices.
fn indices(count: usize, device: &Device) -> Tensor<2> {
    let indices: Vec<f32> = (0..count).map(|index| index as f32).collect();
    tensor(&indices, [count, 1], device)
}

#[test]
fn half_floats_and_bytes() {
    const SEED: u64 = 0x8765_4321_9abc_def0;

    let mut device = Device::flex();
    // A process has one choice.
    device
        .configure((FloatDType::F16, IntDType::U8))
        .expect("the first choice");
    let noise = gumbel_noise::<2>([3, 50], Noise::Seed(SEED), &device);
    assert_eq!(noise.dtype(), DType::F32);
    assert_within(&values(noise.clone()), &gumbels(SEED, 150), |g| {
        3e-6 * g.abs().max(1.0)
    });
    // An index that neither has.
    let mut map = vec![0.0f32; 5001];
    map[4001] = 2.0;
    let map: Tensor<3> = tensor(&map, [1, 1, 5001], &device);
    let line: Tensor<2> = map.clone().reshape([1, 5001]);
    let surrogate = Surrogate::Identity;
    let around = |centers| {
        spatial_soft_argmax_around(
            map.clone(),
            centers,
            1,
            Weighting::given(),
            Coordinates::Index,
        )
    };
    let found = peaks(map.clone(), 1, 1).positions;
    let one_hot = straight_through_one_hot(line.clone(), 1, surrogate);
    let many = straight_through_top_k(line.clone(), 1, 1, surrogate);
    let codebook = indices(5001, &device);
    let results = [
        values(found.clone()),
        values(around(found)),
        values(refined_spatial_argmax(map.clone(), Coordinates::Index)),
        values(refined_argmax(line.clone(), 1)),
        values(straight_through_argmax(line.clone(), 1, 1.0)),
        values(soft_argmax(line.clone(), 1, Weighting::given())),
        values(soft_argmax(
            line.clone(),
            1,
            Weighting::softmax(50.0).within(3),
        )),
        values(soft_argmax(line.clone(), 1, Weighting::entmax(1.5, 9.0))),
        values(soft_argmax(one_hot, 1, Weighting::given())),
        values(soft_argmax(many, 1, Weighting::given())),
        values(straight_through_select(line, codebook, 1, surrogate)),
    ];
    for (index, result) in results.iter().enumerate() {
        println!("{index}");
        assert_within(result, &[4001.0], |_| 1e-3);
    }

    for noise in [Noise::Seed(SEED), Noise::Device] {
        let logits = gumbel_noise::<2>([3, 50], Noise::Device, &device);
        assert_eq!(sampled_argmax(logits, 1, noise).dtype(), DType::U8);
    }
}
