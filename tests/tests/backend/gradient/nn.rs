use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};
use burn_argmax::{
    Coordinates, Estimator, Surrogate, Weighting,
    nn::{
        Beta, SampledOneHotConfig, SoftArgmaxConfig, SpatialSoftArgmaxConfig,
        StraightThroughOneHotConfig,
    },
    soft_argmax, spatial_soft_argmax, straight_through_one_hot,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, uniform, values, widen},
    oracle, oracle_spatial,
};

use super::device;

const BETA: f64 = 0.7;
const N: usize = 9;

fn log_beta(beta: &Beta) -> Param<Tensor<1>> {
    beta.log().cloned().expect("a learnt beta")
}

/// Every parameter is this.
struct Fill(f64);

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        Param::from_tensor(param.val().full_like(self.0))
    }
}

/// The slope of `objective` along the logarithm of beta.
fn slope(objective: impl Fn(f64) -> f64) -> f64 {
    let step = 1e-5;
    (objective(BETA * f64::exp(step)) - objective(BETA * f64::exp(-step))) / (2.0 * step)
}

/// Rows of which one has masks.
fn rows() -> Vec<f32> {
    let mut rows = uniform(31, 3 * N);
    rows[N + 2] = -f32::INFINITY;
    rows[N + 7] = -f32::INFINITY;
    rows
}

#[test]
fn beta_of_soft_argmax() {
    let Some(device) = device() else { return };
    let config = SoftArgmaxConfig::new()
        .with_weighting(Weighting::softmax(BETA))
        .with_learnable(true);
    let module = config.init(&device);
    let logits = tensor(&rows(), [3, N], &device).require_grad();
    let index = module.forward(logits.clone());
    let want = soft_argmax(logits.clone(), 1, BETA);
    assert_within(&values(index.clone()), &values(want.clone()), |_| 1e-5);
    let gradients = index.backward();
    let want_slope = slope(|beta| {
        let rows = widen(&rows());
        rows.chunks(N)
            .map(|row| oracle::soft_argmax(row, beta))
            .sum()
    });
    let got = values(
        log_beta(module.beta.as_ref().unwrap())
            .grad(&gradients)
            .unwrap(),
    );
    assert_within(&got, &[want_slope], |_| 2e-5);

    // The logits get the gradient that they get with a fixed beta.
    let got = values(logits.grad(&gradients).unwrap());
    let want = values(logits.grad(&want.backward()).unwrap());
    assert_within(&got, &want, |_| 1e-5);
}

#[test]
fn beta_of_spatial_soft_argmax() {
    let Some(device) = device() else { return };
    let config = SpatialSoftArgmaxConfig::new(Coordinates::Index)
        .with_weighting(Weighting::softmax(BETA))
        .with_learnable(true);
    let module = config.init(&device);
    let heatmaps = tensor(&rows(), [1, 3, 3, 3], &device);
    let position = module.forward(heatmaps);
    let gradients = position.backward();
    let want = slope(|beta| {
        let maps = widen(&rows());
        maps.chunks(N)
            .map(|map| {
                oracle_spatial::moments(map, &[3, 3], beta)
                    .mean
                    .iter()
                    .sum::<f64>()
            })
            .sum()
    });
    let got = values(
        log_beta(module.beta.as_ref().unwrap())
            .grad(&gradients)
            .unwrap(),
    );
    assert_within(&got, &[want], |_| 2e-5);
}

#[test]
fn beta_of_straight_through_one_hot() {
    let Some(device) = device() else { return };
    let surrogate = Surrogate::Softmax { beta: BETA };
    let config = StraightThroughOneHotConfig::new(surrogate).with_learnable(true);
    let module = config.init(&device);
    let upstream = uniform(32, 3 * N);
    let one_hot = module.forward(tensor(&rows(), [3, N], &device));
    let gradients = (one_hot * tensor(&upstream, [3, N], &device)).backward();
    let want = slope(|beta| {
        let (rows, upstream) = (widen(&rows()), widen(&upstream));
        rows.chunks(N)
            .zip(upstream.chunks(N))
            .map(|(row, g)| {
                let p = oracle::softmax(row, beta);
                p.iter().zip(g).map(|(p, g)| p * g).sum::<f64>()
            })
            .sum()
    });
    let beta = module.beta.as_ref().expect("a surrogate with a beta");
    let got = values(log_beta(beta).grad(&gradients).unwrap());
    assert_within(&got, &[want], |_| 2e-5);
    assert!((beta.values()[0] - BETA).abs() < 1e-6);
}

