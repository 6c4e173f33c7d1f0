//! Training and inference, run as a user runs them.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{BEATS, beat, peak_index, stderr, write_record};

/// A network so small that a build without optimisation trains it in seconds.
const CHANNELS: &str = "4";

fn train(record: &Path, out: &Path, arguments: &[&str]) -> Value {
    let output = peak_index()
        .args(["train", "--channels", CHANNELS, "--batch-size", "8"])
        .args(arguments)
        .arg("--record")
        .arg(record)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap()
}

fn error_of(report: &Value, network: usize, when: &str) -> f64 {
    report["networks"][network][when]["mean_absolute"]
        .as_f64()
        .unwrap()
}

#[test]
fn soft_and_straight_through_learn_and_sign_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    let report = train(&record, &out, &["--epochs", "4"]);

    let operators = ["soft", "straight-through", "sign"];
    for (index, operator) in operators.into_iter().enumerate() {
        assert_eq!(report["networks"][index]["op"], operator);
        let [before, after] = ["untrained", "trained"].map(|when| error_of(&report, index, when));
        match operator {
            "sign" => assert_eq!(before, after),
            _ => assert!(after < before, "{operator}: {before} before, {after} after"),
        }
        for file in ["config.json", "model.bpk", "checkpoint/model-4.bpk"] {
            let path = out.join(operator).join(file);
            assert!(path.is_file(), "{} is missing", path.display());
        }
        let plot = std::fs::read_to_string(out.join(operator).join("plot.svg")).unwrap();
        for text in ["<text", "predicted", "epoch", "share of test windows"] {
            assert!(plot.contains(text), "the plot has no {text}");
        }
    }
}

#[test]
fn a_seed_gives_one_result() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let run = |name: &str, seed: &str| {
        let out = directory.path().join(name);
        let arguments = ["--noise-db=-6", "--epochs", "2", "--seed", seed];
        train(&record, &out, &arguments)
    };
    let (first, second, other) = (run("a", "7"), run("b", "7"), run("c", "8"));
    assert_eq!(first, second);
    assert_ne!(first["raw_argmax"], other["raw_argmax"]);
    assert_ne!(first["networks"], other["networks"]);
}

#[test]
fn infer_prints_predicted_against_annotated() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    let report = train(&record, &out, &["--op", "soft", "--epochs", "2"]);

    let csv = directory.path().join("peaks.csv");
    let infer = || {
        let mut command = peak_index();
        command.arg("infer").arg("--record").arg(&record);
        command.arg("--model").arg(out.join("soft"));
        command
    };
    let printed = infer().output().unwrap();
    assert!(printed.status.success(), "{}", stderr(&printed));
    let saved = infer().arg("--csv").arg(&csv).output().unwrap();
    assert!(saved.status.success(), "{}", stderr(&saved));
    let table = std::fs::read_to_string(&csv).unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), table);

    let mut reader = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(
        reader.headers().unwrap(),
        vec!["part", "annotated", "predicted", "error"]
    );
    let rows: Vec<(String, f64, f64, f64)> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), BEATS);
    for (index, (_, annotated, predicted, error)) in rows.iter().enumerate() {
        assert_eq!(*annotated, beat(index) as f64);
        assert!((predicted - annotated - error).abs() < 2e-3);
    }
    // The loaded network is the one that the report is about.
    let test: Vec<f64> = rows
        .iter()
        .filter(|(part, ..)| part == "test")
        .map(|(.., error)| error.abs())
        .collect();
    let mean = test.iter().sum::<f64>() / test.len() as f64;
    let reported = error_of(&report, 0, "trained");
    assert!((mean - reported).abs() < 2e-3, "{mean} {reported}");

    std::fs::write(&csv, "kept").unwrap();
    let refused = infer().arg("--csv").arg(&csv).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&csv).unwrap(), "kept");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    // Millivolts so large that their sum is not finite.
    let header = record.with_extension("hea");
    let text = std::fs::read_to_string(&header).unwrap();
    let gain = format!("0.{}1", "0".repeat(35));
    std::fs::write(&header, text.replace(" 200 ", &format!(" {gain} "))).unwrap();

    let out = directory.path().join("run");
    let output = peak_index()
        .arg("--record")
        .arg(&record)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert_eq!(
        message,
        "error: training stopped: the loss is not a finite number; no model was saved\n"
    );
    assert!(!out.join("soft/model.bpk").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_last_checkpoint() {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    let child = peak_index()
        .args(["--op", "soft", "--epochs", "100000", "--channels", CHANNELS])
        .arg("--record")
        .arg(&record)
        .arg("--out")
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();

    let checkpoints = out.join("soft/checkpoint");
    let saved = || {
        std::fs::read_dir(&checkpoints).is_ok_and(|files| {
            files.flatten().any(|file| {
                file.file_name()
                    .to_string_lossy()
                    .starts_with("scheduler-2")
            })
        })
    };
    let started = Instant::now();
    while !saved() {
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "no checkpoint"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();

    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.contains("error: interrupted by ctrl-C"),
        "{message}"
    );
    let kept = std::fs::read_dir(&checkpoints).unwrap().flatten();
    let models = kept.filter(|file| file.file_name().to_string_lossy().starts_with("model-"));
    assert!(models.count() >= 2);
    assert!(!out.join("soft/model.bpk").exists());
}
