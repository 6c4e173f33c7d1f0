use burn::tensor::{DType, Tensor};
use burn_argmax::{Coordinates, render_gaussian};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, values},
    device::computes,
};

use super::device;

/// The map about one center, and the slope of its first pixel less its last.
fn line(center: f32, width: usize, sigma: f64, device: &burn::tensor::Device) -> (Vec<f64>, f64) {
    let center = tensor(&[center], [1, 1, 1], device).require_grad();
    let map: Tensor<3> = render_gaussian(center.clone(), &[width], sigma, Coordinates::Index);
    let mut upstream = vec![0.0; width];
    (upstream[0], upstream[width - 1]) = (1.0, -1.0);
    let loss = map.clone() * tensor(&upstream, [1, 1, width], device);
    let slope = values(center.grad(&loss.backward()).unwrap())[0];
    (values(map), slope)
}

#[test]
fn a_far_center_is_drawn_at_the_border() {
    let Some(device) = device() else { return };
    for far in [1e4, 1e8, 1e10, 1e20, f32::MAX] {
        for (center, border) in [(far, 63), (-far, 0)] {
            let mut wanted = [0.0; 64];
            wanted[border] = 1.0;
            let (map, slope) = line(center, 64, 1.0, &device);
            assert_within(&map, &wanted, |_| 1e-6);
            assert_exact(&[slope], &[0.0]);
        }
    }
    for coordinates in [Coordinates::AlignCorners, Coordinates::CellCenters] {
        let center = tensor(&[f32::MAX, f32::MIN], [1, 1, 2], &device);
        let map: Tensor<4> = render_gaussian(center, &[3, 4], 1.0, coordinates);
        let mut wanted = [0.0; 12];
        wanted[3] = 1.0;
        assert_within(&values(map), &wanted, |_| 1e-6);
    }
}

#[test]
fn any_width_of_a_gaussian() {
    let Some(device) = device() else { return };
    for sigma in [1e-200, 1e-20, 1e-6] {
        let (map, slope) = line(2.3, 5, sigma, &device);
        assert_exact(&map, &[0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_exact(&[slope], &[0.0]);
        let (map, slope) = line(0.5, 2, sigma, &device);
        assert_exact(&map, &[0.5, 0.5]);
        assert!(slope < 0.0);
    }
    for sigma in [1e6, 1e20, 1e200] {
        let (map, slope) = line(2.3, 5, sigma, &device);
        assert_within(&map, &[0.2; 5], |_| 1e-6);
        assert!(slope.abs() < 1e-6);
    }
    // Far out, with a width that still tells: the weights fall by e from pixel to pixel.
    let (map, _) = line(1e8, 4, 1e4, &device);
    let powers: Vec<f64> = (0..4).map(|i| f64::from(i).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let wanted: Vec<f64> = powers.iter().map(|power| power / sum).collect();
    assert_within(&map, &wanted, |_| 1e-6);
}

#[test]
fn half_precision_is_rounded_once() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::BF16) {
        return;
    }
    // 300 is a bfloat16, and 299 is not: pixel indices are not rounded.
    let center = tensor(&[300.0], [1, 1, 1], &device).cast(DType::BF16);
    let map: Tensor<3> = render_gaussian(center, &[400], 1.0, Coordinates::Index);
    assert_eq!(map.dtype(), DType::BF16);
    let about = &values(map)[298..303];
    let wanted = [0.053_991, 0.241_971, 0.398_942, 0.241_971, 0.053_991];
    assert_within(about, &wanted, |h| 4e-3 * h);
}

/// As kornia has it: centers and deviations normalised, one an axis.
#[test]
fn a_width_of_each_axis() {
    let Some(device) = device() else { return };
    let ([width, height], mean, std) = ([12usize, 16usize], [0.1f32, -0.35], [0.3, 0.2]);
    let at = |index: usize, size: usize| 2.0 * index as f64 / (size as f64 - 1.0) - 1.0;
    let power = |axis: usize, at: f64| ((at - f64::from(mean[axis])) / std[axis]).powi(2) * -0.5;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let heights: Vec<f64> = pixels
        .map(|(x, y)| (power(0, at(x, width)) + power(1, at(y, height))).exp())
        .collect();
    let sum: f64 = heights.iter().sum();
    let wanted: Vec<f64> = heights.iter().map(|height| height / sum).collect();
    let in_pixels = [
        std[0] * (width as f64 - 1.0) / 2.0,
        std[1] * (height as f64 - 1.0) / 2.0,
    ];
    let center = tensor(&mean, [1, 1, 2], &device);
    let units = Coordinates::AlignCorners;
    let map: Tensor<4> = render_gaussian(center, &[height, width], in_pixels, units);
    assert_within(&values(map), &wanted, |_| 1e-6);
}

#[test]
fn units_there_and_back() {
    let Some(device) = device() else { return };
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        if !computes(&device, dtype) {
            continue;
        }
        let index = tensor(&[300.0, 7.0, -20.5, 0.0], [1, 2, 2], &device).cast(dtype);
        for units in [Coordinates::AlignCorners, Coordinates::CellCenters] {
            let per_pixel = |size: f64| match units {
                Coordinates::AlignCorners => (2.0 / (size - 1.0), -1.0),
                _ => (2.0 / size, 1.0 / size - 1.0),
            };
            let wanted: Vec<f64> = values(index.clone())
                .chunks(2)
                .flat_map(|at| {
                    let [(dx, x), (dy, y)] = [per_pixel(400.0), per_pixel(9.0)];
                    [at[0] * dx + x, at[1] * dy + y]
                })
                .collect();
            let position = units.of_index(index.clone(), &[9, 400]);
            assert_eq!(position.dtype(), dtype);
            let ulp = match dtype {
                DType::F32 => 1e-6,
                DType::F16 => 1e-3,
                _ => 8e-3,
            };
            let got = values(position.clone());
            assert_within(&got, &wanted, |want| ulp * want.abs() + 1e-6);
            // The inverse of what was rounded.
            let again: Vec<f64> = got
                .chunks(2)
                .flat_map(|at| {
                    let [(dx, x), (dy, y)] = [per_pixel(400.0), per_pixel(9.0)];
                    [(at[0] - x) / dx, (at[1] - y) / dy]
                })
                .collect();
            let back = values(units.index_of(position, &[9, 400]));
            assert_within(&back, &again, |want| ulp * want.abs() + 1e-4);
        }
    }
    // The only pixel of an axis.
    let middle = tensor(&[0.7], [1, 1, 1], &device);
    let index = Coordinates::AlignCorners.index_of(middle.clone(), &[1]);
    assert_exact(&values(index.clone()), &[0.0]);
    let position = Coordinates::AlignCorners.of_index(index, &[1]);
    assert_exact(&values(position), &[0.0]);
}