#[test]
fn fixed_modules_are_the_functions() {
    let Some(device) = device() else { return };
    let x = || tensor(&rows(), [3, N], &device);
    let module = SoftArgmaxConfig::new()
        .with_dim(0)
        .with_weighting(Weighting::softmax(2.0))
        .init(&device);
    assert_exact(
        &values(module.forward(x())),
        &values(soft_argmax(x(), 0, 2.0)),
    );
    assert_eq!(module.num_params(), 0);
    assert_eq!(module.beta.as_ref().unwrap().values(), [2.0]);

    let maps = || tensor(&rows(), [1, 3, 3, 3], &device);
    let module = SpatialSoftArgmaxConfig::new(Coordinates::CellCenters).init(&device);
    let want = spatial_soft_argmax(maps(), 1.0, Coordinates::CellCenters);
    assert_exact(&values(module.forward(maps())), &values(want));

    for surrogate in [Surrogate::Identity, Surrogate::Softmax { beta: 3.0 }] {
        let module = StraightThroughOneHotConfig::new(surrogate).init(&device);
        let want = straight_through_one_hot(x(), -1, surrogate);
        assert_exact(&values(module.forward(x())), &values(want));
    }
}

fn refused(call: impl FnOnce() + std::panic::UnwindSafe, part: &str) {
    let payload = std::panic::catch_unwind(call).expect_err("a panic");
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .expect("a message");
    assert!(message.contains(part), "no {part:?} in {message:?}");
}

#[test]
fn bad_configurations_are_refused() {
    let Some(device) = device() else { return };
    let on = |device: &Device| device.clone();
    let [a, b, c, d] = [(); 4].map(|_| on(&device));
    refused(
        move || {
            drop(
                SoftArgmaxConfig::new()
                    .with_weighting(Weighting::softmax(f64::NAN))
                    .init(&a),
            )
        },
        "SoftArgmax: beta must be finite and >= 0, and > 0 to be learnt, got NaN",
    );
    let zero = SpatialSoftArgmaxConfig::new(Coordinates::Index)
        .with_weighting(Weighting::softmax(0.0))
        .with_learnable(true);
    refused(
        move || drop(zero.init(&b)),
        "SpatialSoftArgmax: beta must be finite and >= 0, and > 0 to be learnt, got 0",
    );
    let identity = StraightThroughOneHotConfig::new(Surrogate::Identity).with_learnable(true);
    refused(
        move || drop(identity.init(&c)),
        "StraightThroughOneHot: learnable must be false with Surrogate::Identity",
    );
    let fixed = SoftArgmaxConfig::new().with_channels(Some(2));
    let none = SoftArgmaxConfig::new()
        .with_learnable(true)
        .with_channels(Some(0));
    let low = SoftArgmaxConfig::new()
        .with_learnable(true)
        .with_max_beta(Some(0.5));
    let identity = StraightThroughOneHotConfig::new(Surrogate::Identity).with_max_beta(Some(1.0));
    let init = |config: SoftArgmaxConfig| {
        let device = device.clone();
        move || drop(config.init(&device))
    };
    refused(
        init(fixed),
        "SoftArgmax: channels and max_beta must be None unless learnable (with_learnable(true)), got Some(2) and None",
    );
    refused(init(none), "SoftArgmax: channels must be at least 1, got 0");
    refused(
        init(low),
        "SoftArgmax: max_beta must be finite and at least the beta to start from, 1, got Some(0.5)",
    );
    refused(
        move || drop(identity.init(&d)),
        "StraightThroughOneHot: channels and max_beta must be None unless learnable",
    );
}

/// A level far below or above all scores, in a module that learns beta: the plain softmax, in value and in
/// both gradients.
#[test]
fn a_level_far_from_the_scores() {
    let Some(device) = device() else { return };
    let row = [0.1, 0.9, 2.0, 1.1, f32::NEG_INFINITY, 0.7, 0.2, 1.9];
    let of = |weighting: Weighting| {
        let config = SoftArgmaxConfig::new().with_weighting(weighting);
        let module = config.with_learnable(true).init(&device);
        let x = tensor(&row, [1, 8], &device).require_grad();
        let y = module.forward(x.clone());
        let index = values(y.clone());
        let grads = y.backward();
        let log = log_beta(&module.beta.expect("a softmax has one"));
        let beta = log.val().grad(&grads).expect("a gradient");
        (
            index,
            values(x.grad(&grads).expect("a gradient")),
            values(beta),
        )
    };
    let (index, slopes, beta) = of(Weighting::softmax(1.7));
    for level in [1e3, 1e6, 1e30, -1e3, -1e6, -3e38] {
        let (got, got_slopes, got_beta) = of(Weighting::softmax(1.7).above(level));
        assert_within(&got, &index, |_| 1e-5);
        assert_within(&got_slopes, &slopes, |_| 1e-5);
        assert_within(&got_beta, &beta, |_| 1e-5);
    }
    // Near it, as the function.
    let weighting = Weighting::softmax(1.7).above(0.5);
    let (got, slopes, _) = of(weighting);
    let x = tensor(&row, [1, 8], &device).require_grad();
    let y = soft_argmax(x.clone(), 1, weighting);
    assert_within(&got, &values(y.clone()), |_| 1e-5);
    let want = values(x.grad(&y.backward()).expect("a gradient"));
    assert_within(&slopes, &want, |_| 1e-5);
}

