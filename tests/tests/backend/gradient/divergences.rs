use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Coordinates, losses};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{tensor, uniform, values, widen},
    device::computes,
    rounding::Rounding,
};

use super::device;

type Loss<const D: usize> = fn(Tensor<D>, Tensor<3>, f64, Coordinates) -> Tensor<2>;

/// What is added to a probability under a logarithm.
const TINY: f64 = 1e-24;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Divergence {
    KullbackLeibler,
    JensenShannon,
}
use Divergence::{JensenShannon, KullbackLeibler};

impl Divergence {
    fn loss<const D: usize>(self) -> Loss<D> {
        match self {
            KullbackLeibler => losses::kl_divergence_loss,
            JensenShannon => losses::jensen_shannon_loss,
        }
    }

    /// The term of one position, and its slope along the probability.
    fn term(self, p: f64, q: f64) -> [f64; 2] {
        match self {
            KullbackLeibler => {
                let log = ((p + TINY) / (q + TINY)).ln();
                [p * log, log + p / (p + TINY)]
            }
            JensenShannon => {
                let middle = (p + q) / 2.0 + TINY;
                let [of_p, of_q] = [p, q].map(|x| ((x + TINY) / middle).ln());
                [(p * of_p + q * of_q) / 2.0, of_p / 2.0]
            }
        }
    }
}

/// The Gaussian about a center `x, y, z` in a map of sizes `z, y, x`, each axis of which sums to 1.
fn gaussian(sizes: &[usize], center: &[f64], sigma: f64) -> Vec<f64> {
    let mut map = vec![1.0];
    for (&size, &center) in sizes.iter().zip(center.iter().rev()) {
        let power = |index: usize| -((index as f64 - center) / sigma).powi(2) / 2.0;
        let highest = (0..size).map(power).fold(f64::NEG_INFINITY, f64::max);
        let line: Vec<f64> = (0..size).map(|i| (power(i) - highest).exp()).collect();
        let sum: f64 = line.iter().sum();
        let spread = map
            .iter()
            .flat_map(|m| line.iter().map(move |l| m * l / sum));
        map = spread.collect();
    }
    map
}

fn loss(divergence: Divergence, p: &[f64], q: &[f64]) -> f64 {
    let terms = p.iter().zip(q).map(|(&p, &q)| divergence.term(p, q)[0]);
    terms.sum()
}

/// Losses of two maps in every dtype, and their gradients for the maps and for the centers.
#[track_caller]
fn assert_divergence<const D: usize>(
    divergence: Divergence,
    maps: (&[usize], &[f32]),
    centers: &[f32],
    sigma: f64,
    device: &Device,
) {
    for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
        if computes(device, dtype) {
            assert_in::<D>(dtype, divergence, maps, centers, sigma, device);
        }
    }
}

#[track_caller]
fn assert_in<const D: usize>(
    dtype: DType,
    divergence: Divergence,
    (sizes, maps): (&[usize], &[f32]),
    centers: &[f32],
    sigma: f64,
    device: &Device,
) {
    println!("{divergence:?} of {sizes:?} in {dtype:?}, {centers:?}, sigma {sigma}");
    let mut shape = [1; D];
    shape[1] = 2;
    shape[2..].copy_from_slice(sizes);
    let axes = sizes.len();
    let x: Tensor<D> = rounded(maps, shape, dtype, device).require_grad();
    let c: Tensor<3> = rounded(centers, [1, 2, axes], dtype, device).require_grad();
    let upstream = [0.75, -2.0];
    let losses = divergence.loss::<D>()(x.clone(), c.clone(), sigma, Coordinates::Index);
    assert_eq!(losses.dtype(), dtype);
    let got = values(losses.clone());
    let gradients = (losses * rounded(&upstream, [1, 2], dtype, device)).backward();
    let (maps, centers) = (values(x.clone()), values(c.clone()));
    let rounding = Rounding::of(dtype);
    let [relative, absolute] = match dtype {
        DType::F64 => [1e-10, 1e-11],
        _ => [1e-4, 1e-5],
    };
    let of_maps = values(x.grad(&gradients).unwrap());
    let of_centers = values(c.grad(&gradients).unwrap());

    let length = maps.len() / 2;
    for map in 0..2 {
        let (p, center) = (
            &maps[map * length..][..length],
            &centers[map * axes..][..axes],
        );
        let g = f64::from(upstream[map]);
        let q = gaussian(sizes, center, sigma);
        let want = loss(divergence, p, &q);
        assert_within(&got[map..=map], &rounding.round(&[want]), |_| {
            rounding.ulp(want) + relative * want + 1e-4 * absolute
        });

        let slopes = p
            .iter()
            .zip(&q)
            .map(|(&p, &q)| g * divergence.term(p, q)[1]);
        let slopes: Vec<f64> = slopes.collect();
        let of_map = &of_maps[map * length..][..length];
        // A difference of logarithms down to that of `TINY`, each of which is rounded.
        assert_within(of_map, &rounding.round(&slopes), |slope| {
            2.0 * rounding.ulp(slope) + relative * slope.abs() + absolute
        });

        let step = 1e-5;
        let along = |axis: usize| {
            let moved = |by: f64| {
                let mut center = center.to_vec();
                center[axis] += by;
                loss(divergence, p, &gaussian(sizes, &center, sigma))
            };
            g * (moved(step) - moved(-step)) / (2.0 * step)
        };
        let want: Vec<f64> = (0..axes).map(along).collect();
        let scale = largest(&want).max(1e-3);
        assert_within(
            &of_centers[map * axes..][..axes],
            &rounding.round(&want),
            |want| 2.0 * rounding.ulp(want) + 1e-3 * scale,
        );
    }
}

