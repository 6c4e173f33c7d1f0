use burn::tensor::{DType, Device, Tensor, TensorData, s};
use burn_argmax::{
    Coordinates, reference, soft_argmax, soft_argmax_moments, spatial_soft_argmax,
    spatial_soft_argmax_moments,
};
use burn_argmax_tests::{
    check::{assert_bits, assert_exact, assert_within},
    data::{tensor, uniform, values, widen},
    device::computes,
    oracle_spatial::moments,
};

use super::device;

const INF: f32 = f32::INFINITY;

/// Compares every moment with the oracle's.
fn assert_moments<const D: usize>(shape: [usize; D], beta: f64, device: &Device) {
    println!("{shape:?} beta {beta}");
    let axes = D - 2;
    let sizes = &shape[2..];
    let positions: usize = sizes.iter().product();
    let x = uniform(7, shape.iter().product());
    let heatmaps = || tensor(&x, shape, device);
    let (mean, covariance): (Vec<_>, Vec<_>) = widen(&x)
        .chunks(positions)
        .map(|map| {
            let moments = moments(map, sizes, beta);
            (moments.mean, moments.covariance.concat())
        })
        .unzip();
    let (mean, covariance) = (mean.concat(), covariance.concat());
    let size = *sizes.iter().max().unwrap() as f64;

    let plain = spatial_soft_argmax(heatmaps(), beta, Coordinates::Index);
    assert_eq!(plain.dims(), [shape[0], shape[1], axes]);
    assert_within(&values(plain), &mean, |y| 1e-6 * y.abs() + 4e-7 * size);
    let both = spatial_soft_argmax_moments(heatmaps(), beta, Coordinates::Index);
    assert_eq!(both.covariance.dims(), [shape[0], shape[1], axes, axes]);
    assert_within(&values(both.mean), &mean, |y| 1e-6 * y.abs() + 4e-7 * size);
    let tolerance = 2e-6 * size * size;
    assert_within(&values(both.covariance), &covariance, |_| tolerance);

    let plain = reference::spatial_soft_argmax(heatmaps(), beta, Coordinates::Index);
    assert_within(&values(plain), &mean, |y| 1e-6 * y.abs() + 4e-7 * size);
    let both = reference::spatial_soft_argmax_moments(heatmaps(), beta, Coordinates::Index);
    assert_within(&values(both.mean), &mean, |y| 1e-6 * y.abs() + 4e-7 * size);
    assert_within(&values(both.covariance), &covariance, |_| tolerance);
}

#[test]
fn matches_the_oracle_on_awkward_shapes() {
    let Some(device) = device() else { return };
    for beta in [0.0, 0.3, 5.0] {
        assert_moments([2, 3, 31], beta, &device);
        assert_moments([2, 2, 7, 5], beta, &device);
        assert_moments([1, 3, 33, 65], beta, &device);
        assert_moments([2, 1, 1, 6], beta, &device);
        assert_moments([1, 2, 6, 1], beta, &device);
        assert_moments([1, 2, 3, 4, 18], beta, &device);
        assert_moments([3, 1, 9, 40], beta, &device);
    }
}

#[test]
fn a_volume_of_many_pieces() {
    let Some(device) = device() else { return };
    assert_moments([1, 1, 33, 47, 65], 1.0, &device);
    assert_moments([2, 1, 180, 512], 1.0, &device);
}

#[test]
fn units_of_the_coordinates() {
    let Some(device) = device() else { return };
    let x = uniform(3, 2 * 3 * 5 * 7);
    let heatmaps = || tensor(&x, [2, 3, 5, 7], &device);
    let sizes = [7.0, 5.0];
    let index = values(spatial_soft_argmax(heatmaps(), 1.0, Coordinates::Index));
    let in_units = |of: fn(f64, f64) -> f64| -> Vec<f64> {
        let pairs = index.iter().enumerate();
        pairs.map(|(k, &i)| of(i, sizes[k % 2])).collect()
    };
    for (coordinates, want, scale) in [
        (
            Coordinates::AlignCorners,
            in_units(|i, n| 2.0 * i / (n - 1.0) - 1.0),
            [2.0 / 6.0, 2.0 / 4.0],
        ),
        (
            Coordinates::CellCenters,
            in_units(|i, n| (2.0 * i + 1.0) / n - 1.0),
            [2.0 / 7.0, 2.0 / 5.0],
        ),
    ] {
        let got = spatial_soft_argmax(heatmaps(), 1.0, coordinates);
        assert_within(&values(got), &want, |_| 1e-6);

        let pixels = spatial_soft_argmax_moments(heatmaps(), 1.0, Coordinates::Index).covariance;
        let want: Vec<f64> = values(pixels)
            .iter()
            .enumerate()
            .map(|(k, v)| v * scale[k / 2 % 2] * scale[k % 2])
            .collect();
        let got = spatial_soft_argmax_moments(heatmaps(), 1.0, coordinates).covariance;
        assert_within(&values(got), &want, |_| 1e-6);
    }
}

