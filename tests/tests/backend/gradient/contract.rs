use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Coordinates, SpatialSoftArgmaxMoments, reference, spatial_soft_argmax_moments};
use burn_argmax_tests::{
    check::{UNDERFLOW, assert_exact, assert_within},
    data::{side_by_side, uniform, values, widen},
    device::computes,
    gradient::{soft_argmax_gradients, surrogate_gradients, surrogate_wanted},
    oracle, oracle_spatial,
};

use super::device;

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;
/// Far from overflow by itself, and near it times a weight, a distance or an upstream gradient.
const HUGE_BETA: f64 = 1e37;

/// Short, long, and as long as to be worked on in pieces.
const ROWS: [usize; 3] = [3, 1001, 100_003];
const COLUMNS: [usize; 2] = [3, 1000];
const MAPS: [[usize; 2]; 2] = [[2, 3], [256, 256]];

/// Every way to a gradient where rows are short, and the operator alone where that takes long.
fn ways(n: usize) -> usize {
    if n > 2000 { 1 } else { 3 }
}

fn betas(n: usize) -> &'static [f64] {
    if n > 2000 {
        &[1.0, HUGE_BETA]
    } else {
        &[0.0, 1.0, HUGE_BETA]
    }
}

/// The level, and other values at some places.
fn row(level: &[f32], others: &[(usize, f32)]) -> Vec<f32> {
    let mut row = level.to_vec();
    for &(place, x) in others {
        row[place] = x;
    }
    row
}

/// Rows of every kind that gradients could break in.
struct Rows {
    /// Sound ones.
    ties: Vec<f32>,
    peak: Vec<f32>,
    masks: Vec<f32>,
    /// Ones without a softmax.
    nan: Vec<f32>,
    infinite: Vec<f32>,
    nan_and_mask: Vec<f32>,
    infinite_and_mask: Vec<f32>,
    all_masks: Vec<f32>,
}

impl Rows {
    fn new(n: usize) -> Self {
        let (zeros, random, last) = (vec![0.0; n], uniform(51, n), n - 1);
        Self {
            ties: row(&zeros, &[(0, 1.0), (last, 1.0)]),
            peak: row(&zeros, &[(n / 2, 1.0)]),
            masks: row(&random, &[(0, -INF), (last, -INF)]),
            nan: row(&random, &[(n / 2, NAN)]),
            infinite: row(&random, &[(0, INF)]),
            nan_and_mask: row(&random, &[(0, -INF), (last, NAN)]),
            infinite_and_mask: row(&random, &[(0, INF), (n / 2, -INF)]),
            all_masks: vec![-INF; n],
        }
    }

    /// The rows, each with every upstream number that it should stand.
    fn with_numbers(&self) -> Vec<(&[f32], f32)> {
        let any = [0.0, -1.0, INF];
        let cases: [(&[f32], &[f32]); 8] = [
            (&self.ties, &[0.0, -0.0, 1e-30]),
            (&self.peak, &[1e3]),
            (&self.masks, &[2.0, INF, NAN]),
            (&self.nan, &any),
            (&self.infinite, &any),
            (&self.nan_and_mask, &any),
            (&self.infinite_and_mask, &any),
            (&self.all_masks, &[0.0, 1.0, INF, NAN]),
        ];
        cases
            .into_iter()
            .flat_map(|(row, numbers)| numbers.iter().map(move |&g| (row, g)))
            .collect()
    }

