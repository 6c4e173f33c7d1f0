use burn::tensor::{DType, Device, Tensor, TensorData, s};
use burn_argmax::{
    Coordinates, reference, soft_argmax_moments, spatial_soft_argmax, spatial_soft_argmax_moments,
};
use burn_argmax_tests::{
    check::{UNDERFLOW, assert_bits, assert_exact, assert_within, largest},
    data::{tensor, uniform, values, widen},
    device::computes,
    oracle_spatial::moments_gradient,
};

use super::device;

/// Compares the gradients of the mean alone, and of mean and covariance, with the oracle's.
fn assert_gradients<const D: usize>(shape: [usize; D], beta: f64, device: &Device) {
    println!("{shape:?} beta {beta}");
    let axes = D - 2;
    let sizes = &shape[2..];
    let positions: usize = sizes.iter().product();
    let maps = shape[0] * shape[1];
    let x = uniform(17, shape.iter().product());
    let means = uniform(18, maps * axes);
    let covariances = uniform(19, maps * axes * axes);
    let mean_upstream = || tensor(&means, [shape[0], shape[1], axes], device);
    let covariance_upstream = tensor(&covariances, [shape[0], shape[1], axes, axes], device);

    let want = |with_covariance: bool| -> Vec<f64> {
        let factor = if with_covariance { 1.0 } else { 0.0 };
        widen(&x)
            .chunks(positions)
            .zip(widen(&means).chunks(axes))
            .zip(widen(&covariances).chunks(axes * axes))
            .flat_map(|((map, mean), covariance)| {
                let rows = covariance.chunks(axes);
                let covariance: Vec<Vec<f64>> = rows
                    .map(|row| row.iter().map(|g| g * factor).collect())
                    .collect();
                moments_gradient(map, sizes, beta, mean, &covariance)
            })
            .collect()
    };
    let close = |got: &[f64], want: &[f64]| {
        for (got, want) in got.chunks(positions).zip(want.chunks(positions)) {
            let scale = largest(want);
            assert_within(got, want, |_| 2e-5 * scale);
        }
    };

    let heatmaps = tensor(&x, shape, device).require_grad();
    let mean = spatial_soft_argmax(heatmaps.clone(), beta, Coordinates::Index);
    let gradients = (mean * mean_upstream()).backward();
    close(&values(heatmaps.grad(&gradients).unwrap()), &want(false));

    for moments in [
        spatial_soft_argmax_moments(heatmaps.clone(), beta, Coordinates::Index),
        reference::spatial_soft_argmax_moments(heatmaps.clone(), beta, Coordinates::Index),
    ] {
        let mean = moments.mean * mean_upstream();
        let covariance = moments.covariance * covariance_upstream.clone();
        let gradients = (mean.sum() + covariance.sum()).backward();
        close(&values(heatmaps.grad(&gradients).unwrap()), &want(true));
    }
}

#[test]
fn matches_the_oracle() {
    let Some(device) = device() else { return };
    for beta in [0.3, 2.0] {
        assert_gradients([2, 3, 31], beta, &device);
        assert_gradients([2, 2, 7, 5], beta, &device);
        assert_gradients([1, 3, 33, 65], beta, &device);
        assert_gradients([1, 2, 3, 4, 18], beta, &device);
        assert_gradients([3, 1, 9, 40], beta, &device);
    }
}

#[test]
fn of_a_volume_of_many_pieces() {
    let Some(device) = device() else { return };
    assert_gradients([1, 1, 33, 47, 65], 1.0, &device);
    assert_gradients([2, 1, 180, 512], 1.0, &device);
}

#[test]
fn of_the_variance_of_a_line() {
    let Some(device) = device() else { return };
    let (n, beta) = (17, 0.8);
    let x = uniform(20, 3 * n);
    let logits = tensor(&x, [n, 3], &device).require_grad();
    let gradients = soft_argmax_moments(logits.clone(), 0, beta)
        .variance
        .backward();
    let got = values(logits.grad(&gradients).unwrap());
    for line in 0..3 {
        let row: Vec<f64> = (0..n).map(|i| x[i * 3 + line].into()).collect();
        let want = moments_gradient(&row, &[n], beta, &[0.0], &[vec![1.0]]);
        let got: Vec<f64> = (0..n).map(|i| got[i * 3 + line]).collect();
        let scale = largest(&want);
        assert_within(&got, &want, |_| 2e-5 * scale);
    }
}

#[test]
fn masks_get_nothing_and_a_broken_map_keeps_to_itself() {
    let Some(device) = device() else { return };
    let inf = f32::INFINITY;
    let maps = [
        [1.0, -inf, 2.0, 0.5],
        [f32::NAN, 0.0, 0.0, 0.0],
        [1.0, 2.0, 3.0, 4.0],
    ];
    let heatmaps = tensor(&maps.concat(), [3, 1, 2, 2], &device).require_grad();
    let gradients = spatial_soft_argmax(heatmaps.clone(), 1.0, Coordinates::Index).backward();
    let got = values(heatmaps.grad(&gradients).unwrap());
    assert_exact(&got[1..2], &[0.0]);
    assert!(
        got[..4].iter().chain(&got[8..]).all(|g| g.is_finite()),
        "{got:?}"
    );
    assert!(got[4..8].iter().all(|g| g.is_nan()), "{got:?}");
}