#[test]
fn one_axis_is_soft_argmax() {
    let Some(device) = device() else { return };
    let x = uniform(5, 2 * 3 * 40);
    let spatial = spatial_soft_argmax(tensor(&x, [2, 3, 40], &device), 2.0, Coordinates::Index);
    let line = soft_argmax(tensor(&x, [2, 3, 40], &device), 2, 2.0);
    assert_within(&values(spatial), &values(line), |_| 1e-5);
}

#[test]
fn moments_along_any_dim() {
    let Some(device) = device() else { return };
    let (shape, n) = ([3, 17, 4], 17);
    let x = uniform(11, 3 * 17 * 4);
    let got = soft_argmax_moments(tensor(&x, shape, &device), 1, 0.8);
    assert_eq!(got.mean.dims(), [3, 1, 4]);
    let (mean, variance): (Vec<f64>, Vec<f64>) = (0..12)
        .map(|line| {
            let row: Vec<f64> = (0..n)
                .map(|i| x[(line / 4 * n + i) * 4 + line % 4].into())
                .collect();
            let moments = moments(&row, &[n], 0.8);
            (moments.mean[0], moments.covariance[0][0])
        })
        .unzip();
    assert_within(&values(got.mean), &mean, |_| 1e-5);
    assert_within(&values(got.variance), &variance, |_| 1e-4);
}

#[track_caller]
fn assert_layout_is_ignored(view: Tensor<4>) {
    let copy = Tensor::from_data(view.to_data(), (&view.device(), view.dtype()));
    let op = |x: &Tensor<4>| spatial_soft_argmax_moments(x.clone(), 3.0, Coordinates::Index);
    let (got, want) = (op(&view), op(&copy));
    assert_bits(got.mean, want.mean);
    assert_bits(got.covariance, want.covariance);
}

/// With one channel, the views reach the kernels as they lie.
#[test]
fn a_view_gives_what_its_copy_gives() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(2, 2 * 3 * 9 * 8), [2, 3, 9, 8], &device);
    assert_layout_is_ignored(x.clone().swap_dims(2, 3));
    let x = x.reshape([6, 1, 9, 8]);
    assert_layout_is_ignored(x.clone().swap_dims(2, 3));
    assert_layout_is_ignored(x.clone().swap_dims(0, 2));
    assert_layout_is_ignored(x.clone().slice(s![1..5, .., .., ..]));
    assert_layout_is_ignored(x.clone().slice(s![.., .., 2..8, ..]));
    assert_layout_is_ignored(x.clone().slice(s![.., .., .., 1..7]));
    assert_layout_is_ignored(x.clone().slice(s![1..;2, .., .., ..]));
    assert_layout_is_ignored(x.clone().flip([2, 3]));
    assert_layout_is_ignored(x.clone().slice(s![2..3, .., .., ..]).expand([6, 1, 9, 8]));
    assert_layout_is_ignored(x.slice(s![.., .., 4..5, ..]).expand([6, 1, 9, 8]));
}

#[test]
fn keeps_the_dtype_and_rounds_once() {
    let Some(device) = device() else { return };
    let (shape, sizes, size) = ([2, 1, 9, 40], [9, 40], 40.0);
    for (dtype, epsilon, sums) in [
        (DType::F64, f64::EPSILON, 1e-14),
        (DType::F32, f64::from(f32::EPSILON), 4e-7),
        (DType::F16, f64::from(half::f16::EPSILON), 4e-7),
        (DType::BF16, f64::from(half::bf16::EPSILON), 4e-7),
    ] {
        if !computes(&device, dtype) {
            continue;
        }
        println!("{dtype:?}");
        let data = TensorData::new(uniform(4, 2 * 9 * 40), shape);
        let x = Tensor::<4>::from_data(data.convert_dtype(dtype), (&device, dtype));
        let (mean, covariance): (Vec<_>, Vec<_>) = values(x.clone())
            .chunks(9 * 40)
            .map(|map| {
                let moments = moments(map, &sizes, 0.6);
                (moments.mean, moments.covariance.concat())
            })
            .unzip();

        // Sums run in f32 below f64; the rounding to the dtype comes on top.
        let got = spatial_soft_argmax_moments(x, 0.6, Coordinates::Index);
        assert_eq!([got.mean.dtype(), got.covariance.dtype()], [dtype; 2]);
        assert_within(&values(got.mean), &mean.concat(), |want| {
            epsilon * want.abs() + sums * size
        });
        assert_within(&values(got.covariance), &covariance.concat(), |want| {
            epsilon * want.abs() + 5.0 * sums * size * size
        });
    }
}

