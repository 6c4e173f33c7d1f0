use burn::tensor::{DType, Int, Tensor, TensorData};
use burn_argmax::{
    gaussian_bins,
    losses::{entmax_loss, expected_distance_loss, histogram_loss},
    two_hot,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, uniform, values},
    golden::{Case, Ours, cases, tensor as of_golden},
};

use super::device;

const INF: f32 = f32::INFINITY;

fn run<const D: usize, const E: usize>(case: &Case, device: &burn::tensor::Device) -> Ours {
    let x: Tensor<D> = case.x(device);
    let dim = case.dim.expect("a dimension");
    let mut shape = x.dims();
    shape[dim] = 1;
    let target = case.numbers("target");
    let bins = case.shape[dim];
    let y = match case.op.as_str() {
        "entmax loss" => {
            let target: Vec<i64> = target.iter().map(|&t| t as i64).collect();
            let target = Tensor::<D, Int>::from_data(TensorData::new(target, shape), device);
            entmax_loss(x.clone(), target, dim, case.number("alpha"))
        }
        "histogram loss, two-hot" => {
            let target = two_hot(of_golden(&target, &shape, device), dim, bins);
            histogram_loss(x.clone(), target, dim)
        }
        "histogram loss, gaussian bins" => {
            let [min, max, sigma] = ["min", "max", "sigma"].map(|name| case.number(name));
            let width = (max - min) / bins as f64;
            let target: Vec<f64> = target.iter().map(|t| (t - min) / width - 0.5).collect();
            let target = of_golden(&target, &shape, device);
            let target = gaussian_bins(target, dim, bins, sigma / width);
            histogram_loss(x.clone(), target, dim)
        }
        _ => expected_distance_loss(x.clone(), of_golden(&target, &shape, device), dim, 1.0),
    };
    let shape: [usize; D] = shape;
    assert_eq!(y.dims(), shape);
    case.finish(x, y.squeeze_dim::<E>(dim))
}

/// Those of the package entmax, and of PyTorch's formulas.
#[test]
fn golden() {
    let Some(device) = device() else { return };
    let cases = cases(include_str!("../../../golden/estimators.json"));
    let cases = cases.iter().filter(|case| case.has("target"));
    let mut count = 0;
    for case in cases {
        case.assert(match case.shape.len() {
            2 => run::<2, 1>(case, &device),
            _ => run::<3, 2>(case, &device),
        });
        count += 1;
    }
    assert_eq!(count, 6);
}

/// The integrals over the bins by Simpson's rule, relative to the nearest density.
fn masses(target: f64, bins: usize, sigma: f64) -> Vec<f64> {
    let nearest = target.clamp(-0.5, bins as f64 - 0.5);
    let density =
        |y: f64| (-((y - nearest) * (y + nearest - 2.0 * target)) / (2.0 * sigma * sigma)).exp();
    let steps = 2 * (200.0 / sigma).ceil().max(100.0) as usize;
    let mass = |bin: usize| {
        let at = |step: usize| bin as f64 - 0.5 + step as f64 / steps as f64;
        let weight = |step: usize| match step {
            0 => 1.0,
            step if step == steps => 1.0,
            step => [2.0, 4.0][step % 2],
        };
        (0..=steps)
            .map(|step| weight(step) * density(at(step)))
            .sum::<f64>()
    };
    let masses: Vec<f64> = (0..bins).map(mass).collect();
    let sum: f64 = masses.iter().sum();
    masses.iter().map(|mass| mass / sum).collect()
}

/// Each to a few digits, in the tails too, for targets inside of the bins and far out.
#[test]
fn gaussian_masses() {
    let Some(device) = device() else { return };
    let targets = [
        0.0f32, 0.5, 7.3, 7.5, 30.99, -0.5, -0.7, -4.0, 31.5, 40.0, 300.0,
    ];
    for sigma in [0.02, 0.2, 0.75, 1.0, 4.99, 5.0, 40.0, 3000.0] {
        for width in [1, 3] {
            let shape = [targets.len(), 1, width];
            let each: Vec<f32> = targets.iter().flat_map(|&t| vec![t; width]).collect();
            let got = gaussian_bins(tensor(&each, shape, &device), 1, 32, sigma);
            assert_eq!(got.dims(), [targets.len(), 32, width]);
            let got = values(got.swap_dims(1, 2));
            for (got, &target) in got.chunks(32).zip(each.iter()) {
                println!("sigma {sigma}, target {target}");
                let want = masses(target.into(), 32, sigma);
                assert_within(got, &want, |mass| 3e-5 * mass + 1e-30);
                let sum: f64 = got.iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "{sum}");
            }
        }
    }
}

