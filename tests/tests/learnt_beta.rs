//! A beta that is learnt: what a record holds of it, which module that loads into, and what an optimizer does to
//! it.
#![cfg(feature = "flex")]

use burn::{
    module::{Module, ModuleMapper, Param, ParamGroup},
    optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig},
    store::ModuleRecord,
    tensor::{DType, Device, Tensor},
};
use burn_argmax::{
    Coordinates, Surrogate, Weighting,
    nn::{
        Beta, SoftArgmax, SoftArgmaxConfig, SpatialSoftArgmax, SpatialSoftArgmaxConfig,
        StraightThroughOneHot, StraightThroughOneHotConfig,
    },
};

/// What every beta starts from here.
const BETA: f64 = 2.5;

/// Logarithms as training might leave them.
const LEARNT: [f32; 3] = [0.1, -1.7, 3.3];

/// A module of a user.
#[derive(Module, Debug)]
struct Net {
    position: SpatialSoftArgmax,
    code: StraightThroughOneHot,
}

fn config(learnable: bool, channels: Option<usize>) -> SoftArgmaxConfig {
    SoftArgmaxConfig::new()
        .with_weighting(Weighting::softmax(BETA))
        .with_learnable(learnable)
        .with_channels(channels)
}

fn soft(learnable: bool, channels: Option<usize>) -> SoftArgmax {
    config(learnable, channels).init(&Device::flex())
}

fn net(learnable: bool) -> Net {
    let device = Device::flex();
    Net {
        position: SpatialSoftArgmaxConfig::new(Coordinates::Index)
            .with_weighting(Weighting::softmax(BETA))
            .with_learnable(learnable)
            .init(&device),
        code: StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: BETA })
            .with_learnable(learnable)
            .init(&device),
    }
}

/// Every parameter is the first of these.
struct Learn;

impl ModuleMapper for Learn {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.dims();
        let learnt = &LEARNT[..shape.iter().product()];
        param.map(|log| Tensor::<1>::from_floats(learnt, &log.device()).reshape(shape))
    }
}

/// As a file holds it.
fn saved(module: impl Module) -> ModuleRecord {
    ModuleRecord::from_bytes(module.into_record().into_bytes().unwrap()).unwrap()
}

fn logs(beta: &Option<Beta>) -> Vec<f32> {
    let log = beta.as_ref().unwrap().log().expect("a learnt beta").val();
    log.into_data().try_to_vec().unwrap()
}

fn beta(beta: &Option<Beta>) -> f64 {
    beta.as_ref().unwrap().values()[0]
}

#[track_caller]
fn refused<M: Module>(module: M, record: ModuleRecord, want: &str) {
    let error = module.try_load_record(record).expect_err(want);
    assert_eq!(
        error.to_string(),
        format!("Record validation error: {want}")
    );
}

#[test]
fn what_is_stored() {
    for (channels, count) in [(None, 1), (Some(3), 3)] {
        let module = soft(true, channels);
        let log = module.beta.as_ref().unwrap().log().unwrap();
        assert_eq!(log.val().dtype(), DType::F32);
        assert_eq!(logs(&module.beta), vec![BETA.ln() as f32; count]);
        assert_eq!(saved(module.clone()).len(), 1);
        let of_path = |path: &str| {
            module
                .clone()
                .into_record_group(ParamGroup::from_path(path))
        };
        assert_eq!(of_path("beta.log").len(), 1);
    }
    let of_path = |path: &str| {
        net(true)
            .into_record_group(ParamGroup::from_path(path))
            .len()
    };
    assert_eq!(saved(net(true)).len(), 2);
    assert_eq!(of_path("position.beta.log"), 1);
    assert_eq!(of_path("code.beta.log"), 1);
    assert!(saved(net(false)).is_empty());
}

#[test]
fn into_a_module_that_learns() {
    for channels in [None, Some(1), Some(3)] {
        let learnt = soft(true, channels).map(&mut Learn);
        let loaded = soft(true, channels).load_record(saved(learnt));
        assert_eq!(logs(&loaded.beta), LEARNT[..channels.unwrap_or(1)]);
    }
    let loaded = net(true).load_record(saved(net(true).map(&mut Learn)));
    assert_eq!(logs(&loaded.position.beta), LEARNT[..1]);
    assert_eq!(logs(&loaded.code.beta), LEARNT[..1]);
}

#[test]
fn into_a_module_that_does_not_learn() {
    let record = saved(soft(true, None).map(&mut Learn));
    refused(
        soft(false, None),
        record.clone(),
        r#"Unused tensors: ["beta.log"]"#,
    );
    let loaded = soft(false, None).load_record(record.allow_unused(true));
    assert_eq!(beta(&loaded.beta), BETA);

    let record = saved(net(true).map(&mut Learn));
    refused(
        net(false),
        record.clone(),
        r#"Unused tensors: ["code.beta.log", "position.beta.log"]"#,
    );
    let loaded = net(false).load_record(record.allow_unused(true));
    assert_eq!(
        [&loaded.position.beta, &loaded.code.beta].map(beta),
        [BETA; 2]
    );
}

