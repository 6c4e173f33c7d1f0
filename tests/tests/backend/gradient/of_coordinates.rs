// Losses of coordinates, their average, and Gaussians about centers, in every dtype, against formulas in
// f64 on the rounded arguments.

use burn::tensor::{Bool, DType, Device, Tensor, TensorData};
use burn_argmax::{Coordinates, losses, render_gaussian};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{uniform, values},
    device::computes,
    rounding::Rounding,
};

use super::device;

const LOCATIONS: usize = 300;
/// Locations without a label.
const MISSING: usize = 40;

fn dtypes(device: &Device) -> impl Iterator<Item = DType> {
    [DType::F32, DType::F64, DType::F16, DType::BF16]
        .into_iter()
        .filter(|&dtype| computes(device, dtype))
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

/// So many units in the last place of a dtype, and what a few roundings of the float make up in which
/// results are computed.
fn within(dtype: DType, ulps: f64) -> impl Fn(f64) -> f64 {
    let rounding = Rounding::of(dtype);
    let computed = if dtype == DType::F64 { 1e-15 } else { 1e-6 };
    move |wanted| ulps * rounding.ulp(wanted) + computed * wanted.abs()
}

type Loss = fn(Tensor<3>, Tensor<3>) -> Tensor<2>;

/// The loss of a location from the differences along its axes, and its slope along each.
type Formula = fn(&[f64]) -> (f64, Vec<f64>);

const LOSSES: [(Loss, Formula); 3] = [
    (losses::l1_loss, |d| {
        let axes = d.len() as f64;
        let loss = d.iter().map(|d| d.abs()).sum::<f64>() / axes;
        (loss, d.iter().map(|d| d.signum() / axes).collect())
    }),
    (losses::mse_loss, |d| {
        let axes = d.len() as f64;
        let loss = d.iter().map(|d| d * d).sum::<f64>() / axes;
        (loss, d.iter().map(|d| 2.0 * d / axes).collect())
    }),
    (losses::euclidean_loss, |d| {
        let loss = d.iter().map(|d| d * d).sum::<f64>().sqrt();
        (loss, d.iter().map(|d| d / loss).collect())
    }),
];

/// Pixels of large images, and missing labels in the last locations, which are masked out.
#[test]
fn losses_of_pixels() {
    let Some(device) = device() else { return };
    for axes in [1, 2, 3] {
        let count = LOCATIONS * axes;
        let predicted: Vec<f32> = uniform(81, count).iter().map(|x| 25.0 * x).collect();
        let mut target: Vec<f32> = uniform(82, count).iter().map(|x| 25.0 * x).collect();
        target[(LOCATIONS - MISSING) * axes..].fill(f32::NAN);
        let known = (0..LOCATIONS).map(|location| location < LOCATIONS - MISSING);
        let known = TensorData::new(known.collect::<Vec<bool>>(), [LOCATIONS / 10, 10]);
        for dtype in dtypes(&device) {
            let rounding = Rounding::of(dtype);
            let shape = [LOCATIONS / 10, 10, axes];
            let target = of_dtype(&target, shape, dtype, &device);
            let predicted = of_dtype(&predicted, shape, dtype, &device);
            let differences: Vec<f64> = (values(predicted.clone()).iter())
                .zip(values(target.clone()))
                .map(|(predicted, target)| predicted - target)
                .collect();
            let differences = &differences[..(LOCATIONS - MISSING) * axes];
            for (loss, formula) in LOSSES {
                let leaf = predicted.clone().require_grad();
                let losses = loss(leaf.clone(), target.clone());
                assert_eq!(losses.dtype(), dtype);
                let (wanted, slopes): (Vec<f64>, Vec<Vec<f64>>) =
                    differences.chunks(axes).map(formula).unzip();
                let got = values(losses.clone());
                assert_within(
                    &got[..wanted.len()],
                    &rounding.round(&wanted),
                    within(dtype, 1.0),
                );
                assert!(got[wanted.len()..].iter().all(|loss| loss.is_nan()));

                let mask = Tensor::<2, Bool>::from_data(known.clone(), &device);
                let average = losses::average_loss(losses, Some(mask));
                // Of the losses as they were rounded.
                let mean = got[..wanted.len()].iter().sum::<f64>() / wanted.len() as f64;
                assert_within(
                    &values(average.clone()),
                    &rounding.round(&[mean]),
                    within(dtype, 1.0),
                );

                let gradient = values(leaf.grad(&average.backward()).unwrap());
                let share = rounding.round(&[1.0 / wanted.len() as f64])[0];
                let slopes: Vec<f64> = slopes.concat().iter().map(|s| s * share).collect();
                let (known, unknown) = gradient.split_at(slopes.len());
                assert_within(known, &rounding.round(&slopes), within(dtype, 2.0));
                assert_exact(unknown, &vec![0.0; unknown.len()]);
            }
        }
    }
}

/// On an image of 256 x 200, of two centers, one of them outside.
#[test]
fn gaussians_on_images() {
    let Some(device) = device() else { return };
    let (sizes, sigma) = ([256, 200], [1.5, 3.0]);
    let pixels = sizes[0] * sizes[1];
    for (units, centers) in [
        (Coordinates::Index, [120.3, 77.6, 203.0, 250.4]),
        (Coordinates::AlignCorners, [0.21, -0.4, 1.03, 0.97]),
        (Coordinates::CellCenters, [0.21, -0.4, 1.03, 0.97]),
    ] {
        let index = |position: f64, size: usize| match units {
            Coordinates::Index => position,
            Coordinates::AlignCorners => (position + 1.0) * (size as f64 - 1.0) / 2.0,
            Coordinates::CellCenters => ((position + 1.0) * size as f64 - 1.0) / 2.0,
            _ => unreachable!("these are all"),
        };
        let per_unit = |size: usize| index(1.0, size) - index(0.0, size);
        for dtype in dtypes(&device) {
            println!("{units:?} in {dtype:?}");
            let rounding = Rounding::of(dtype);
            let leaf = of_dtype(&centers, [1, 2, 2], dtype, &device).require_grad();
            let maps: Tensor<4> = render_gaussian(leaf.clone(), &sizes, sigma, units);
            assert_eq!(maps.dtype(), dtype);
            // A ramp, and a bump.
            let upstream: Vec<f32> = (0..2 * pixels)
                .map(|i| {
                    let (x, y) = (i % sizes[1], i / sizes[1] % sizes[0]);
                    x as f32 / 256.0 - if y > 128 { y as f32 / 128.0 } else { 0.0 }
                })
                .collect();
            let upstream = of_dtype(&upstream, [1, 2, sizes[0], sizes[1]], dtype, &device);
            let slopes = values(
                leaf.grad(&(maps.clone() * upstream.clone()).backward())
                    .unwrap(),
            );
            let (maps, upstream) = (values(maps), values(upstream));
            for (map, center) in values(leaf).chunks(2).enumerate() {
                let at = [index(center[0], sizes[1]), index(center[1], sizes[0])];
                let square = |axis: usize, i: usize| ((i as f64 - at[axis]) / sigma[axis]).powi(2);
                let place = |i: usize| [i % sizes[1], i / sizes[1]];
                let exponent = |i: usize| {
                    let [x, y] = place(i);
                    -0.5 * (square(0, x) + square(1, y))
                };
                let largest_exponent = (0..pixels).map(exponent).fold(f64::MIN, f64::max);
                let mut wanted: Vec<f64> = (0..pixels)
                    .map(|i| (exponent(i) - largest_exponent).exp())
                    .collect();
                let sum: f64 = wanted.iter().sum();
                wanted.iter_mut().for_each(|h| *h /= sum);
                let got = &maps[map * pixels..][..pixels];
                let scale = largest(&wanted);
                // A center is rounded to that float in pixels.
                let exact = if dtype == DType::F64 { 1e-12 } else { 1e-4 };
                assert_within(got, &rounding.round(&wanted), |h| {
                    rounding.ulp(h) + exact * h + 1e-9 * scale
                });

                let upstream = &upstream[map * pixels..][..pixels];
                let mean = |value: &dyn Fn(usize) -> f64| -> f64 {
                    wanted.iter().enumerate().map(|(i, h)| h * value(i)).sum()
                };
                let of_upstream = mean(&|i| upstream[i]);
                let wanted = [0, 1].map(|axis| {
                    let middle = mean(&|i| place(i)[axis] as f64);
                    let covariance =
                        mean(&|i| (upstream[i] - of_upstream) * (place(i)[axis] as f64 - middle));
                    covariance / sigma[axis].powi(2) * per_unit(sizes[1 - axis])
                });
                let scale = largest(&wanted);
                assert_within(&slopes[2 * map..][..2], &rounding.round(&wanted), |slope| {
                    2.0 * rounding.ulp(slope) + 1e-4 * scale
                });
            }
        }
    }
}