/// However narrow or wide, and however far out.
#[test]
fn gaussian_masses_at_the_limits() {
    let Some(device) = device() else { return };
    let bins = |target: f32, sigma| {
        values(gaussian_bins(
            tensor(&[target], [1, 1], &device),
            1,
            4,
            sigma,
        ))
    };
    for sigma in [1e-300, 1e-20, 1e-7] {
        assert_within(&bins(2.2, sigma), &[0.0, 0.0, 1.0, 0.0], |_| 1e-6);
        assert_within(&bins(1.5, sigma), &[0.0, 0.5, 0.5, 0.0], |_| 1e-6);
        assert_within(&bins(1e30, sigma), &[0.0, 0.0, 0.0, 1.0], |_| 1e-6);
    }
    for sigma in [1e10, 1e17, 1e25, 1e300] {
        assert_within(&bins(1.5, sigma), &[0.25; 4], |_| 1e-6);
        assert_within(&bins(-7.0, sigma), &[0.25; 4], |_| 1e-6);
    }
    for target in [-1e38, -1e20, -1e8] {
        assert_within(&bins(target, 1.0), &[1.0, 0.0, 0.0, 0.0], |_| 1e-6);
    }
    assert_exact(&bins(f32::NAN, 1.0), &[f64::NAN; 4]);
    assert_exact(&bins(INF, 1.0), &[f64::NAN; 4]);
    let one = values(gaussian_bins(tensor(&[7.0], [1, 1], &device), 1, 1, 1.0));
    assert_within(&one, &[1.0], |_| 1e-6);
}

/// The expected index is the target, of two neighbours at most.
#[test]
fn two_neighbours() {
    let Some(device) = device() else { return };
    for bins in [1, 2, 17, 100_000] {
        let last = bins as f32 - 1.0;
        let mut targets: Vec<f32> = uniform(3, 20)
            .iter()
            .map(|t| t.abs().fract() * last)
            .collect();
        targets.extend([0.0, last, -3.0, 2.0 * last + 1.0, last / 2.0]);
        let shape = [targets.len(), 1];
        let shares = two_hot(tensor(&targets, shape, &device), -1, bins);
        let shares = values(shares);
        for (shares, &target) in shares.chunks(bins).zip(&targets) {
            let target = f64::from(target.clamp(0.0, last));
            let low = target.floor() as usize;
            let mut want = vec![0.0; bins];
            want[low] = 1.0 - target.fract();
            if low + 1 < bins {
                want[low + 1] = target.fract();
            }
            assert_within(shares, &want, |_| 1e-7);
        }
    }
    let broken = two_hot(tensor(&[f32::NAN, -INF, 1.0], [3, 1], &device), 1, 2);
    let nan = f64::NAN;
    assert_exact(&values(broken), &[nan, nan, nan, nan, 0.0, 1.0]);
    let empty = two_hot(tensor(&[], [0, 1, 3], &device), 1, 7);
    assert_eq!(empty.dims(), [0, 7, 3]);
}

/// A row whose target is missing has the loss NaN, and leaves zeros where nothing comes to it; one whose
/// target is at a mask costs more than any other.
#[test]
fn missing_and_masked_targets() {
    let Some(device) = device() else { return };
    let x = || {
        tensor(
            &[0.5, -INF, 2.0, 0.5, -INF, 2.0, 0.5, -INF, 2.0],
            [3, 3],
            &device,
        )
        .require_grad()
    };
    let (softmax, at) = ([0.182_425_5, 0.0, 0.817_574_5], |rows: [f32; 3]| {
        tensor(&rows, [3, 1], &device)
    });
    let check = |name: &str,
                 losses: Tensor<2>,
                 x: Tensor<2>,
                 infinite: bool,
                 p: [f64; 3],
                 one: [f64; 3]| {
        println!("{name}");
        let got = values(losses.clone());
        assert!(got[0].is_finite(), "{got:?}");
        assert!(got[1].is_nan(), "{got:?}");
        assert!(!infinite || got[2] == f64::INFINITY, "{got:?}");
        let chosen = losses.slice([0..1, 0..1]);
        let gradient = values(x.grad(&chosen.sum().backward()).expect("a leaf"));
        let want: Vec<f64> = p.iter().zip(one).map(|(p, one)| p - one).collect();
        assert_within(&gradient[..3], &want, |_| 1e-6);
        assert_exact(&gradient[3..], &[0.0; 6]);
    };
    let one = [1.0, 0.0, 0.0];
    let scores = x();
    let target = two_hot(at([0.0, f32::NAN, 1.0]), 1, 3);
    let losses = histogram_loss(scores.clone(), target, 1);
    check("histogram", losses, scores, true, softmax, one);
    for (alpha, p) in [(1.0, softmax), (2.0, [0.0, 0.0, 1.0])] {
        let scores = x();
        let target = Tensor::<2, Int>::from_data([[0], [-1], [1]], &device);
        let losses = entmax_loss(scores.clone(), target, 1, alpha);
        check("entmax", losses, scores, true, p, one);
    }
    // Distances 0 and 2: p * (distance - loss).
    let scores = x();
    let losses = expected_distance_loss(scores.clone(), at([0.0, f32::NAN, 1.0]), 1, 1.0);
    let [low, _, high] = softmax;
    let slope = 2.0 * low * high;
    check(
        "distance",
        losses,
        scores,
        false,
        [-slope, 0.0, slope],
        [0.0; 3],
    );
}

