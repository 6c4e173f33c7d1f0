//! What goes wrong is told in one line, and the exit code says that it did.

mod support;

use std::{ffi::OsStr, fs, path::Path};

use support::{SAMPLES, annotation, peak_index, stderr, write_record};

/// Runs the program and checks that it fails with one line that has `expected` in it.
#[track_caller]
fn fails(arguments: &[&dyn AsRef<OsStr>], expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = peak_index()
        .current_dir(directory.path())
        .args(arguments.iter().map(AsRef::as_ref))
        .output()
        .unwrap();
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: "), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(expected), "{message}");
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "a run that cannot start makes no directory");
}

#[test]
fn a_wrong_path() {
    fails(
        &[&"--record", &"nowhere/100"],
        "cannot open the record nowhere/100.hea",
    );
    fails(
        &[
            &"infer",
            &"--model",
            &"nowhere",
            &"--record",
            &"nowhere/100",
        ],
        "cannot open the record nowhere/100.hea",
    );
}

#[test]
fn a_truncated_signal() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let signal = record.with_extension("dat");
    let bytes = fs::read(&signal).unwrap();
    for (length, samples) in [(3 * 600, 600), (0, 0)] {
        fs::write(&signal, &bytes[..length]).unwrap();
        let expected = format!("is truncated: {samples} samples of {SAMPLES}");
        fails(&[&"--record", &record], &expected);
    }
    // Within a frame.
    fs::write(&signal, &bytes[..3 * 600 + 2]).unwrap();
    fails(&[&"--record", &record], "cannot read the signals");
    fs::remove_file(&signal).unwrap();
    fails(&[&"--record", &record], "cannot read the signals");
}

#[test]
fn an_unknown_annotation_file() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let annotations = record.with_extension("atr");
    let refuses = |bytes: &[u8], expected: &str| {
        fs::write(&annotations, bytes).unwrap();
        fails(&[&"--record", &record], expected);
    };
    refuses(b"time,beat\n0.5,N\n", "is not an MIT annotation file");
    refuses(&annotation(1, 9), "it ends before its end mark");
    refuses(&annotation(0, 0), "no beat can be cut out");
    let late: Vec<u8> = (0..20).flat_map(|_| annotation(1, 1000)).collect();
    refuses(&[late, vec![0, 0]].concat(), "past the end of the signal");
    fs::remove_file(&annotations).unwrap();
    fails(&[&"--record", &record], "cannot read the annotations");
}

#[test]
fn a_lead_that_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    fails(
        &[&"--record", &record, &"--lead", &"2"],
        "there is no lead 2",
    );
}

#[test]
fn a_device_that_is_not_compiled_in() {
    fails(&[&"--device", &"abacus"], "'abacus' is not compiled in");
    // The learner brings this backend along, whatever this program was compiled with.
    #[cfg(not(feature = "flex"))]
    fails(&[&"--device", &"flex"], "'flex' is not compiled in");

    let output = peak_index().env("BURN_DEVICE", "abacus").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("'abacus' is not compiled in"));
}

#[test]
fn a_directory_that_has_something_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.json");
    fs::write(&file, "kept").unwrap();
    fails(
        &[&"--out", &directory.path()],
        "already exists and is not an empty directory; nothing was overwritten",
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn a_model_that_cannot_be_loaded() {
    let directory = tempfile::tempdir().unwrap();
    let record = write_record(directory.path(), "made");
    let infer = |model: &Path, expected: &str| {
        fails(
            &[&"infer", &"--model", &model, &"--record", &record],
            expected,
        );
    };
    let model = directory.path().join("soft");
    infer(&model, "cannot load the configuration");
    fs::create_dir(&model).unwrap();
    fs::write(model.join("config.json"), "{").unwrap();
    infer(&model, "cannot load the configuration");
}

#[test]
fn a_wrong_argument_is_a_usage_error() {
    for arguments in [
        ["--epochs", "0"],
        ["--op", "hard"],
        ["--lead", "1"], // without a record
    ] {
        let output = peak_index().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
