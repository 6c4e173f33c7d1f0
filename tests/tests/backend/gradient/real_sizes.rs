// Peaks that are faint, narrow or far away, on lines and maps of the sizes that users have.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Surrogate, Weighting,
    nn::{SoftArgmaxConfig, SpatialSoftArgmaxConfig, StraightThroughOneHotConfig},
    soft_argmax, soft_argmax_moments, soft_argmax_over, spatial_soft_argmax,
    spatial_soft_argmax_moments,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, values},
    device::computes,
};

use super::device;

const INF: f32 = f32::INFINITY;
const SIZE: usize = 256;

/// A Gaussian of this height about each center, along each axis.
fn gaussian(size: usize, height: f64, sigma: f64, center: f64) -> Vec<f64> {
    (0..size)
        .map(|i| height * (-(i as f64 - center).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect()
}

/// One map of 0 but for the pixel at `x, y`.
fn one_pixel(value: f32, x: usize, y: usize) -> Vec<f32> {
    let mut map = vec![0.0; SIZE * SIZE];
    map[y * SIZE + x] = value;
    map
}

fn of_dtype<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    dtype: DType,
    device: &Device,
) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (device, dtype))
}

#[test]
fn a_background_of_any_size_weighs_nothing() {
    let Some(device) = device() else { return };
    let line = gaussian(SIZE, 1.0, 2.0, 76.8);
    let map: Vec<f32> = line
        .iter()
        .flat_map(|y| line.iter().map(move |x| (5.0 * x * y) as f32))
        .collect();
    let position = |map: &[f32], beta| {
        let map = tensor(map, [1, 1, SIZE, SIZE], &device);
        values(spatial_soft_argmax(
            map,
            Weighting::softmax(beta).above(0.0),
            Coordinates::Index,
        ))
    };
    assert_within(&position(&map, 0.1), &[76.8; 2], |_| 1e-3);
    assert_exact(&position(&one_pixel(1.0, 20, 30), 1.0), &[20.0, 30.0]);
    assert_exact(&position(&one_pixel(1e-5, 20, 30), 1.0), &[20.0, 30.0]);

    let line: Vec<f32> = gaussian(100_000, 5.0, 2.0, 20_000.0)
        .iter()
        .map(|&x| x as f32)
        .collect();
    let index = soft_argmax(
        tensor(&line, [1, 100_000], &device),
        1,
        Weighting::softmax(0.5).above(0.0),
    );
    assert_within(&values(index), &[20_000.0], |_| 2e-3);
    for faint in [1e-5, 1e-10, 1e-20] {
        let index = soft_argmax(
            tensor(&[0.0, faint, 0.0, 0.0], [1, 4], &device),
            1,
            Weighting::softmax(1.0).above(0.0),
        );
        assert_exact(&values(index), &[1.0]);
    }
    if computes(&device, DType::F16) {
        let map = one_pixel(40.0, 40, 40);
        let map = of_dtype(&map, [1, 1, SIZE, SIZE], DType::F16, &device);
        let position =
            spatial_soft_argmax(map, Weighting::softmax(0.5).above(0.0), Coordinates::Index);
        assert_exact(&values(position), &[40.0; 2]);
    }
}

#[test]
fn only_background() {
    let Some(device) = device() else { return };
    let x = tensor(&[-100.0, -101.0, -102.0], [1, 3], &device).require_grad();
    let index = soft_argmax(x.clone(), 1, Weighting::softmax(1.0).above(0.0));
    assert_within(&values(index.clone()), &[0.424_789_6], |_| 1e-6);
    let gradient = values(x.grad(&index.backward()).unwrap());
    let want = [-0.282_587_5, 0.140_770_3, 0.141_817_1];
    assert_within(&gradient, &want, |_| 1e-6);
}

