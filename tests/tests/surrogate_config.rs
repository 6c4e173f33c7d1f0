//! `Surrogate` is saved and loaded as Burn's configurations are.

use burn::config::Config;
use burn_argmax::Surrogate;

const SURROGATES: [Surrogate; 4] = [
    Surrogate::Identity,
    Surrogate::Softmax { beta: 2.5 },
    Surrogate::Softmax { beta: 0.1 },
    Surrogate::Softmax { beta: f64::MAX },
];

#[test]
fn saved_and_loaded_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    for (i, surrogate) in SURROGATES.into_iter().enumerate() {
        let path = folder.path().join(format!("{i}.json"));
        surrogate.save(&path).unwrap();
        assert_eq!(Surrogate::load(&path).unwrap(), surrogate);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(Surrogate::load_binary(&bytes).unwrap(), surrogate);
    }
}

#[test]
fn through_serde() {
    for surrogate in SURROGATES {
        let json = serde_json::to_string(&surrogate).unwrap();
        assert_eq!(
            serde_json::from_str::<Surrogate>(&json).unwrap(),
            surrogate,
            "{json}"
        );
    }
}

#[test]
fn an_unknown_surrogate_is_an_error() {
    assert!(serde_json::from_str::<Surrogate>(r#"{"Hardmax":{"beta":1.0}}"#).is_err());
    assert!(serde_json::from_str::<Surrogate>(r#"{"Softmax":{}}"#).is_err());
    assert!(Surrogate::load("no/such/file.json").is_err());
}

#[test]
fn different_betas_differ() {
    assert_ne!(
        Surrogate::Softmax { beta: 1.0 },
        Surrogate::Softmax { beta: 2.0 }
    );
}
