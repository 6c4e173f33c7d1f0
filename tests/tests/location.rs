//! A panic points to the line that called the operator.
#![cfg(feature = "flex")]

use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use burn_argmax::{
    Coordinates, Estimator, Noise, Surrogate, Weighting, entmax, gaussian_bins, gumbel_softmax,
    losses, nn::SoftArgmaxConfig, peaks, refined_argmax, sampled_argmax, sampled_one_hot,
    sampled_top_k, sign_one_hot, soft_argmax, soft_argmin, soft_argmin_over, soft_top_k, softmax,
    spatial_soft_argmax, spatial_soft_argmax_around, straight_through_argmax,
    straight_through_one_hot, straight_through_select, straight_through_top_k, two_hot,
};

static FILES: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[test]
fn is_that_of_the_caller() {
    let x = || Tensor::<2>::zeros([2, 3], &Device::flex());
    let calls: [fn(Tensor<2>); 29] = [
        |x| drop(soft_argmax(x, 2, 1.0)),
        |x| drop(soft_argmin(x, 1, -1.0)),
        |x| {
            drop(soft_argmin_over(
                x,
                Tensor::<1>::zeros([2], &Device::flex()),
                1,
                1.0,
            ))
        },
        |x| drop(straight_through_one_hot(x, 7, Surrogate::Identity)),
        |x| drop(sign_one_hot(x, -3)),
        |x| drop(soft_argmax(x, 1, Weighting::softmax(1.0).within(0))),
        |x| drop(spatial_soft_argmax(x, 1.0, Coordinates::Index)),
        |x| {
            drop(losses::l1_loss(
                x.unsqueeze(),
                Tensor::zeros([1, 2, 2], &Device::flex()),
            ))
        },
        |x| drop(losses::variance_loss(x.unsqueeze::<3>(), -1.0)),
        |x| {
            let (maps, centers) = (
                x.unsqueeze::<3>(),
                Tensor::zeros([1, 1, 1], &Device::flex()),
            );
            drop(losses::kl_divergence_loss(
                maps,
                centers,
                1.0,
                Coordinates::Index,
            ))
        },
        |x| drop(softmax(x, 2, 1.0)),
        |x| drop(entmax(x, 1, 3.0, 1.0)),
        |x| drop(sampled_one_hot(x, 2, Estimator::Identity, Noise::Seed(1))),
        |x| drop(sampled_argmax(x, 2, Noise::Seed(1))),
        |x| drop(gumbel_softmax(x, 1, -1.0, Noise::Seed(1))),
        |x| drop(soft_top_k(x, 0, 1, 1.0)),
        |x| drop(straight_through_top_k(x, 4, 1, Surrogate::Identity)),
        |x| drop(sampled_top_k(x, 1, 2, Surrogate::Identity, Noise::Seed(1))),
        |x| {
            drop(straight_through_select(
                x.clone(),
                x,
                1,
                Surrogate::Identity,
            ))
        },
        |x| drop(peaks(x.unsqueeze::<3>(), 0, 1)),
        |x| {
            let (maps, centers) = (
                x.unsqueeze::<3>(),
                Tensor::zeros([1, 2, 1, 1], &Device::flex()),
            );
            drop(spatial_soft_argmax_around(
                maps,
                centers,
                0,
                1.0,
                Coordinates::Index,
            ))
        },
        |x| drop(straight_through_argmax(x, 1, -1.0)),
        |x| drop(refined_argmax(x, 2)),
        |x| drop(two_hot(x, 1, 4)),
        |x| drop(gaussian_bins(x.slice([0..2, 0..1]), 1, 4, -1.0)),
        |x| drop(losses::histogram_loss(x.clone(), x.slice([0..1, 0..3]), 1)),
        |x| drop(losses::expected_distance_loss(x.clone(), x, 1, 1.0)),
        |x| drop(losses::entmax_loss(x.clone(), x.int(), 1, 1.5)),
        |x| {
            drop(
                SoftArgmaxConfig::new()
                    .with_dim(5)
                    .init(&x.device())
                    .forward(x),
            )
        },
    ];
    let hook = take_hook();
    set_hook(Box::new(|panic| {
        let file = panic.location().expect("a location").file();
        FILES
            .lock()
            .expect("no panic while it is held")
            .push(file.to_string());
    }));
    let results = calls.map(|call| catch_unwind(|| call(x())).is_err());
    set_hook(hook);
    assert_eq!(results, [true; 29]);
    let files = FILES.lock().expect("no panic while it was held");
    assert!(
        files.iter().all(|at| at.ends_with("location.rs")),
        "{files:?}"
    );
}