#[test]
fn broken_rows_that_get_no_upstream_gradient() {
    let Some(device) = device() else { return };
    let rows = [0.5, 2.0, 1.0, f32::NAN, 0.0, 1.0, -INF, -INF, -INF];
    let x = tensor(&rows, [3, 3], &device).require_grad();
    let bins = tensor(&[1.0, 2.0, 4.0], [3], &device).require_grad();
    let above = soft_argmax(x.clone(), 1, Weighting::softmax(1.0).above(0.0));
    let over = soft_argmax_over(x.clone(), bins.clone(), 1, 1.0);
    for result in [above, over] {
        let gradients = result.slice([0..1, 0..1]).sum().backward();
        let gradient = values(x.grad(&gradients).unwrap());
        assert!(gradient[..3].iter().all(|g| g.is_finite() && *g != 0.0));
        assert_exact(&gradient[3..], &[0.0; 6]);
        if let Some(of_bins) = bins.grad(&gradients) {
            assert_within(&[values(of_bins).iter().sum()], &[1.0], |_| 1e-6);
        }
    }
    let all = soft_argmax(x.clone(), 1, Weighting::softmax(1.0).above(0.0))
        .sum()
        .backward();
    let gradient = values(x.grad(&all).unwrap());
    assert!(gradient[3..6].iter().all(|g| g.is_nan()), "{gradient:?}");
    assert_exact(&gradient[6..], &[0.0; 3]);
}

#[test]
fn an_infinite_bin_at_a_mask() {
    let Some(device) = device() else { return };
    let x = tensor(&[0.0, 0.0, -INF], [1, 3], &device).require_grad();
    let bins = tensor(&[1.0, 2.0, INF], [3], &device).require_grad();
    let y = soft_argmax_over(x.clone(), bins.clone(), 1, 1.0);
    assert_exact(&values(y.clone()), &[1.5]);
    let gradients = y.backward();
    assert_within(
        &values(bins.grad(&gradients).unwrap()),
        &[0.5, 0.5, 0.0],
        |_| 1e-7,
    );
    assert_within(
        &values(x.grad(&gradients).unwrap()),
        &[-0.25, 0.25, 0.0],
        |_| 1e-7,
    );
}

#[test]
fn bins_of_each_row_and_of_each_entry() {
    let Some(device) = device() else { return };
    let x = [0.0f32, 1.0, 3.0, 2.0, 0.5, -1.0];
    let bins = [1.0f32, 2.0, 4.0, -3.0, 0.25, 9.0];
    let softmax = |row: &[f32]| {
        let weights: Vec<f64> = row.iter().map(|&x| f64::from(x).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights
            .into_iter()
            .map(move |w| w / sum)
            .collect::<Vec<_>>()
    };
    let p: Vec<f64> = x.chunks(3).flat_map(softmax).collect();
    let want: Vec<f64> = (0..2)
        .map(|row| {
            (0..3)
                .map(|i| p[3 * row + i] * f64::from(bins[3 * row + i]))
                .sum()
        })
        .collect();
    let logits = tensor(&x, [2, 3], &device);
    let of_entry = tensor(&bins, [2, 3], &device).require_grad();
    let y = soft_argmax_over(logits.clone(), of_entry.clone(), 1, 1.0);
    assert_within(&values(y.clone()), &want, |_| 1e-6);
    let gradient = of_entry.grad(&y.backward()).unwrap();
    assert_within(&values(gradient), &p, |_| 1e-6);

    // One bin for all of a row is the answer of that row.
    let of_row = tensor(&[7.0, -2.0], [2, 1], &device);
    let y = soft_argmax_over(logits, of_row, 1, 1.0);
    assert_within(&values(y), &[7.0, -2.0], |_| 1e-6);
}

#[test]
fn a_window_far_along_a_line_and_a_map() {
    let Some(device) = device() else { return };
    let mut line = vec![0.0; 100_003];
    line[90_000] = 9.0;
    let index = soft_argmax(
        tensor(&line, [1, 100_003], &device),
        1,
        Weighting::softmax(10.0).within(3),
    );
    assert_exact(&values(index), &[90_000.0]);

    let map = tensor(&one_pixel(9.0, 200, 251), [1, 1, SIZE, SIZE], &device);
    let position = spatial_soft_argmax(map, Weighting::softmax(10.0).within(3), Coordinates::Index);
    assert_exact(&values(position), &[200.0, 251.0]);
}

#[test]
fn half_precision_is_rounded_in_its_units() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F16) {
        return;
    }
    // A pixel index of half precision is rounded to whole pixels from 1,024 on.
    let width = 2000;
    let mut line = vec![0.0; width];
    (line[1500], line[1501]) = (40.0, 40.0);
    let x = || of_dtype(&line, [1, 1, width], DType::F16, &device);
    let position = values(spatial_soft_argmax(x(), 1.0, Coordinates::CellCenters));
    let want = (2.0 * 1500.5 + 1.0) / width as f64 - 1.0;
    assert_within(&position, &[want], |_| 2.5e-4);
    let flat = of_dtype(&vec![0.0; width], [1, 1, width], DType::F16, &device);
    let moments = spatial_soft_argmax_moments(flat, 1.0, Coordinates::CellCenters);
    // The index's variance is 333,333, which exceeds half precision.
    assert_within(&values(moments.covariance), &[1.0 / 3.0], |_| 2.5e-4);
}