/// The gradient of `sum(mean * up) + sum(covariance * up)`, for each map.
fn moments_gradients(x: Tensor<4>, beta: f64, up: [f64; 2]) -> Tensor<4> {
    let x = x.detach().require_grad();
    let moments = spatial_soft_argmax_moments(x.clone(), beta, Coordinates::Index);
    let weighted = (moments.mean * up[0]).sum() + (moments.covariance * up[1]).sum();
    x.grad(&weighted.backward()).expect("x is a tracked leaf")
}

#[test]
fn extremes_stay_in_their_map() {
    let Some(device) = device() else { return };
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    let maps = [
        [1.0, -inf, 2.0, 0.5, -inf, 2.0],
        [0.0, nan, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, inf, 0.0],
        [-inf; 6],
        [f32::MAX, f32::MIN, 3e38, 0.0, 0.0, f32::MAX],
        [0.0, 0.0, 0.0, 0.0, 1e-3, 0.0],
    ];
    let maps = maps.concat();
    for beta in [0.0, 1.0, 1e10] {
        println!("beta {beta}");
        let x = tensor(&maps, [6, 1, 2, 3], &device);
        let got = values(moments_gradients(x, beta, [1.0, 0.25]));
        assert_exact(&[got[1], got[4]], &[0.0; 2]);
        for (got, map) in got.chunks(6).zip(widen(&maps).chunks(6)) {
            let covariance = vec![vec![0.25; 2]; 2];
            let want = moments_gradient(map, &[2, 3], beta, &[1.0; 2], &covariance);
            let tolerance = (2e-5 * largest(&want)).max(UNDERFLOW);
            assert_within(got, &want, |_| tolerance);
        }
    }
}

#[test]
fn a_view_gives_what_its_copy_gives() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(2, 6 * 9 * 8), [6, 1, 9, 8], &device);
    for view in [
        x.clone().swap_dims(2, 3),
        x.clone().slice(s![1..5, .., .., ..]),
        x.clone().slice(s![.., .., .., 1..7]),
        x.clone().slice(s![2..3, .., .., ..]).expand([6, 1, 9, 8]),
    ] {
        let copy = Tensor::from_data(view.to_data(), (&device, view.dtype()));
        let op = |x| moments_gradients(x, 3.0, [1.0, -0.5]);
        assert_bits(op(view), op(copy));
    }
}

#[test]
fn keeps_the_dtype() {
    let Some(device) = device() else { return };
    let (shape, sizes) = ([2, 1, 9, 40], [9, 40]);
    for (dtype, epsilon, sums) in [
        (DType::F64, f64::EPSILON, 1e-12),
        (DType::F32, f64::from(f32::EPSILON), 2e-5),
        (DType::F16, f64::from(half::f16::EPSILON), 2e-5),
        (DType::BF16, f64::from(half::bf16::EPSILON), 2e-5),
    ] {
        if !computes(&device, dtype) {
            continue;
        }
        println!("{dtype:?}");
        let data = TensorData::new(uniform(21, 2 * 9 * 40), shape);
        let x = Tensor::<4>::from_data(data.convert_dtype(dtype), (&device, dtype));
        let got = moments_gradients(x.clone(), 0.6, [1.0, 0.25]);
        assert_eq!(got.dtype(), dtype);
        for (got, map) in values(got).chunks(360).zip(values(x).chunks(360)) {
            let want = moments_gradient(map, &sizes, 0.6, &[1.0; 2], &vec![vec![0.25; 2]; 2]);
            let scale = largest(&want);
            assert_within(got, &want, |want| epsilon * want.abs() + sums * scale);
        }
    }
}

/// Times the square of a distance there is no number for it, but for what it leaves behind.
#[test]
fn a_large_upstream_gradient() {
    let Some(device) = device() else { return };
    let width = 400;
    let mut peak = vec![0.0; width];
    peak[0] = 200.0;
    for (map, upstream) in [(vec![0.0; width], 1e34), (peak, 1e36)] {
        let x = tensor(&map, [1, 1, width], &device).require_grad();
        let moments = spatial_soft_argmax_moments(x.clone(), 1.0, Coordinates::Index);
        let gradients = (moments.covariance * upstream).backward();
        let got = values(x.grad(&gradients).unwrap());
        let want = moments_gradient(&widen(&map), &[width], 1.0, &[0.0], &[vec![upstream]]);
        let tolerance = (2e-5 * largest(&want)).max(UNDERFLOW * upstream * 1e6);
        assert_within(&got, &want, |_| tolerance);
    }
}