#[test]
fn of_a_module_that_does_not_learn() {
    let record = saved(soft(false, None));
    refused(
        soft(true, None),
        record.clone(),
        r#"Missing tensors: ["beta.log"]"#,
    );
    let loaded = soft(true, None).load_record(record.allow_partial(true));
    assert_eq!(logs(&loaded.beta), [BETA.ln() as f32]);

    let record = saved(net(false));
    refused(
        net(true),
        record.clone(),
        r#"Missing tensors: ["position.beta.log", "code.beta.log"]"#,
    );
    let loaded = net(true).load_record(record.allow_partial(true));
    assert_eq!(logs(&loaded.position.beta), [BETA.ln() as f32]);
    assert_eq!(logs(&loaded.code.beta), [BETA.ln() as f32]);
}

#[test]
fn of_other_channels() {
    let shapes = |module: &str, record: &str| {
        format!(
            "Apply errors: [\"beta.log: shape mismatch, expected Shape {{ dims: [{module}] }} but record has Shape {{ dims: [{record}] }}\"]"
        )
    };
    let record = |channels| {
        saved(soft(true, channels))
            .allow_partial(true)
            .allow_unused(true)
    };
    refused(soft(true, Some(3)), record(None), &shapes("3", "1"));
    refused(soft(true, None), record(Some(3)), &shapes("1", "3"));
    refused(soft(true, Some(2)), record(Some(3)), &shapes("2", "3"));
    // Which are the same.
    soft(true, Some(1)).load_record(record(None));
}

/// As the documentation of `Beta` has it.
#[test]
fn what_was_learnt_and_is_kept() {
    let record = saved(soft(true, None).map(&mut Learn));
    let learnt = soft(true, None).load_record(record);
    let weighting = Weighting::softmax(beta(&learnt.beta));
    let fixed = config(false, None)
        .with_weighting(weighting)
        .init(&Device::flex());
    assert!(saved(fixed.clone()).is_empty());
    let scores = Tensor::<2>::from_floats([[0.1, 0.7, -0.3], [2.0, 1.5, 1.0]], &Device::flex());
    let [got, want] = [&fixed, &learnt].map(|module| module.forward(scores.clone()).into_data());
    got.assert_approx_eq::<f32>(&want, burn::tensor::Tolerance::relative(1e-6));
}

/// Scores whose expected index depends on beta, and how it does.
const SCORES: [[f64; 3]; 1] = [[0.3, 0.1, 0.9]];

/// One step that lowers the expected index of scores.
fn step(module: SoftArgmax, optimizer: ModuleOptimizer, rate: f64, scores: [[f64; 3]; 1]) -> f64 {
    let mut optimizer = optimizer;
    let scores = Tensor::<2>::from_floats(scores, &Device::flex().autodiff());
    let gradients = module.forward(scores).backward();
    let gradients = GradientsParams::from_grads(gradients, &module);
    beta(&optimizer.step(rate, module, gradients).beta)
}

fn trained() -> SoftArgmax {
    config(true, None).init(&Device::flex().autodiff())
}

#[track_caller]
fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-4 * want, "{got}, not {want}");
}

/// A step of the optimizer is one of the logarithm.
#[test]
fn a_learning_rate() {
    // The peak is last: a smaller beta lowers the index.
    for rate in [0.01, 0.1] {
        let got = step(trained(), AdamConfig::new().init(), rate, SCORES);
        close(got, BETA * f64::exp(-rate));
    }
    // Without a scale of its own, by the gradient of the logarithm: beta times that of beta.
    let index = |beta: f64| {
        let weights = SCORES[0].map(|score| f64::exp(beta * score));
        (weights[1] + 2.0 * weights[2]) / weights.iter().sum::<f64>()
    };
    let slope = BETA * (index(BETA + 1e-5) - index(BETA - 1e-5)) / 2e-5;
    let got = step(trained(), SgdConfig::new().init(), 0.1, SCORES);
    close(got, BETA * f64::exp(-0.1 * slope));
}

/// It pulls the logarithm to 0, but where the group of the parameter has none.
#[test]
fn weight_decay() {
    let decayed = || AdamWConfig::new().with_weight_decay(0.5);
    // Where beta has no gradient.
    let flat = [[0.0; 3]];
    let got = step(trained(), decayed().init(), 0.1, flat);
    close(got, BETA.powf(1.0 - 0.1 * 0.5));

    let group = ParamGroup::from_predicate("beta.log");
    let optimizer =
        decayed()
            .init()
            .with_group(group, decayed().with_weight_decay(0.0).build(), None);
    close(step(trained(), optimizer, 0.1, flat), BETA);
}

/// With what it has learnt, one or one a channel.
#[test]
fn frozen() {
    for freeze in [SoftArgmax::freeze, SoftArgmax::no_grad] {
        let module = freeze(trained());
        let scores = Tensor::<2>::from_floats(SCORES, &Device::flex().autodiff());
        let index = module.forward(scores.require_grad());
        let gradients = GradientsParams::from_grads(index.backward(), &module);
        assert!(gradients.is_empty());
    }
}