    /// The rows, each with every upstream row that it should stand.
    fn with_rows(&self) -> Vec<(&[f32], Vec<f32>)> {
        let n = self.ties.len();
        let (zeros, random, last) = (vec![0.0; n], uniform(52, n), n - 1);
        let tiny: Vec<f32> = random.iter().map(|g| g * 1e-30).collect();
        let great: Vec<f32> = random.iter().map(|g| g * 1e3).collect();
        let at_masks = |row: &[f32], g: f32| -> Vec<f32> {
            let entries = row.iter().zip(&random);
            entries
                .map(|(&x, &at)| if x == -INF { g } else { at })
                .collect()
        };
        vec![
            (&self.ties, zeros.clone()),
            (&self.ties, tiny),
            (&self.peak, great),
            (&self.masks, random.clone()),
            (&self.masks, at_masks(&self.masks, INF)),
            (&self.masks, at_masks(&self.masks, NAN)),
            (&self.nan, zeros.clone()),
            (&self.nan, random.clone()),
            (&self.nan, row(&zeros, &[(last, 1e-30)])),
            (&self.infinite, zeros.clone()),
            (&self.infinite, random.clone()),
            (&self.nan_and_mask, zeros.clone()),
            (&self.nan_and_mask, at_masks(&self.nan_and_mask, INF)),
            (&self.nan_and_mask, row(&zeros, &[(0, 2.0)])),
            (&self.infinite_and_mask, zeros.clone()),
            (
                &self.infinite_and_mask,
                at_masks(&self.infinite_and_mask, NAN),
            ),
            (&self.all_masks, zeros),
            (&self.all_masks, random.clone()),
            (&self.all_masks, vec![NAN; n]),
        ]
    }
}

fn tensor<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    dtype: DType,
    device: &Device,
) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape);
    Tensor::from_data(data.convert_dtype(dtype), (device, dtype))
}

/// The values as the dtype has them.
fn rounded(values: &[f32], dtype: DType) -> Vec<f32> {
    let round = |&x: &f32| match dtype {
        DType::F16 => half::f16::from_f32(x).to_f32(),
        _ => x,
    };
    values.iter().map(round).collect()
}

/// Within `tolerance` of the largest entry of the row, and exactly 0 at a mask and in a row of zeros.
#[track_caller]
fn assert_row(got: &[f64], x: &[f32], want: &[f64], tolerance: f64, dtype: DType) {
    let (epsilon, max) = match dtype {
        DType::F16 => (half::f16::EPSILON.to_f64(), half::f16::MAX.to_f64()),
        _ => (f64::from(f32::EPSILON), f64::from(f32::MAX)),
    };
    let in_range = |x: f64| if x.abs() > max { x * f64::INFINITY } else { x };
    let want: Vec<f64> = want.iter().map(|&x| in_range(x)).collect();
    let size = want.iter().filter(|x| x.is_finite()).map(|x| x.abs());
    let size = size.fold(0.0, f64::max);
    let row = if size == 0.0 {
        0.0
    } else {
        (tolerance * size).max(UNDERFLOW)
    };
    assert_within(got, &want, |want| epsilon * want.abs() + row);
    assert_masks(got, x);
}

/// The dtypes of the contract that the device computes in.
fn dtypes(device: &Device) -> impl Iterator<Item = DType> {
    let device = device.clone();
    let dtypes = [DType::F32, DType::F16].into_iter();
    dtypes.filter(move |&dtype| computes(&device, dtype))
}

/// Every kind of row at once, `width` of them side by side.
fn assert_soft_argmax(n: usize, side: bool, beta: f64, dtype: DType, device: &Device) {
    let rows = Rows::new(n);
    let (x, upstream): (Vec<_>, Vec<_>) = rows.with_numbers().into_iter().unzip();
    let count = x.len();
    let (x, upstream) = (rounded(&x.concat(), dtype), rounded(&upstream, dtype));
    let width = if side { count } else { 1 };
    let got = soft_argmax_gradients(
        tensor(
            &side_by_side(&x, n, width),
            [count / width, n, width],
            dtype,
            device,
        ),
        tensor(&upstream, [count / width, 1, width], dtype, device),
        1,
        beta,
    );
    for (by, got) in got.take(ways(n)) {
        println!("{by}: n {n}, side by side {side}, beta {beta:e}, {dtype:?}");
        let got = one_after_the_other(&got, n, width);
        for (row, g) in upstream.iter().enumerate() {
            println!("row {row}, upstream {g:e}");
            let (got, x) = (&got[row * n..][..n], &x[row * n..][..n]);
            let want = oracle::soft_argmax_gradient(&widen(x), beta, f64::from(*g));
            if g.is_finite() {
                assert_row(got, x, &want, 2e-4, dtype);
            } else {
                assert_masks(got, x);
            }
        }
    }
}

