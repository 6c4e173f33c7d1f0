use burn::tensor::{Bool, Device, Tensor};
use burn_argmax::{Coordinates, losses, render_gaussian};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, values},
};

use super::device;

/// The average of two losses of which the second is masked out.
fn first_of_two(losses: Tensor<2>, device: &Device) -> Tensor<1> {
    let mask = Tensor::<2, Bool>::from_data([[true, false]], device);
    losses::average_loss(losses, Some(mask))
}

type OnCoordinates = fn(Tensor<3>, Tensor<3>) -> Tensor<2>;

const ON_COORDINATES: [OnCoordinates; 3] =
    [losses::euclidean_loss, losses::l1_loss, losses::mse_loss];

#[test]
fn a_label_that_is_masked_out_leaves_zeros() {
    let Some(device) = device() else { return };
    let wanted = [[0.447_213_6, 0.894_427_2], [0.5, 0.5], [0.1, 0.2]];
    for (loss, wanted) in ON_COORDINATES.into_iter().zip(wanted) {
        for missing in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            // The difference from the largest number overflows.
            let other = if missing == f32::MAX { f32::MIN } else { 0.3 };
            let at = [0.1, 0.2, other, other];
            let predicted = tensor(&at, [1, 2, 2], &device).require_grad();
            let target = tensor(&[0.0, 0.0, missing, missing], [1, 2, 2], &device).require_grad();
            let average = first_of_two(loss(predicted.clone(), target.clone()), &device);
            let gradients = average.backward();
            let gradient = values(predicted.grad(&gradients).unwrap());
            assert_within(&gradient[..2], &wanted, |_| 1e-6);
            assert_exact(&gradient[2..], &[0.0; 2]);
            assert_exact(&values(target.grad(&gradients).unwrap())[2..], &[0.0; 2]);
        }
    }
}

/// A broken location that counts is not passed over in silence, and touches no other.
#[test]
fn a_label_that_counts_gives_nan() {
    let Some(device) = device() else { return };
    for loss in ON_COORDINATES {
        let predicted = tensor(&[0.1, 0.2, 0.3, 0.4], [1, 2, 2], &device).require_grad();
        let target = tensor(&[0.0, 0.0, f32::NAN, 0.4], [1, 2, 2], &device);
        let loss = loss(predicted.clone(), target);
        let got = values(loss.clone());
        assert!(got[0].is_finite() && got[1].is_nan(), "{got:?}");
        let gradient = values(predicted.grad(&loss.backward()).unwrap());
        assert!(gradient[..2].iter().all(|g| g.is_finite()), "{gradient:?}");
        assert!(gradient[2..].iter().all(|g| g.is_nan()), "{gradient:?}");
    }
}

fn variance(heatmaps: Tensor<3>, _centers: Tensor<3>) -> Tensor<2> {
    losses::variance_loss(heatmaps, 1.0)
}

fn kl_divergence(heatmaps: Tensor<3>, centers: Tensor<3>) -> Tensor<2> {
    losses::kl_divergence_loss(heatmaps, centers, 1.0, Coordinates::Index)
}

fn jensen_shannon(heatmaps: Tensor<3>, centers: Tensor<3>) -> Tensor<2> {
    losses::jensen_shannon_loss(heatmaps, centers, 1.0, Coordinates::Index)
}

#[test]
fn a_heatmap_that_is_masked_out_leaves_zeros() {
    let Some(device) = device() else { return };
    let cases: [(OnCoordinates, bool); 3] = [
        (variance, false),
        (kl_divergence, true),
        (jensen_shannon, true),
    ];
    for (loss, has_centers) in cases {
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            if !has_centers && broken == f32::NEG_INFINITY {
                continue; // a mask
            }
            let in_map = (broken, 1.0);
            let in_center = (0.25, broken);
            let places = [in_map, in_center];
            for &(entry, center) in &places[..1 + usize::from(has_centers)] {
                let maps = [0.2, 0.5, 0.3, entry, 0.25, 0.5];
                let maps = tensor(&maps, [1, 2, 3], &device).require_grad();
                let centers = tensor(&[1.2, center], [1, 2, 1], &device).require_grad();
                let run = || loss(maps.clone(), centers.clone());
                let loss = run();
                let got = values(loss.clone());
                assert!(got[0].is_finite() && got[1].is_nan(), "{got:?}");

                let all = values(maps.grad(&loss.backward()).unwrap());
                assert!(all[..3].iter().all(|g| g.is_finite()), "{all:?}");
                assert!(all[3..].iter().all(|g| g.is_nan()), "{all:?}");

                let gradients = first_of_two(run(), &device).backward();
                let gradient = values(maps.grad(&gradients).unwrap());
                assert_exact(&gradient[..3], &all[..3]);
                assert_exact(&gradient[3..], &[0.0; 3]);
                if has_centers {
                    let gradient = values(centers.grad(&gradients).unwrap());
                    assert!(gradient[0].is_finite());
                    assert_exact(&gradient[1..], &[0.0]);
                }
            }
        }
    }
}

#[test]
fn a_center_that_is_not_finite_gives_nan_for_its_heatmap() {
    let Some(device) = device() else { return };
    for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let centers = tensor(&[1.0, 2.0, broken, 2.0], [1, 2, 2], &device).require_grad();
        let run =
            || -> Tensor<4> { render_gaussian(centers.clone(), &[4, 3], 1.0, Coordinates::Index) };
        let got = values(run());
        assert!(got[..12].iter().all(|h| h.is_finite()), "{got:?}");
        assert!(got[12..].iter().all(|h| h.is_nan()), "{got:?}");

        let upstream: Vec<f32> = (0..24)
            .map(|j| if j < 12 { j as f32 } else { 0.0 })
            .collect();
        let used = tensor(&upstream, [1, 2, 4, 3], &device);
        let gradient = values(centers.grad(&(run() * used).backward()).unwrap());
        assert!(gradient[..2].iter().all(|g| g.is_finite()), "{gradient:?}");
        assert_exact(&gradient[2..], &[0.0; 2]);

        let gradient = values(centers.grad(&run().backward()).unwrap());
        assert!(gradient[2..].iter().all(|g| g.is_nan()), "{gradient:?}");
    }
}

#[test]
fn an_empty_batch_stays_in_the_graph() {
    let Some(device) = device() else { return };
    let empty = |axes| tensor(&[], [0, 2, axes], &device).require_grad();
    let cases: [(OnCoordinates, usize); 6] = [
        (losses::euclidean_loss, 1),
        (losses::l1_loss, 1),
        (losses::mse_loss, 1),
        (variance, 5),
        (kl_divergence, 5),
        (jensen_shannon, 5),
    ];
    for (loss, axes) in cases {
        let first = empty(axes);
        let loss = loss(first.clone(), empty(1));
        assert_eq!(loss.dims(), [0, 2]);
        let gradient = first.grad(&loss.clone().backward()).unwrap();
        assert_eq!(gradient.dims(), [0, 2, axes]);
        assert_exact(&values(losses::average_loss(loss, None)), &[0.0]);
    }
    let centers = empty(2);
    let maps: Tensor<4> = render_gaussian(centers.clone(), &[4, 3], 1.0, Coordinates::Index);
    assert_eq!(maps.dims(), [0, 2, 4, 3]);
    assert_eq!(centers.grad(&maps.backward()).unwrap().dims(), [0, 2, 2]);
}