#[test]
fn extremes_stay_in_their_map() {
    let Some(device) = device() else { return };
    let nan = f32::NAN;
    let maps = [
        [0.0, 0.0, 0.0, 0.0, 1e-3, 0.0],
        [1.0, -INF, -INF, -INF, -INF, 1.0],
        [0.0, nan, 0.0, 0.0, 0.0, 0.0],
        [0.0, INF, 0.0, 0.0, 0.0, 0.0],
        [-INF; 6],
        [f32::MAX, f32::MIN, 0.0, 0.0, 0.0, f32::MAX],
    ];
    let heatmaps = tensor(&maps.concat(), [6, 1, 2, 3], &device);
    let bad = f64::NAN;
    let want = [1.0, 1.0, 1.0, 0.5, bad, bad, bad, bad, bad, bad, 1.0, 0.5];
    let got = spatial_soft_argmax(heatmaps.clone(), 1e10, Coordinates::Index);
    assert_exact(&values(got), &want);
    let moments = spatial_soft_argmax_moments(heatmaps.clone(), 1e10, Coordinates::Index);
    assert_exact(&values(moments.mean), &want);
    let flat = values(spatial_soft_argmax(heatmaps, 0.0, Coordinates::Index));
    assert_exact(&flat[..4], &[1.0, 0.5, 1.0, 0.5]);
}

#[test]
fn extremes_of_long_maps() {
    let Some(device) = device() else { return };
    let (height, width) = (180, 512);
    let last = height * width - 1;
    let map = |level: f32, entries: &[(usize, f32)]| {
        let mut map = vec![level; height * width];
        for &(at, x) in entries {
            map[at] = x;
        }
        map
    };
    let maps = [
        map(0.0, &[(last, 1e-3)]),
        map(0.0, &[(0, 2.0), (last, 2.0)]),
        map(-INF, &[(width + 1, 7.0), (last, 7.0)]),
        map(-INF, &[(last, f32::MIN)]),
        map(-INF, &[(last / 2, f32::NAN)]),
        map(0.0, &[(last / 3, INF)]),
        map(-INF, &[]),
    ];
    let heatmaps = tensor(&maps.concat(), [7, 1, height, width], &device);
    let bad = f64::NAN;
    let mean = [
        [511.0, 179.0],
        [255.5, 89.5],
        [256.0, 90.0],
        [511.0, 179.0],
        [bad; 2],
        [bad; 2],
        [bad; 2],
    ];
    let spread = |x: f64, y: f64| [x * x, x * y, x * y, y * y];
    let covariance = [
        [0.0; 4],
        spread(255.5, 89.5),
        spread(255.0, 89.0),
        [0.0; 4],
        [bad; 4],
        [bad; 4],
        [bad; 4],
    ];
    let got = spatial_soft_argmax(heatmaps.clone(), 1e10, Coordinates::Index);
    assert_exact(&values(got), &mean.concat());
    let got = spatial_soft_argmax_moments(heatmaps.clone(), 1e10, Coordinates::Index);
    assert_exact(&values(got.mean), &mean.concat());
    assert_within(&values(got.covariance), &covariance.concat(), |want| {
        1e-6 * want
    });

    let got = spatial_soft_argmax_moments(heatmaps, 0.0, Coordinates::Index);
    let center = [255.5, 89.5];
    let flat = [&center, &center, &mean[2], &mean[3]].map(|at| at.to_vec());
    assert_within(&values(got.mean)[..8], &flat.concat(), |_| 4e-7 * 512.0);
}

#[test]
fn an_empty_batch_gives_an_empty_tensor() {
    let Some(device) = device() else { return };
    let heatmaps = || tensor(&[], [0, 3, 5, 7], &device);
    for coordinates in [Coordinates::Index, Coordinates::CellCenters] {
        let got = spatial_soft_argmax(heatmaps(), 1.0, coordinates);
        assert_eq!(got.dims(), [0, 3, 2]);
        let got = spatial_soft_argmax_moments(heatmaps(), 1.0, coordinates);
        assert_eq!(got.mean.dims(), [0, 3, 2]);
        assert_eq!(got.covariance.dims(), [0, 3, 2, 2]);
    }
    let got = soft_argmax_moments(tensor(&[], [0, 7], &device), 1, 1.0);
    assert_eq!(got.variance.dims(), [0, 1]);
}