/// A line of 100,000, and many maps: each channel's own beta has the gradient of its rows.
#[test]
fn a_beta_for_each_channel() {
    let Some(device) = device() else { return };
    for (batch, channels, n) in [(1, 1, 100_003), (3, 5, 1_024), (700, 2, 9)] {
        let logits = uniform(33, batch * channels * n);
        let upstream = uniform(34, batch * channels);
        let config = SoftArgmaxConfig::new()
            .with_weighting(Weighting::softmax(BETA))
            .with_learnable(true)
            .with_channels(Some(channels));
        let module = config.init(&device);
        let x = tensor(&logits, [batch, channels, n], &device);
        let y = module.forward(x) * tensor(&upstream, [batch, channels, 1], &device);
        let gradients = y.backward();
        let beta = module.beta.as_ref().unwrap();
        assert_eq!(beta.values().len(), channels);
        let got = values(log_beta(beta).grad(&gradients).unwrap());

        let mut want = vec![0.0; channels];
        let mut sizes = vec![0.0; channels];
        for (row, (scores, &g)) in widen(&logits).chunks(n).zip(&upstream).enumerate() {
            let slope = slope(|beta| oracle::soft_argmax(scores, beta)) * f64::from(g);
            want[row % channels] += slope;
            sizes[row % channels] += slope.abs();
        }
        let share = |of: Vec<f64>| of.iter().zip(&sizes).map(|(x, size)| x / size).collect();
        let (got, want): (Vec<f64>, Vec<f64>) = (share(got), share(want));
        assert_within(&got, &want, |_| 1e-4);
    }

    let config = SpatialSoftArgmaxConfig::new(Coordinates::Index);
    let module = config
        .with_learnable(true)
        .with_channels(Some(2))
        .init(&device);
    let maps = tensor(&uniform(35, 36), [2, 2, 3, 3], &device);
    let beta = log_beta(module.beta.as_ref().unwrap());
    let gradients = module.forward(maps.clone()).backward();
    let both = values(beta.grad(&gradients).unwrap());
    for channel in 0..2 {
        let of_one = module
            .forward(maps.clone())
            .narrow(1, channel, 1)
            .backward();
        let mut want = [0.0; 2];
        want[channel] = both[channel];
        assert_within(&values(beta.grad(&of_one).unwrap()), &want, |_| 1e-6);
    }
}

/// At the largest beta the gradient still passes, so that it can come back.
#[test]
fn a_largest_beta() {
    let Some(device) = device() else { return };
    let config = SoftArgmaxConfig::new()
        .with_learnable(true)
        .with_max_beta(Some(2.0));
    let module = config.init(&device).map(&mut Fill(3.0));
    let beta = module.beta.as_ref().expect("a softmax has one");
    assert_eq!(beta.values(), [2.0]);
    let x = || tensor(&[0.0, 1.0, 0.5], [1, 3], &device);
    let y = module.forward(x());
    assert_within(
        &values(y.clone()),
        &values(soft_argmax(x(), 1, 2.0)),
        |_| 1e-6,
    );
    let got = values(log_beta(beta).grad(&y.backward()).expect("a gradient"));
    let at = |beta: f64| oracle::soft_argmax(&[0.0, 1.0, 0.5], beta);
    let want = (at(2.0 * f64::exp(1e-5)) - at(2.0 * f64::exp(-1e-5))) / 2e-5;
    assert_within(&got, &[want], |_| 1e-5);
}

/// A beta that training has broken is shown as it is.
#[test]
fn a_beta_that_is_nan() {
    let Some(device) = device() else { return };
    let config = SoftArgmaxConfig::new().with_learnable(true);
    let module = config.with_max_beta(Some(5.0)).init(&device);
    let beta = module
        .map(&mut Fill(f64::NAN))
        .beta
        .expect("a softmax has one");
    assert!(beta.values()[0].is_nan());
}

/// It draws in training only: not once the model is frozen, nor where nothing can be learnt.
#[test]
fn draws_in_training() {
    let Some(device) = device() else { return };
    let module = SampledOneHotConfig::new(Estimator::Softmax { beta: 1.0 }).with_dim(1);
    let module = module.init();
    let x = tensor(&[0.0, 0.5, 0.0].repeat(400), [400, 3], &device).require_grad();
    let best = [0.0, 1.0, 0.0].repeat(400);
    let drawn = module.forward(x.clone());
    let got = values(drawn.clone());
    assert!(got.chunks(3).all(|row| row.iter().sum::<f64>() == 1.0));
    let count = got.chunks(3).filter(|row| row[1] == 1.0).count();
    assert!(
        (120..240).contains(&count),
        "{count} of 400, of which 45 % are expected"
    );
    assert_ne!(values(module.forward(x.clone())), got);
    let slopes = x.grad(&(drawn * x.clone().detach()).sum().backward());
    assert!(
        values(slopes.expect("a leaf"))
            .iter()
            .any(|&slope| slope != 0.0)
    );

    assert_exact(&values(module.clone().freeze().forward(x.clone())), &best);
    assert_exact(&values(module.valid().forward(x.inner())), &best);
}
