//! Training and inference, run as a user runs them.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{BEATS, beat, peak_index, stderr, write_record};

/// A network so small that a build without optimisation trains it in seconds.
const SMALL: [&str; 5] = ["train", "--channels", "4", "--batch-size", "8"];

fn train(record: &Path, out: &Path, arguments: &[&str]) -> Value {
    let output = peak_index()
        .args(SMALL)
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

/// The bytes of every tensor of a saved model.
fn weights(path: &Path) -> Vec<(String, Vec<u8>)> {
    let file = burn_pack::Reader::from_file(path).unwrap();
    let tensors = file.tensor_names().into_iter().map(|name| {
        let data = file.tensor_data(name).unwrap();
        (name.to_owned(), data)
    });
    tensors.collect()
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

/// Starts a run and interrupts it by ctrl-C as soon as the epoch has its checkpoint; gives what it printed.
#[cfg(unix)]
fn interrupted(record: &Path, out: &Path, arguments: &[&str], epoch: usize) -> String {
    use std::{
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    let child = peak_index()
        .args(SMALL)
        .args(arguments)
        .arg("--record")
        .arg(record)
        .arg("--out")
        .arg(out)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let op = arguments[1];
    let saved = out
        .join(op)
        .join(format!("checkpoint/scheduler-{epoch}.bpk"));
    let started = Instant::now();
    while !saved.exists() {
        assert!(
            started.elapsed() < Duration::from_secs(300),
            "no checkpoint"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(!out.join(op).join("model.bpk").exists());
    message
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_weights() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    // It draws while training, too.
    let op = "gumbel-softmax";
    let arguments = ["--op", op, "--epochs", "6"];
    let whole = directory.path().join("whole");
    let report = train(&record, &whole, &arguments);
    let parts = directory.path().join("parts");
    let message = interrupted(&record, &parts, &arguments, 2);
    assert!(
        message.contains("error: interrupted by ctrl-C"),
        "{message}"
    );

    let resume = || peak_index().arg("--resume").arg(&parts).output().unwrap();
    let resumed = resume();
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    let [want, got] = [&whole, &parts].map(|run| weights(&run.join(op).join("model.bpk")));
    assert!(want == got, "other weights");
    let again = std::fs::read(parts.join("report.json")).unwrap();
    assert_eq!(report, serde_json::from_slice::<Value>(&again).unwrap());

    let complete = resume();
    assert_eq!(complete.status.code(), Some(1));
    let message = stderr(&complete);
    assert!(message.contains("nothing is left to train"), "{message}");
}

/// Cut off between the last epoch and the report.
#[test]
fn patience_that_was_used_up_stays_used_up() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    // It does not learn.
    let arguments = ["--op", "sign", "--epochs", "9", "--patience", "2"];
    let report = train(&record, &out, &arguments);
    let model = out.join("sign/model.bpk");
    let learnt = weights(&model);
    for file in [&model, &out.join("report.json")] {
        std::fs::remove_file(file).unwrap();
    }
    let resumed = peak_index().arg("--resume").arg(&out).output().unwrap();
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(!out.join("sign/checkpoint/model-4.bpk").exists());
    assert!(weights(&model) == learnt, "other weights");
    let again = std::fs::read(out.join("report.json")).unwrap();
    assert_eq!(report, serde_json::from_slice::<Value>(&again).unwrap());
}

#[cfg(unix)]
#[test]
fn an_earlier_checkpoint_is_taken_on_request() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    interrupted(&record, &out, &["--op", "soft", "--epochs", "6"], 3);
    let resume = |epoch: &str| {
        let mut command = peak_index();
        command.arg("--resume").arg(&out).args(["--epoch", epoch]);
        command.output().unwrap()
    };
    let refused = resume("100");
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    assert!(
        message.contains("there is no checkpoint of epoch 100"),
        "{message}"
    );

    let checkpoint = out.join("soft/checkpoint/model-3.bpk");
    let kept = std::fs::read(&checkpoint).unwrap();
    std::fs::write(&checkpoint, &kept[..kept.len() / 2]).unwrap();
    let refused = resume("3");
    assert_eq!(refused.status.code(), Some(1));
    let message = stderr(&refused);
    assert!(message.contains("cannot load the checkpoint"), "{message}");

    std::fs::write(&checkpoint, kept).unwrap();
    let resumed = resume("3");
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(out.join("soft/model.bpk").is_file());
}

#[test]
fn patience_ends_a_run_and_keeps_its_best_network() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    // The sign trick learns nothing, so that the first epoch stays the best.
    train(
        &record,
        &out,
        &["--op", "sign", "--epochs", "9", "--patience", "2"],
    );
    let checkpoints = out.join("sign/checkpoint");
    assert!(checkpoints.join("model-3.bpk").is_file());
    assert!(!checkpoints.join("model-4.bpk").exists());
    let best = weights(&checkpoints.join("model-1.bpk"));
    assert!(best == weights(&out.join("sign/model.bpk")));
}

#[test]
fn two_devices_learn_too() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let out = directory.path().join("run");
    let report = train(
        &record,
        &out,
        &["--op", "soft", "--epochs", "4", "--devices", "2"],
    );
    let [before, after] = ["untrained", "trained"].map(|when| error_of(&report, 0, when));
    assert!(after < before, "{before} before, {after} after");
}