fn assert_surrogate(n: usize, side: bool, beta: f64, dtype: DType, device: &Device) {
    let rows = Rows::new(n);
    let (x, upstream): (Vec<_>, Vec<_>) = rows.with_rows().into_iter().unzip();
    let count = x.len();
    let (x, upstream) = (
        rounded(&x.concat(), dtype),
        rounded(&upstream.concat(), dtype),
    );
    let width = if side { count } else { 1 };
    let lines = |values: &[f32]| {
        let shape = [count / width, n, width];
        tensor(&side_by_side(values, n, width), shape, dtype, device)
    };
    for (by, got) in surrogate_gradients(lines(&x), lines(&upstream), 1, beta).take(ways(n)) {
        println!("{by}: n {n}, side by side {side}, beta {beta:e}, {dtype:?}");
        let got = one_after_the_other(&got, n, width);
        let want = surrogate_wanted(by, &x, &upstream, n, beta);
        for (row, x) in x.chunks(n).enumerate() {
            println!("row {row}");
            let (got, want) = (&got[row * n..][..n], &want[row * n..][..n]);
            assert_row(got, x, want, 2e-4, dtype);
        }
    }
}

/// The inverse of [`side_by_side`] for one table.
fn one_after_the_other(values: &[f64], n: usize, width: usize) -> Vec<f64> {
    if width == 1 {
        return values.to_vec();
    }
    side_by_side(values, width, n)
}

/// An upstream gradient that is not finite leaves masks alone.
#[track_caller]
fn assert_masks(got: &[f64], x: &[f32]) {
    let entries = got.iter().zip(x).filter(|(_, x)| **x == -INF);
    let masked: Vec<f64> = entries.map(|(&got, _)| got).collect();
    assert_exact(&masked, &vec![0.0; masked.len()]);
}

#[test]
fn of_soft_argmax_along_rows() {
    let Some(device) = device() else { return };
    for n in ROWS {
        for &beta in betas(n) {
            assert_soft_argmax(n, false, beta, DType::F32, &device);
        }
    }
}

#[test]
fn of_soft_argmax_along_columns() {
    let Some(device) = device() else { return };
    for n in COLUMNS {
        for &beta in betas(n) {
            assert_soft_argmax(n, true, beta, DType::F32, &device);
        }
    }
}

#[test]
fn of_the_softmax_surrogate_along_rows() {
    let Some(device) = device() else { return };
    for n in ROWS {
        for &beta in betas(n) {
            assert_surrogate(n, false, beta, DType::F32, &device);
        }
    }
}

#[test]
fn of_the_softmax_surrogate_along_columns() {
    let Some(device) = device() else { return };
    for n in COLUMNS {
        for &beta in betas(n) {
            assert_surrogate(n, true, beta, DType::F32, &device);
        }
    }
}

#[test]
fn in_half_precision() {
    let Some(device) = device() else { return };
    for dtype in dtypes(&device).filter(|&dtype| dtype == DType::F16) {
        for beta in [1.0, HUGE_BETA] {
            for side in [false, true] {
                assert_soft_argmax(1001, side, beta, dtype, &device);
                assert_surrogate(1001, side, beta, dtype, &device);
            }
            assert_moments([16, 16], beta, dtype, &device);
        }
    }
}

#[test]
fn of_the_moments_of_maps() {
    let Some(device) = device() else { return };
    for sizes in MAPS {
        for &beta in betas(sizes[0] * sizes[1]) {
            assert_moments(sizes, beta, DType::F32, &device);
        }
    }
}