#[test]
fn an_empty_batch_stays_in_the_graph() {
    let Some(device) = device() else { return };
    for shape in [[0, 2, 4, 5], [2, 0, 4, 5], [0, 0, 4, 5]] {
        let x = || tensor::<4>(&[], shape, &device);
        let ops: [fn(Tensor<4>) -> Tensor<1>; 9] = [
            |x| spatial_soft_argmax(x, 1.0, Coordinates::CellCenters).sum(),
            |x| {
                spatial_soft_argmax(x, Weighting::softmax(1.0).above(0.0), Coordinates::Index).sum()
            },
            |x| spatial_soft_argmax(x, Weighting::softmax(1.0).within(1), Coordinates::Index).sum(),
            |x| {
                spatial_soft_argmax_moments(x, 1.0, Coordinates::Index)
                    .mean
                    .sum()
            },
            |x| {
                let moments = spatial_soft_argmax_moments(x, 1.0, Coordinates::Index);
                moments.covariance.sum()
            },
            |x| soft_argmax_moments(x, 3, 1.0).mean.sum(),
            |x| soft_argmax_moments(x, 3, 1.0).variance.sum(),
            |x| soft_argmax(x, 3, Weighting::softmax(1.0).above(0.0)).sum(),
            |x| soft_argmax(x, 3, Weighting::softmax(1.0).within(1)).sum(),
        ];
        for op in ops {
            let x = x().require_grad();
            let gradient = x.grad(&op(x.clone()).backward()).unwrap();
            assert_eq!(gradient.dims(), shape);
        }
        let learnt = SpatialSoftArgmaxConfig::new(Coordinates::Index)
            .with_learnable(true)
            .init(&device);
        assert_eq!(learnt.forward(x()).dims(), [shape[0], shape[1], 2]);
    }
    let x = || tensor::<2>(&[], [0, 3], &device);
    let learnt = SoftArgmaxConfig::new().with_learnable(true).init(&device);
    assert_eq!(learnt.forward(x()).dims(), [0, 1]);
    let learnt = StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: 1.0 })
        .with_learnable(true)
        .init(&device);
    assert_eq!(learnt.forward(x()).dims(), [0, 3]);
}

#[test]
fn a_learnt_beta_beside_broken_rows() {
    let Some(device) = device() else { return };
    let config = SoftArgmaxConfig::new()
        .with_weighting(Weighting::softmax(2.0))
        .with_learnable(true);
    for broken in [-INF, f32::NAN, INF] {
        let module = config.init(&device);
        let rows = [0.0, 1.0, 2.0, broken, broken, broken, 1.0, 2.0, broken];
        let x = tensor(&rows, [3, 3], &device).require_grad();
        let index = module.forward(x.clone());
        let gradients = index.slice([0..1, 0..1]).sum().backward();
        let of_beta = module
            .beta
            .as_ref()
            .unwrap()
            .log()
            .unwrap()
            .grad(&gradients)
            .unwrap();
        assert_within(&values(of_beta), &[0.317_191_3], |_| 1e-6);
        assert_exact(&values(x.grad(&gradients).unwrap())[3..], &[0.0; 6]);
    }
    if computes(&device, DType::F16) {
        let module = SoftArgmaxConfig::new()
            .with_weighting(Weighting::softmax(1e5))
            .with_learnable(true)
            .init(&device);
        let x = of_dtype(&[0.0, 1.0, 3.0], [1, 3], DType::F16, &device);
        assert_exact(&values(module.forward(x)), &[2.0]);
    }
}