fn rounded<const D: usize>(
    values: &[f32],
    shape: [usize; D],
    dtype: DType,
    device: &Device,
) -> Tensor<D> {
    let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (device, dtype))
}

/// A softmax, with a peak if it is sharp.
fn probabilities(seed: u64, length: usize, beta: f64) -> Vec<f32> {
    let scores = widen(&uniform(seed, length));
    let powers: Vec<f64> = scores.iter().map(|x| (beta * x).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

#[test]
fn of_maps() {
    let Some(device) = device() else { return };
    for divergence in [KullbackLeibler, JensenShannon] {
        for (beta, sigma) in [(0.5, 1.0), (5.0, 1.0), (2.0, 3.0), (0.0, 25.0)] {
            let two = |length| {
                let mut maps = probabilities(61, length, beta);
                maps.extend(probabilities(62, length, beta));
                maps
            };
            let maps = two(64 * 64);
            let centers = [20.3, 41.9, 62.0, 1.5];
            assert_divergence::<4>(divergence, (&[64, 64], &maps), &centers, sigma, &device);
            let maps = two(7 * 20 * 33);
            let centers = [3.25, 17.0, 2.5, 30.0, 0.25, 6.0];
            assert_divergence::<5>(divergence, (&[7, 20, 33], &maps), &centers, sigma, &device);
            let maps = two(1_000);
            let centers = [400.4, 998.0];
            assert_divergence::<3>(divergence, (&[1_000], &maps), &centers, sigma, &device);
        }
    }
}

/// One pixel has all, at the target, beside it, and so far away that the Gaussian is 0 there.
#[test]
fn of_one_pixel() {
    let Some(device) = device() else { return };
    let side = 256;
    for divergence in [KullbackLeibler, JensenShannon] {
        for [x, y] in [[40, 30], [42, 30], [200, 250]] {
            let mut maps = vec![0.0; 2 * side * side];
            maps[y * side + x] = 1.0;
            maps[side * side + y * side + x] = 0.25;
            maps[side * side] = 0.75;
            let centers = [40.0, 30.0, 40.5, 30.25];
            assert_divergence::<4>(divergence, (&[side, side], &maps), &centers, 1.5, &device);
        }
    }
}

/// What is asked is what is given, on a map of which most of the Gaussian is no normal number.
#[test]
fn of_the_target_itself() {
    let Some(device) = device() else { return };
    let center = [20.3, 41.9];
    let map = gaussian(&[64, 64], &center.map(f64::from), 1.0);
    let map: Vec<f32> = map.iter().map(|&p| p as f32).collect();
    for divergence in [KullbackLeibler, JensenShannon] {
        let x = tensor(&map, [1, 1, 64, 64], &device).require_grad();
        let c = tensor(&center, [1, 1, 2], &device);
        let loss = divergence.loss::<4>()(x.clone(), c, 1.0, Coordinates::Index);
        assert_within(&values(loss.clone()), &[0.0], |_| 2e-6);
        let gradient = values(x.grad(&loss.backward()).unwrap());
        let at = |[x, y]: [usize; 2]| gradient[y * 64 + x];
        let slope = f64::from(u8::from(divergence == KullbackLeibler));
        assert_within(&[at([20, 42])], &[slope], |_| 1e-4);
        if divergence == JensenShannon {
            assert_exact(&[at([63, 0])], &[0.0]);
        }
    }
}

/// A row is summed in parts: a uniform one of 100,000 pixels.
#[test]
fn wide_rows() {
    let Some(device) = device() else { return };
    let n = 100_000;
    let map = vec![1.0 / n as f32; n];
    let (center, sigma) = (20.25, 20.0);
    let q = gaussian(&[n], &[center], sigma);
    let p = vec![f64::from(map[0]); n];
    for divergence in [KullbackLeibler, JensenShannon] {
        let want = loss(divergence, &p, &q);
        let maps = tensor(&map, [1, 1, n], &device);
        let centers = tensor(&[center as f32], [1, 1, 1], &device);
        let got = divergence.loss::<3>()(maps, centers, sigma, Coordinates::Index);
        assert_within(&values(got), &[want], |l| 5e-6 * l);
    }
}

/// Maps of any size, one of which may be in many pieces, and rows that no vector fits.
#[test]
fn of_every_size() {
    let Some(device) = device() else { return };
    for divergence in [KullbackLeibler, JensenShannon] {
        for sizes in [
            [1, 1],
            [1, 7],
            [9, 1],
            [5, 3],
            [31, 66],
            [256, 256],
            [384, 1023],
        ] {
            let [height, width] = sizes;
            let length = height * width;
            let mut maps = probabilities(63, length, 1.0);
            maps.extend(probabilities(64, length, 3.0));
            let (x, y) = (width as f32 - 1.0, height as f32 - 1.0);
            let centers = [0.3 * x, 0.6 * y, x, 0.0];
            let sigma = 0.1 * (height + width) as f64;
            assert_divergence::<4>(divergence, (&sizes, &maps), &centers, sigma, &device);
        }
        let sizes = [3, 1, 5];
        let maps = [probabilities(65, 15, 1.0), probabilities(66, 15, 0.5)].concat();
        let centers = [1.5, 0.0, 2.0, 4.0, 0.25, 0.5];
        assert_divergence::<5>(divergence, (&sizes, &maps), &centers, 1.0, &device);
    }
}

/// Beside each other and beside a map that is broken in one place: that is NaN throughout, and 0 where
/// its loss is not asked for.
#[test]
fn of_many_maps() {
    let Some(device) = device() else { return };
    let (count, sizes, sigma) = (150, [12, 20], 2.0);
    let length = sizes[0] * sizes[1];
    let (broken, silent) = (40, 41);
    for divergence in [KullbackLeibler, JensenShannon] {
        let mut maps: Vec<f32> = (0..count)
            .flat_map(|map| probabilities(100 + map, length, 0.5))
            .collect();
        let count = count as usize;
        for (map, value) in [(broken, f32::NAN), (silent, -1.0)] {
            maps[map * length + length / 3] = value;
        }
        let centers: Vec<f32> = uniform(67, 2 * count).iter().map(|c| c + 8.0).collect();
        let mut upstream = uniform(68, count);
        upstream[silent] = 0.0;
        let x = tensor(&maps, [1, count, sizes[0], sizes[1]], &device).require_grad();
        let c = tensor(&centers, [1, count, 2], &device).require_grad();
        let losses = divergence.loss::<4>()(x.clone(), c.clone(), sigma, Coordinates::Index);
        let got = values(losses.clone());
        let gradients = (losses * tensor(&upstream, [1, count], &device)).backward();
        let of_maps = values(x.grad(&gradients).unwrap());
        let of_centers = values(c.grad(&gradients).unwrap());
        let slopes = of_maps.chunks(length).zip(of_centers.chunks(2));
        for (map, (slopes, of_center)) in slopes.enumerate() {
            if map == broken {
                assert!(got[map].is_nan(), "{}", got[map]);
                assert!(slopes.iter().chain(of_center).all(|g| g.is_nan()));
            } else if map == silent {
                assert!(got[map].is_nan(), "{}", got[map]);
                assert_exact(slopes, &vec![0.0; length]);
                assert_exact(of_center, &[0.0; 2]);
            } else {
                let p = widen(&maps[map * length..][..length]);
                let center = widen(&centers[2 * map..][..2]);
                let q = gaussian(&sizes, &center, sigma);
                let g = f64::from(upstream[map]);
                assert_within(&got[map..=map], &[loss(divergence, &p, &q)], |l| 1e-4 * l);
                let want = p
                    .iter()
                    .zip(&q)
                    .map(|(&p, &q)| g * divergence.term(p, q)[1]);
                let want: Vec<f64> = want.collect();
                assert_within(slopes, &want, |slope| 1e-4 * slope.abs() + 1e-5);
            }
        }
    }
}
