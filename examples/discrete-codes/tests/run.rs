//! The program as a user runs it.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn discrete_codes(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_discrete-codes"))
        .args(arguments)
        .env_remove("BURN_DEVICE")
        .output()
        .expect("the program starts")
}

fn train(out: &Path, arguments: &[&str]) -> Value {
    let mut all = vec!["--out", out.to_str().expect("a plain path")];
    all.extend(arguments);
    let output = discrete_codes(&all);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&std::fs::read(out.join("report.json")).expect("a report")).unwrap()
}

#[test]
fn every_estimator_learns_and_is_loaded_again() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let report = train(&out, &["--epochs", "2"]);
    let networks = report["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 6);
    for network in networks {
        let bound = |name: &str| network[name].as_f64().unwrap();
        assert!(bound("test") < 0.8 * bound("untrained"), "{network}");
    }

    let folder = out.join("seed-0/reinmax");
    let plot = std::fs::read_to_string(folder.join("plot.svg")).unwrap();
    assert!(plot.contains("negative bound") && plot.contains("reinmax"));
    let table = directory.path().join("codes.csv");
    let arguments = [
        "infer",
        "--model",
        folder.to_str().unwrap(),
        "--csv",
        table.to_str().unwrap(),
    ];
    let output = discrete_codes(&arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    let bound = networks
        .iter()
        .find(|network| network["estimator"] == "reinmax")
        .unwrap();
    let bound = format!("mean bound {:.2} nats", bound["test"].as_f64().unwrap());
    assert!(message.contains(&bound), "no {bound:?} in {message}");
    let table = std::fs::read_to_string(table).unwrap();
    assert_eq!(table.lines().count(), 398);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split(',').collect();
    assert_eq!(row.len(), 4);
    assert!(
        row[1].len() == 8 && u32::from_str_radix(row[1], 16).is_ok(),
        "{row:?}"
    );
}

#[test]
fn a_seed_gives_one_result() {
    let directory = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let arguments = ["--epochs", "1", "--seed", seed, "--estimator", "gumbel-rao"];
        train(&directory.path().join(name), &arguments)["networks"][0]["test"].clone()
    };
    let (first, again, other) = (run("a", "7"), run("b", "7"), run("c", "8"));
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[test]
fn bad_arguments_end_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().to_str().unwrap();
    std::fs::write(directory.path().join("file"), "kept").unwrap();
    for (arguments, words) in [
        (
            vec!["--device", "toaster"],
            "device 'toaster' is not compiled in",
        ),
        (vec!["--out", taken], "nothing was overwritten"),
        (
            vec!["infer", "--model", "/no/such"],
            "cannot load the configuration",
        ),
    ] {
        let output = discrete_codes(&arguments);
        assert!(!output.status.success());
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(words), "{message}");
        assert_eq!(message.trim().lines().count(), 1, "{message}");
    }
}
