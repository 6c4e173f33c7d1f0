//! Configurations are saved and loaded as those of Burn are, but what has a default may be left out, and what
//! `init` would refuse is refused.

use std::fmt::Display;

use burn::config::Config;
use burn_argmax::{
    Coordinates, Estimator, Surrogate, Weighting,
    nn::{
        SampledOneHotConfig, SoftArgmaxConfig, SpatialSoftArgmaxConfig, StraightThroughOneHotConfig,
    },
};
use burn_argmax_tests::data::ESTIMATORS;
use serde::{Serialize, de::DeserializeOwned};

const SURROGATES: [Surrogate; 4] = [
    Surrogate::Identity,
    Surrogate::Softmax { beta: 2.5 },
    Surrogate::Softmax { beta: 0.1 },
    Surrogate::Softmax { beta: f64::MAX },
];

const WEIGHTINGS: [Weighting; 6] = [
    Weighting::softmax(0.0),
    Weighting::softmax(1.5).within(3),
    Weighting::softmax(1.5).above(-0.5).within(1),
    Weighting::entmax(1.5, 2.0).within(2),
    Weighting::given(),
    Weighting::given().within(4),
];

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + std::fmt::Debug>(json: &str, want: T) {
    assert_eq!(read::<T>(json), Ok(want), "{json}");
}

#[track_caller]
fn refuses<T: DeserializeOwned + std::fmt::Debug>(json: &str, want: &str) {
    let message = read::<T>(json).expect_err(json);
    assert!(message.starts_with(want), "no {want:?} in {message:?}");
}

#[track_caller]
fn returns<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T) {
    reads(&serde_json::to_string(&value).unwrap(), value);
}

/// By Burn's methods, and as it is shown.
#[track_caller]
fn loads_back<C: Config + Display + PartialEq>(config: C) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    config.save(&path).unwrap();
    assert_eq!(C::load(&path).unwrap(), config);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(C::load_binary(&bytes).unwrap(), config);
    assert_eq!(bytes, config.to_string().as_bytes());
}

#[test]
fn what_is_valid_comes_back() {
    for surrogate in SURROGATES {
        returns(surrogate);
        loads_back(surrogate);
        loads_back(StraightThroughOneHotConfig::new(surrogate).with_dim(1));
    }
    for estimator in ESTIMATORS {
        returns(estimator);
        loads_back(SampledOneHotConfig::new(estimator).with_dim(-2));
    }
    for weighting in WEIGHTINGS {
        returns(weighting);
        loads_back(SoftArgmaxConfig::new().with_weighting(weighting));
        loads_back(SpatialSoftArgmaxConfig::new(Coordinates::Index).with_weighting(weighting));
    }
    loads_back(
        SoftArgmaxConfig::new()
            .with_learnable(true)
            .with_channels(Some(3))
            .with_max_beta(Some(50.0)),
    );
}

/// As in the files of those who have saved one.
#[test]
fn the_format() {
    let config = SpatialSoftArgmaxConfig::new(Coordinates::CellCenters)
        .with_weighting(Weighting::softmax(1.0).above(0.5).within(2))
        .with_learnable(true)
        .with_max_beta(Some(9.0));
    let json = r#"{"coordinates":"CellCenters","weighting":{"weights":{"Above":{"beta":1.0,"level":0.5}},"radius":2,"alpha":null},"learnable":true,"channels":null,"max_beta":9.0}"#;
    assert_eq!(serde_json::to_string(&config).unwrap(), json);
    reads(json, config);

    let config = StraightThroughOneHotConfig::new(Surrogate::Softmax { beta: 2.0 });
    let json = r#"{"surrogate":{"Softmax":{"beta":2.0}},"dim":-1,"learnable":false,"channels":null,"max_beta":null}"#;
    assert_eq!(serde_json::to_string(&config).unwrap(), json);
    reads(json, config);
}