/// The gradient of the mean, and of mean and covariance with the same number upstream.
fn assert_moments(sizes: [usize; 2], beta: f64, dtype: DType, device: &Device) {
    let n = sizes[0] * sizes[1];
    let rows = Rows::new(n);
    let (x, numbers): (Vec<_>, Vec<_>) = rows.with_numbers().into_iter().unzip();
    let count = x.len();
    let (x, numbers) = (rounded(&x.concat(), dtype), rounded(&numbers, dtype));
    let maps = tensor(&x, [count, 1, sizes[0], sizes[1]], dtype, device);
    for with_covariance in [false, true] {
        let of_covariance = |g| {
            if with_covariance {
                [g, g / 2.0, g / 2.0, 2.0 * g]
            } else {
                [0.0; 4]
            }
        };
        let covariance: Vec<_> = numbers.iter().map(|&g| of_covariance(g)).collect();
        let mean: Vec<_> = numbers.iter().map(|&g| [g, g]).collect();
        let on = |upstream: [&[f32]; 2]| {
            let mean = tensor(upstream[0], [count, 1, 2], dtype, device);
            (mean, tensor(upstream[1], [count, 1, 2, 2], dtype, device))
        };
        let of_moments = |op: fn(Tensor<4>, f64, Coordinates) -> SpatialSoftArgmaxMoments| {
            let (mean, covariance) = on([mean.as_flattened(), covariance.as_flattened()]);
            let maps = maps.clone().require_grad();
            let moments = op(maps.clone(), beta, Coordinates::Index);
            let covariance = (moments.covariance * covariance).sum_dim(3);
            let loss = moments.mean * mean + covariance.squeeze_dim(3);
            maps.grad(&loss.backward())
                .expect("maps are a tracked leaf")
        };
        let body = || {
            // x y z, and xx xy xz yy yz zz.
            let moments = mean.iter().zip(&covariance);
            let upstream: Vec<f32> = moments
                .flat_map(|(m, c)| [m[0], m[1], 0.0, c[0], c[1] + c[2], 0.0, c[3], 0.0, 0.0])
                .collect();
            let upstream = tensor(&upstream, [count, 9], dtype, device);
            reference::spatial_moments_gradient(maps.clone(), upstream, beta)
        };
        let by: [(&str, &dyn Fn() -> Tensor<4>); 3] = [
            ("operator", &|| of_moments(spatial_soft_argmax_moments)),
            ("graph", &|| {
                of_moments(reference::spatial_soft_argmax_moments)
            }),
            ("default body", &body),
        ];
        for (by, gradient) in by.into_iter().take(ways(n)) {
            println!("{by}: {sizes:?}, beta {beta:e}, {dtype:?}, covariance {with_covariance}");
            for (map, (got, x)) in values(gradient()).chunks(n).zip(x.chunks(n)).enumerate() {
                println!("map {map}, upstream {}", numbers[map]);
                if !numbers[map].is_finite() {
                    assert_masks(got, x);
                    continue;
                }
                let covariance = covariance[map].chunks(2).map(widen).collect::<Vec<_>>();
                let (x64, mean) = (widen(x), widen(&mean[map]));
                let want = oracle_spatial::moments_gradient(&x64, &sizes, beta, &mean, &covariance);
                assert_row(got, x, &want, 2e-5, dtype);
            }
        }
    }
}

/// The example of the documentation: as if the mask were not there.
#[test]
fn what_comes_upstream_to_a_mask_takes_no_part() {
    let Some(device) = device() else { return };
    let (x, upstream) = ([-INF, 1.0, 2.0], [INF, 1.0, 2.0]);
    let on = |values: &[f32]| tensor(values, [1, values.len()], DType::F32, &device);
    let got = surrogate_gradients(on(&x), on(&upstream), 1, 1.0);
    let without = surrogate_gradients(on(&x[1..]), on(&upstream[1..]), 1, 1.0);
    for ((by, got), (_, without)) in got.zip(without) {
        println!("{by}");
        assert_exact(&got[..1], &[0.0]);
        assert_within(&got[1..], &without, |want| 1e-6 * want.abs());
    }
}