#[test]
fn any_beta_over_any_faint_or_far_score() {
    let Some(device) = device() else { return };
    let index = |row: &[f32], beta| {
        let x = tensor(row, [1, row.len()], &device).require_grad();
        let index = soft_argmax(x.clone(), 1, Weighting::softmax(beta).above(0.0));
        let gradient = x.grad(&index.clone().backward()).unwrap();
        (values(index), values(gradient))
    };
    for beta in [1e38, 1e39, 1e300] {
        assert_exact(&index(&[0.0; 4], beta).0, &[1.5]);
        assert_exact(&index(&[-2.0, -1.0, -3.0, -4.0], beta).0, &[1.0]);
        let (y, gradient) = index(&[0.0, 1.0, 0.5, -1.0], beta);
        assert_exact(&y, &[1.0]);
        assert_exact(&gradient, &[0.0; 4]);
    }
    // The weights tend to the scores themselves, and the slopes to those over their sum.
    for beta in [1e-30, 1e-40, 1e-50, 1e-300] {
        let (y, gradient) = index(&[0.0, 0.0, 1.0, 3.0], beta);
        assert_within(&y, &[2.75], |_| 1e-6);
        assert_within(&gradient, &[0.0, 0.0, -0.1875, 0.0625], |_| 1e-6);
    }
    // A tie at the largest slope that single precision holds with ease.
    let (_, gradient) = index(&[5.0, 0.0, 5.0], 1e30);
    assert_within(&gradient, &[-5e29, 0.0, 5e29], |_| 1e24);
}

#[test]
fn an_infinite_slope_under_no_upstream_gradient() {
    let Some(device) = device() else { return };
    let silent = |y: Tensor<2>, x: &Tensor<2>| values(x.grad(&(y * 0.0).backward()).unwrap());
    let mut faint = [0.0; 64];
    (faint[0], faint[63]) = (2e-38, 2e-38);
    let x = tensor(&faint, [1, 64], &device).require_grad();
    let y = soft_argmax(x.clone(), 1, Weighting::softmax(1.0).above(0.0));
    assert_within(&values(y.clone()), &[31.5], |_| 1e-5);
    assert_exact(&silent(y, &x), &[0.0; 64]);

    let x = tensor(&[1.0, 1.0], [1, 2], &device).require_grad();
    let bins = tensor(&[-1e20, 1e20], [2], &device);
    let y = soft_argmax_over(x.clone(), bins, 1, 1e38);
    assert_exact(&silent(y, &x), &[0.0; 2]);
}

#[test]
fn a_learnt_beta_of_any_size() {
    let Some(device) = device() else { return };
    for beta in [1e38, 1e39, 1e300] {
        let module = SoftArgmaxConfig::new()
            .with_weighting(Weighting::softmax(beta))
            .with_learnable(true)
            .init(&device);
        let index = module.forward(tensor(&[1.0, 2.0], [1, 2], &device));
        assert_exact(&values(index), &[1.0]);
    }
    let module = SoftArgmaxConfig::new().with_learnable(true).init(&device);
    for row in [[-3e38, 3e38], [f32::MIN, 1e32]] {
        let x = tensor(&row, [1, 2], &device).require_grad();
        let index = module.forward(x.clone());
        let gradients = index.clone().backward();
        assert_exact(&values(index), &[1.0]);
        let of_beta = module
            .beta
            .as_ref()
            .unwrap()
            .log()
            .unwrap()
            .grad(&gradients)
            .unwrap();
        assert_exact(&values(of_beta), &[0.0]);
    }
    // The product of beta and the difference is 0 in single precision.
    let config =
        StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: 1e-10 }).with_learnable(true);
    let one_hot = config
        .init(&device)
        .forward(tensor(&[-1e-36, 0.0], [1, 2], &device));
    assert_exact(&values(one_hot), &[0.0, 1.0]);
}

/// Each row of bins has its gradient, wherever the scores come from.
#[test]
fn bins_alone_are_learnt() {
    let Some(device) = device() else { return };
    let bins = tensor(&[1.0, 3.0], [2], &device).require_grad();
    for scores in [
        tensor(&[1.0, 0.0], [1, 2], &device),
        tensor(&[1.0, 0.0], [1, 2], &device.clone().inner()),
    ] {
        let y = soft_argmax_over(scores, bins.clone(), 1, 1.0);
        let gradient = values(bins.grad(&y.backward()).unwrap());
        assert_within(&gradient, &[0.731_058_6, 0.268_941_4], |_| 1e-6);
    }
}