#[test]
fn what_has_a_default_may_be_left_out() {
    reads("{}", SoftArgmaxConfig::new());
    reads(
        r#"{"learnable": true, "weighting": {"weights": {"Softmax": {"beta": 3.0}}}}"#,
        SoftArgmaxConfig::new()
            .with_weighting(Weighting::softmax(3.0))
            .with_learnable(true),
    );
    reads(
        r#"{"coordinates": "Index"}"#,
        SpatialSoftArgmaxConfig::new(Coordinates::Index),
    );
    reads(
        r#"{"surrogate": "Identity"}"#,
        StraightThroughOneHotConfig::new(Surrogate::Identity),
    );
    reads(
        r#"{"estimator": {"ReinMax": {"beta": 1.0}}}"#,
        SampledOneHotConfig::new(Estimator::ReinMax { beta: 1.0 }),
    );
    refuses::<SpatialSoftArgmaxConfig>("{}", "missing field `coordinates`");
    refuses::<StraightThroughOneHotConfig>("{}", "missing field `surrogate`");
    refuses::<SampledOneHotConfig>("{}", "missing field `estimator`");
    refuses::<Surrogate>(r#"{"Softmax": {}}"#, "missing field `beta`");
}

#[test]
fn what_is_misspelt_is_no_default() {
    refuses::<SoftArgmaxConfig>(
        r#"{"learnt": true}"#,
        "unknown field `learnt`, expected one of `dim`",
    );
    refuses::<SpatialSoftArgmaxConfig>(
        r#"{"coordinates": "Index", "betas": 2.0}"#,
        "unknown field `betas`",
    );
    refuses::<StraightThroughOneHotConfig>(
        r#"{"surrogate": "Identity", "axis": 1}"#,
        "unknown field `axis`",
    );
    refuses::<SampledOneHotConfig>(
        r#"{"estimator": "Identity", "axis": 1}"#,
        "unknown field `axis`",
    );
    refuses::<Weighting>(
        r#"{"weights": "Given", "window": 3}"#,
        "unknown field `window`",
    );
    refuses::<Weighting>(
        r#"{"weights": {"Softmax": {"beta": 1.0, "radius": 3}}}"#,
        "unknown field `radius`",
    );
    refuses::<Surrogate>(r#"{"Hardmax": {"beta": 1.0}}"#, "unknown variant `Hardmax`");
    refuses::<Surrogate>(r#"{"Softmax": {"beta": 1.0, "k": 2}}"#, "unknown field `k`");
    refuses::<Estimator>(
        r#"{"GumbelSoftmax": {"beta": 1.0, "samples": 10}}"#,
        "unknown field `samples`",
    );
}

/// What the operators and `init` refuse, in their words.
#[test]
fn what_is_not_valid_is_refused() {
    let surrogate = Surrogate::Softmax { beta: -1.0 };
    let message = "Surrogate: beta must be finite and >= 0, got -1";
    refuses::<Surrogate>(&surrogate.to_string(), message);
    let config = StraightThroughOneHotConfig::new(surrogate);
    refuses::<StraightThroughOneHotConfig>(&config.to_string(), message);
    for (estimator, message) in [
        (
            Estimator::Softmax { beta: -1.0 },
            "beta must be finite and >= 0, got -1",
        ),
        (
            Estimator::GumbelSoftmax { beta: -1.0 },
            "beta must be finite and >= 0, got -1",
        ),
        (
            Estimator::ReinMax { beta: -1.0 },
            "beta must be finite and >= 0, got -1",
        ),
        (
            Estimator::GumbelRao {
                beta: 1.0,
                samples: 0,
            },
            "samples must be at least 1, got 0",
        ),
        (
            Estimator::GumbelRao {
                beta: -1.0,
                samples: 1,
            },
            "beta must be finite and >= 0, got -1",
        ),
        (
            Estimator::Gapped {
                beta: 1.0,
                gap: 0.0,
            },
            "gap must be finite and > 0, got 0",
        ),
        (
            Estimator::Gapped {
                beta: -1.0,
                gap: 1.0,
            },
            "beta must be finite and >= 0, got -1",
        ),
    ] {
        let message = format!("Estimator: {message}");
        refuses::<Estimator>(&serde_json::to_string(&estimator).unwrap(), &message);
        let config = SampledOneHotConfig::new(estimator);
        refuses::<SampledOneHotConfig>(&config.to_string(), &message);
    }
    let softmax = Weighting::softmax;
    for (weighting, message) in [
        (softmax(-1.0), "beta must be finite and >= 0, got -1"),
        (
            softmax(0.0).above(1.0),
            "beta must be finite and > 0 for weights above a level, got 0",
        ),
        (softmax(1.0).within(0), "radius must be at least 1, got 0"),
        (
            Weighting::given().within(0),
            "radius must be at least 1, got 0",
        ),
        (
            Weighting::entmax(0.5, 1.0),
            "alpha must be from 1 to 2, got 0.5",
        ),
        (
            Weighting::entmax(2.5, 1.0),
            "alpha must be from 1 to 2, got 2.5",
        ),
        (
            Weighting::entmax(1.5, -1.0),
            "beta must be finite and >= 0, got -1",
        ),
    ] {
        let message = format!("Weighting: {message}");
        refuses::<Weighting>(&serde_json::to_string(&weighting).unwrap(), &message);
        let config = SoftArgmaxConfig::new().with_weighting(weighting);
        refuses::<SoftArgmaxConfig>(&config.to_string(), &message);
        let config = SpatialSoftArgmaxConfig::new(Coordinates::Index).with_weighting(weighting);
        refuses::<SpatialSoftArgmaxConfig>(&config.to_string(), &message);
    }
    for weights in [r#""Given""#, r#"{"Above": {"beta": 1.0, "level": 0.0}}"#] {
        refuses::<Weighting>(
            &format!(r#"{{"weights": {weights}, "alpha": 1.5}}"#),
            "Weighting: alpha must be null but for weights of a softmax, got 1.5",
        );
    }
    // JSON has neither; Burn writes both as null.
    for beta in [f64::NAN, f64::INFINITY] {
        let config = SoftArgmaxConfig::new().with_weighting(softmax(beta));
        refuses::<SoftArgmaxConfig>(&config.to_string(), "invalid type: null, expected f64");
    }
    refuses::<Surrogate>(r#"{"Softmax": {"beta": 1e999}}"#, "number out of range");
}

/// What a beta that is learnt has to be.
#[test]
fn what_cannot_be_learnt_is_refused() {
    let soft = SoftArgmaxConfig::new;
    for (config, message) in [
        (
            soft()
                .with_weighting(Weighting::softmax(0.0))
                .with_learnable(true),
            "beta must be finite and >= 0, and > 0 to be learnt, got 0",
        ),
        (
            soft()
                .with_weighting(Weighting::given())
                .with_learnable(true),
            "learnable must be false with weights that are given, which have no beta, got true",
        ),
        (
            soft().with_channels(Some(2)),
            "channels and max_beta must be None unless learnable (with_learnable(true)), got Some(2) and None",
        ),
        (
            soft().with_learnable(true).with_channels(Some(0)),
            "channels must be at least 1, got 0",
        ),
        (
            soft().with_learnable(true).with_max_beta(Some(0.5)),
            "max_beta must be finite and at least the beta to start from, 1, got Some(0.5)",
        ),
    ] {
        refuses::<SoftArgmaxConfig>(&config.to_string(), &format!("SoftArgmax: {message}"));
        let mut spatial = SpatialSoftArgmaxConfig::new(Coordinates::Index);
        spatial.weighting = config.weighting;
        spatial.learnable = config.learnable;
        spatial.channels = config.channels;
        spatial.max_beta = config.max_beta;
        refuses::<SpatialSoftArgmaxConfig>(
            &spatial.to_string(),
            &format!("SpatialSoftArgmax: {message}"),
        );
    }
    let hard = StraightThroughOneHotConfig::new;
    for (config, message) in [
        (
            hard(Surrogate::Softmax { beta: 0.0 }).with_learnable(true),
            "beta must be finite and >= 0, and > 0 to be learnt, got 0",
        ),
        (
            hard(Surrogate::Identity).with_learnable(true),
            "learnable must be false with Surrogate::Identity, which has no beta, got true",
        ),
        (
            hard(Surrogate::Identity).with_max_beta(Some(1.0)),
            "channels and max_beta must be None unless learnable",
        ),
    ] {
        refuses::<StraightThroughOneHotConfig>(
            &config.to_string(),
            &format!("StraightThroughOneHot: {message}"),
        );
    }
}

/// A file that is not there, and Burn's own error for what is refused.
#[test]
fn errors_of_burn() {
    assert!(Surrogate::load("no/such/file.json").is_err());
    let error = SoftArgmaxConfig::load_binary(br#"{"learnable": true, "max_beta": 0.5}"#);
    assert_eq!(
        error.unwrap_err().to_string(),
        "Config error => Invalid format: SoftArgmax: max_beta must be finite and at least the beta to start \
         from, 1, got Some(0.5)"
    );
}

/// In a configuration of the user's own.
#[test]
fn within_another() {
    #[derive(Config, Debug, PartialEq)]
    struct NetConfig {
        width: usize,
        index: SoftArgmaxConfig,
    }
    let want = NetConfig::new(8, SoftArgmaxConfig::new().with_dim(1));
    reads(r#"{"width": 8, "index": {"dim": 1}}"#, want);
    refuses::<NetConfig>(
        r#"{"width": 8, "index": {"channels": 2}}"#,
        "SoftArgmax: channels and max_beta must be None unless learnable",
    );
}

#[test]
fn different_betas_differ() {
    assert_ne!(
        Surrogate::Softmax { beta: 1.0 },
        Surrogate::Softmax { beta: 2.0 }
    );
}