/// Along any dimension, with the other ones left as they are.
#[test]
fn along_any_dimension() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(5, 2 * 9 * 3), [2, 9, 3], &device);
    let at = tensor(&[0.5, 3.0, 8.0, 7.25, 1.0, 0.0], [2, 1, 3], &device);
    let target = gaussian_bins(at.clone(), 1, 9, 0.75);
    let index = at.clone().int();
    let losses = |x: Tensor<3>, target, at, index, dim: usize| {
        [
            histogram_loss(x.clone(), target, dim),
            expected_distance_loss(x.clone(), at, dim, 2.0),
            entmax_loss(x, index, dim, 1.5),
        ]
    };
    let middle = losses(x.clone(), target.clone(), at.clone(), index.clone(), 1);
    let last = |x: Tensor<3>| x.swap_dims(1, 2);
    let last = losses(last(x), last(target), last(at), index.swap_dims(1, 2), 2);
    for (middle, last) in middle.into_iter().zip(last) {
        assert_eq!(middle.dims(), [2, 1, 3]);
        assert_within(&values(middle), &values(last.swap_dims(1, 2)), |loss| {
            1e-6 * loss.abs() + 1e-7
        });
    }
}

/// Near the softmax it is nearly the cross-entropy.
#[test]
fn entmax_loss_near_the_softmax() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(8, 6 * 50), [6, 50], &device);
    let target = Tensor::<2, Int>::from_data([[0], [3], [7], [20], [33], [49]], &device);
    let want = values(entmax_loss(x.clone(), target.clone(), 1, 1.0));
    for alpha in [1.0 + 1e-4, 1.0 + 1e-6] {
        let got = values(entmax_loss(x.clone(), target.clone(), 1, alpha));
        assert_within(&got, &want, |loss| {
            20.0 * (alpha - 1.0) * loss.abs() + 2e-5 * loss.abs()
        });
    }
}

/// A loss far below 1, and its gradient, keep their digits.
#[test]
fn small_histogram_losses() {
    let Some(device) = device() else { return };
    for distance in [10.0f32, 20.0, 60.0] {
        let x = tensor(&[distance, 0.0], [1, 2], &device).require_grad();
        let target = tensor(&[1.0, 0.0], [1, 2], &device);
        let loss = histogram_loss(x.clone(), target, 1);
        let small = (-f64::from(distance)).exp();
        assert_within(&values(loss.clone()), &[small.ln_1p()], |loss| 1e-5 * loss);
        let slopes = values(x.grad(&loss.backward()).expect("a leaf"));
        let slope = small / (1.0 + small);
        assert_within(&slopes, &[-slope, slope], |slope| 1e-5 * slope.abs());
    }
}

/// An infinite loss, of a mass at a mask, has the gradient of any other.
#[test]
fn a_mass_at_a_mask() {
    let Some(device) = device() else { return };
    let x = tensor(&[3.0, 0.0, f32::NEG_INFINITY], [1, 3], &device).require_grad();
    let target = tensor(&[0.5, 0.0, 0.5], [1, 3], &device);
    let loss = histogram_loss(x.clone(), target, 1);
    assert_exact(&values(loss.clone()), &[f64::INFINITY]);
    let slopes = values(x.grad(&loss.backward()).expect("a leaf"));
    let p = 1.0 / (1.0 + 3f64.exp());
    assert_within(&slopes, &[0.5 - p, p, 0.0], |_| 1e-7);
    for alpha in [1.0, 1.5] {
        let x = tensor(&[3.0, 0.0, f32::NEG_INFINITY], [1, 3], &device).require_grad();
        let target = Tensor::<2, Int>::from_data([[2]], &device);
        let loss = entmax_loss(x.clone(), target, 1, alpha);
        assert_exact(&values(loss.clone()), &[f64::INFINITY]);
        let slopes = values(x.grad(&loss.backward()).expect("a leaf"));
        let p = if alpha == 1.0 { p } else { 0.0 };
        assert_within(&slopes, &[1.0 - p, p, 0.0], |_| 1e-7);
    }
}

/// Of as many indices as a small integer has no values for.
#[test]
fn targets_of_small_integers() {
    let Some(device) = device() else { return };
    if !device.supports_dtype(DType::U8) {
        return;
    }
    let x = tensor(&uniform(6, 2 * 300), [2, 300], &device);
    let target = |dtype| {
        let target = TensorData::from([[7], [250]]).convert_dtype(dtype);
        Tensor::<2, Int>::from_data(target, (&device, dtype))
    };
    let [small, wide] =
        [DType::U8, DType::I32].map(|dtype| entmax_loss(x.clone(), target(dtype), 1, 1.5));
    assert_exact(&values(small), &values(wide));
}
