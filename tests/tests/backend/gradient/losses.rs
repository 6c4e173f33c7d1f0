use burn::tensor::{Bool, Tensor};
use burn_argmax::{Coordinates, losses, render_gaussian};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, values},
};

use super::device;

const PREDICTED: [f32; 8] = [0.0, 0.0, 3.0, 4.0, -1.0, 2.0, 5.0, 5.0];
const TARGET: [f32; 8] = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 5.0, 4.0];

/// Values and gradients of a loss between the coordinates above.
fn on_coordinates(
    loss: fn(Tensor<3>, Tensor<3>) -> Tensor<2>,
    device: &burn::tensor::Device,
) -> (Vec<f64>, Vec<f64>) {
    let predicted = tensor(&PREDICTED, [2, 2, 2], device).require_grad();
    let target = tensor(&TARGET, [2, 2, 2], device);
    let loss = loss(predicted.clone(), target);
    assert_eq!(loss.dims(), [2, 2]);
    let gradient = predicted.grad(&loss.clone().backward()).unwrap();
    (values(loss), values(gradient))
}

#[test]
fn distances_of_coordinates() {
    let Some(device) = device() else { return };
    let (euclidean, gradient) = on_coordinates(losses::euclidean_loss, &device);
    assert_within(&euclidean, &[0.0, 5.0, 2.0, 1.0], |_| 1e-6);
    let want = [0.0, 0.0, 0.6, 0.8, -1.0, 0.0, 0.0, 1.0];
    assert_within(&gradient, &want, |_| 1e-6);
    assert_exact(&gradient[..2], &[0.0; 2]);

    let (l1, gradient) = on_coordinates(losses::l1_loss, &device);
    assert_within(&l1, &[0.0, 3.5, 1.0, 0.5], |_| 1e-6);
    assert_within(
        &gradient,
        &[0.0, 0.0, 0.5, 0.5, -0.5, 0.0, 0.0, 0.5],
        |_| 1e-6,
    );

    let (mse, gradient) = on_coordinates(losses::mse_loss, &device);
    assert_within(&mse, &[0.0, 12.5, 2.0, 0.5], |_| 1e-6);
    assert_within(
        &gradient,
        &[0.0, 0.0, 3.0, 4.0, -2.0, 0.0, 0.0, 1.0],
        |_| 1e-6,
    );
}

#[test]
fn the_average_counts_what_the_mask_selects() {
    let Some(device) = device() else { return };
    let losses = tensor(&[1.0, f32::NAN, 3.0, 8.0], [2, 2], &device).require_grad();
    let mask = |flags: [[bool; 2]; 2]| Some(Tensor::<2, Bool>::from_data(flags, &device));
    let some = losses::average_loss(losses.clone(), mask([[true, false], [true, false]]));
    assert_within(&values(some.clone()), &[2.0], |_| 1e-6);
    let gradient = values(losses.grad(&some.backward()).unwrap());
    assert_within(&gradient, &[0.5, 0.0, 0.5, 0.0], |_| 1e-6);

    let none = losses::average_loss(losses.clone(), mask([[false; 2]; 2]));
    assert_exact(&values(none.clone()), &[0.0]);
    assert_exact(&values(losses.grad(&none.backward()).unwrap()), &[0.0; 4]);
    let all = losses::average_loss(tensor(&[1.0, 2.0, 3.0, 8.0], [2, 2], &device), None);
    assert_within(&values(all), &[3.5], |_| 1e-6);
}

/// Gaussians of 1-D to 3-D maps, as the formula reads.
#[test]
fn gaussians_match_their_formula() {
    let Some(device) = device() else { return };
    let (sizes, sigma) = ([3usize, 4, 5], 0.9);
    let centers = [[1.3f32, 2.2, 0.4], [-40.0, 1.0, 2.0]];
    let centers_tensor = tensor(&centers.concat(), [1, 2, 3], &device).require_grad();
    let got: Tensor<5> = render_gaussian(centers_tensor.clone(), &sizes, sigma, Coordinates::Index);
    assert_eq!(got.dims(), [1, 2, 3, 4, 5]);
    let mut want = Vec::new();
    for center in centers {
        let center = center.map(f64::from);
        let mut map = Vec::new();
        for z in 0..3 {
            for y in 0..4 {
                for x in 0..5 {
                    let at = [x, y, z].map(f64::from);
                    // Far outside, the common factor of x is taken off: only the ratios matter.
                    let far = if center[0] < 0.0 {
                        center[0].powi(2)
                    } else {
                        0.0
                    };
                    let squared = (0..3).map(|a| (at[a] - center[a]).powi(2)).sum::<f64>();
                    map.push((-(squared - far) / (2.0 * sigma * sigma)).exp());
                }
            }
        }
        let sum: f64 = map.iter().sum();
        want.extend(map.iter().map(|h| h / sum));
    }
    assert_within(&values(got.clone()), &want, |_| 2e-6);

    // The heatmaps sum to 1 wherever the center is, so the sum has no slope.
    let gradient = values(centers_tensor.grad(&got.sum().backward()).unwrap());
    assert!(gradient.iter().all(|g| g.abs() < 1e-5), "{gradient:?}");
}

#[test]
fn the_same_gaussian_in_every_unit() {
    let Some(device) = device() else { return };
    let index = [2.0f32, 3.5];
    let corners = [2.0 * 2.0 / 5.0 - 1.0, 2.0 * 3.5 / 7.0 - 1.0];
    let cells = [(2.0 * 2.0 + 1.0) / 6.0 - 1.0, (2.0 * 3.5 + 1.0) / 8.0 - 1.0];
    let render = |center: [f32; 2], coordinates| -> Vec<f64> {
        let center = tensor(&center, [1, 1, 2], &device);
        values::<4>(render_gaussian(center, &[8, 6], 1.2, coordinates))
    };
    let want = render(index, Coordinates::Index);
    assert_within(&render(corners, Coordinates::AlignCorners), &want, |_| 1e-6);
    assert_within(&render(cells, Coordinates::CellCenters), &want, |_| 1e-6);
}

#[test]
fn divergences_are_finite_at_zero() {
    let Some(device) = device() else { return };
    let spike = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    for loss in [
        losses::kl_divergence_loss::<3>,
        losses::jensen_shannon_loss::<3>,
    ] {
        let heatmaps = tensor(&spike, [1, 1, 6], &device).require_grad();
        let centers = tensor(&[1.5], [1, 1, 1], &device);
        let loss = loss(heatmaps.clone(), centers, 0.1, Coordinates::Index);
        assert!(values(loss.clone())[0].is_finite());
        let gradient = values(heatmaps.grad(&loss.backward()).unwrap());
        assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    }
}
