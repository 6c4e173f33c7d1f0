use burn::tensor::Device;
use burn_argmax::losses::variance_loss;
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{tensor, uniform, values, widen},
};

use super::device;

/// The loss of one map of sizes `z, y, x`, and its slope along every entry.
fn variance(map: &[f64], sizes: &[usize], sigma: f64) -> (f64, Vec<f64>) {
    let sum: f64 = map.iter().sum();
    let mut slopes = vec![0.0; map.len()];
    let mut loss = 0.0;
    let mut stride = 1;
    for &size in sizes.iter().rev() {
        let at = |entry: usize| (entry / stride % size) as f64;
        let entries = || map.iter().enumerate();
        let mean = entries().map(|(entry, p)| p * at(entry)).sum::<f64>() / sum;
        let square = |entry: usize| (at(entry) - mean).powi(2);
        let variance = entries().map(|(entry, p)| p * square(entry)).sum::<f64>() / sum;
        let error = variance - sigma * sigma;
        loss += error * error;
        for (entry, slope) in slopes.iter_mut().enumerate() {
            *slope += 2.0 * error * (square(entry) - variance) / sum;
        }
        stride *= size;
    }
    (loss, slopes)
}

#[track_caller]
fn assert_variance<const D: usize>(sizes: &[usize], maps: &[f32], sigma: f64, device: &Device) {
    println!("{sizes:?}, sigma {sigma}");
    let mut shape = [1; D];
    shape[1] = 2;
    shape[2..].copy_from_slice(sizes);
    let x = tensor(maps, shape, device).require_grad();
    let losses = variance_loss(x.clone(), sigma);
    let got = values(losses.clone());
    let upstream = [0.75, -2.0];
    let gradients = (losses * tensor(&upstream, [1, 2], device)).backward();
    let gradient = values(x.grad(&gradients).unwrap());
    let maps = widen(maps);
    let length = maps.len() / 2;
    for (map, upstream) in upstream.into_iter().enumerate() {
        let places = map * length..(map + 1) * length;
        let (loss, slopes) = variance(&maps[places.clone()], sizes, sigma);
        assert_within(&got[map..=map], &[loss], |_| 1e-4 * loss + 1e-8);
        let slopes: Vec<f64> = slopes.iter().map(|s| s * f64::from(upstream)).collect();
        let scale = largest(&slopes);
        assert_within(&gradient[places], &slopes, |_| 2e-4 * scale + 1e-8);
    }
}

/// Maps whose sum is not 1, of one to three dimensions.
#[test]
fn of_maps() {
    let Some(device) = device() else { return };
    let weights = |length: usize| -> Vec<f32> {
        let maps = uniform(63, 2 * length);
        maps.iter().map(|x| x.abs() / length as f32).collect()
    };
    for sigma in [0.5, 30.0] {
        assert_variance::<4>(&[256, 256], &weights(256 * 256), sigma, &device);
        assert_variance::<5>(&[7, 20, 33], &weights(7 * 20 * 33), sigma, &device);
        assert_variance::<3>(&[1_000], &weights(1_000), sigma, &device);
    }
}

/// One pixel has nearly all, far from the origin of a map of 256x256.
#[test]
fn of_one_pixel() {
    let Some(device) = device() else { return };
    let side = 256;
    let mut maps = vec![0.0; 2 * side * side];
    maps[200 * side + 250] = 1.0;
    let second = &mut maps[side * side..];
    second[200 * side + 250] = 0.75;
    second[200 * side + 251] = 0.125;
    second[201 * side + 250] = 0.125;
    assert_variance::<4>(&[side, side], &maps, 1.0, &device);
}

/// A mask weighs nothing, and nothing comes to it.
#[test]
fn of_masks() {
    let Some(device) = device() else { return };
    let run = |entry: f32| {
        let maps = tensor(&[0.25, entry, 0.5, 0.25], [1, 1, 4], &device).require_grad();
        let loss = variance_loss(maps.clone(), 2.0);
        let value = values(loss.clone());
        (value, values(maps.grad(&loss.backward()).unwrap()))
    };
    let (want, mut slopes) = run(0.0);
    slopes[1] = 0.0;
    let (got, gradient) = run(f32::NEG_INFINITY);
    assert_exact(&got, &want);
    assert_exact(&gradient, &slopes);
    let (got, gradient) = run(-1.0); // the sum is 0
    assert!(got[0].is_nan() && gradient.iter().all(|g| g.is_nan()));
}

/// Finite numbers, however large, leave exactly 0 where nothing comes from upstream.
#[test]
fn of_what_is_masked_out() {
    let Some(device) = device() else { return };
    for (entry, sigma) in [(1e13, 1.0), (1e30, 1.0), (1.0, 1e19), (1.0, 1e30)] {
        let maps = tensor(&[entry, 0.0, 0.5, 0.25], [1, 1, 4], &device).require_grad();
        let loss = (variance_loss(maps.clone(), sigma) * 0.0).sum();
        let gradient = values(maps.grad(&loss.backward()).unwrap());
        assert_exact(&gradient, &[0.0; 4]);
    }
}
