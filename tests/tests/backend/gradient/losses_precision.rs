use burn::tensor::{DType, Device, Tensor};
use burn_argmax::{Coordinates, losses, render_gaussian, spatial_softmax};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, uniform, values},
    device::computes,
};

use super::device;

fn half<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    tensor(values, shape, device).cast(DType::F16)
}

#[test]
fn half_precision_does_not_overflow_on_the_way() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F16) {
        return;
    }
    let hundred = half(&[1000.0; 100], [10, 10], &device);
    let average = losses::average_loss(hundred, None);
    assert_eq!(average.dtype(), DType::F16);
    assert_exact(&values(average), &[1000.0]);

    let predicted = half(&[300.0, 0.0], [1, 1, 2], &device).require_grad();
    // Coordinates of two dtypes meet in the wider one.
    let target = tensor(&[0.0, 0.0], [1, 1, 2], &device);
    let loss = losses::euclidean_loss(predicted.clone(), target);
    assert_eq!(loss.dtype(), DType::F16);
    assert_exact(&values(loss.clone()), &[300.0]);
    let gradient = values(predicted.grad(&loss.backward()).unwrap());
    assert_exact(&gradient, &[1.0, 0.0]);

    // Variances about 300: a square of them overflows, and of their difference does not.
    let mut two = [0.0; 700];
    (two[100], two[500]) = (0.5, 0.5);
    let loss = losses::variance_loss(half(&two, [1, 1, 700], &device), 199.75);
    assert_within(&values(loss), &[(4e4 - 199.75 * 199.75f64).powi(2)], |l| {
        1e-3 * l
    });
}

#[test]
fn divergences_of_half_precision_have_finite_gradients() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F16) {
        return;
    }
    for size in [128, 256] {
        let scores = tensor(&uniform(3, size * size), [1, 1, size, size], &device);
        let maps = spatial_softmax(scores, 1.0).cast(DType::F16);
        for loss in [
            losses::kl_divergence_loss::<4>,
            losses::jensen_shannon_loss::<4>,
        ] {
            let center = || tensor(&[40.3, 77.7], [1, 1, 2], &device);
            let of_wide = loss(
                maps.clone().cast(DType::F32),
                center(),
                1.0,
                Coordinates::Index,
            );
            let maps = maps.clone().detach().require_grad();
            let loss = loss(maps.clone(), center(), 1.0, Coordinates::Index);
            assert_eq!(loss.dtype(), DType::F16);
            assert_within(&values(loss.clone()), &values(of_wide), |l| 1e-3 * l);
            let gradient = values(maps.grad(&loss.backward()).unwrap());
            assert!(gradient.iter().all(|g| g.is_finite()));
        }
    }
}

#[test]
fn distances_of_any_size() {
    let Some(device) = device() else { return };
    for scale in [1e-30f32, 1e-10, 1e10, 1e30] {
        let predicted = [3.0 * scale, 4.0 * scale];
        let predicted = tensor(&predicted, [1, 1, 2], &device).require_grad();
        let target = tensor(&[0.0, 0.0], [1, 1, 2], &device);
        let loss = losses::euclidean_loss(predicted.clone(), target);
        let wanted = 5.0 * f64::from(scale);
        assert_within(&values(loss.clone()), &[wanted], |l| 1e-6 * l);
        let gradient = values(predicted.grad(&loss.backward()).unwrap());
        assert_within(&gradient, &[0.6, 0.8], |_| 1e-6);
    }
}

/// Of nearly equal maps: what is left is smaller than the rounding of its terms.
#[test]
fn the_jensen_shannon_divergence_is_never_negative() {
    let Some(device) = device() else { return };
    let center = || tensor(&[9.3, 7.6], [1, 1, 2], &device);
    let maps: Tensor<4> = render_gaussian(center(), &[16, 16], 2.0, Coordinates::Index);
    let same = losses::jensen_shannon_loss(maps, center(), 2.0, Coordinates::Index);
    let same = values(same)[0];
    assert!((0.0..1e-9).contains(&same), "{same:e}");

    // To the second order it is an eighth of the sum of (p - q)^2 / p: of a Gaussian that is moved by
    // d it is (d / sigma)^2 / 8.
    let moved = tensor(&[9.32, 7.6], [1, 1, 2], &device).require_grad();
    let maps: Tensor<4> = render_gaussian(moved.clone(), &[20, 20], 1.0, Coordinates::Index);
    let loss = losses::jensen_shannon_loss(maps, center(), 1.0, Coordinates::Index);
    assert_within(&values(loss.clone()), &[0.02f64.powi(2) / 8.0], |l| {
        5e-3 * l
    });
    let gradient = values(moved.grad(&loss.backward()).unwrap());
    assert_within(&gradient, &[0.02 / 4.0, 0.0], |_| 5e-5);
}

#[cfg(all(feature = "ndarray", feature = "flex"))]
#[test]
fn arguments_on_two_devices_are_refused() {
    use std::panic::catch_unwind;

    use burn_argmax_tests::device::{flex, ndarray};

    let on = |device: Option<Device>, shape| tensor(&[0.5, 0.5], shape, &device.unwrap());
    let result = catch_unwind(|| losses::l1_loss(on(flex(), [1, 1, 2]), on(ndarray(), [1, 1, 2])));
    let message = *result.unwrap_err().downcast::<String>().unwrap();
    for part in ["l1_loss: predicted and target", "Flex", "NdArray"] {
        assert!(message.contains(part), "{message}");
    }
    let result = catch_unwind(|| {
        let (maps, centers) = (on(flex(), [2, 1, 1]), on(ndarray(), [2, 1, 1]));
        losses::kl_divergence_loss(maps, centers, 1.0, Coordinates::Index)
    });
    let message = *result.unwrap_err().downcast::<String>().unwrap();
    let part = "kl_divergence_loss: heatmaps and centers must be on the same device";
    assert!(message.contains(part), "{message}");
}
