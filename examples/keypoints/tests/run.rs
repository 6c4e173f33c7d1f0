//! The program as a user runs it.

use std::process::{Command, Output};

fn keypoints(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keypoints"))
        .args(arguments)
        .env_remove("BURN_DEVICE")
        .output()
        .expect("the program starts")
}

fn small(out: &str, seed: &str) -> String {
    let output = keypoints(&[
        "--epochs",
        "1",
        "--train-images",
        "12",
        "--test-images",
        "9",
        "--batch-size",
        "4",
        "--seed",
        seed,
        "--out",
        out,
    ]);
    assert!(output.status.success(), "{output:?}");
    std::fs::read_to_string(format!("{out}/report.txt")).expect("a report")
}

#[test]
fn trains_reports_and_repeats() {
    let directory = tempfile::tempdir().unwrap();
    let out = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let first = small(&out("first"), "0");
    for words in ["soft-argmax", "argmax + quarter cell", "mean error, pixels"] {
        assert!(first.contains(words), "no {words:?} in {first}");
    }
    let picture = std::fs::read_to_string(directory.path().join("first/seed-0.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("training loss"));
    assert_eq!(small(&out("again"), "0"), first);
    assert_ne!(small(&out("other"), "1"), first);

    let output = keypoints(&["--epochs", "1", "--out", &out("first")]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("nothing was overwritten"), "{message}");
}

#[test]
fn bad_arguments_end_in_one_line() {
    for (arguments, words) in [
        (
            vec!["--device", "toaster"],
            "device 'toaster' is not compiled in",
        ),
        (
            vec!["--out", "/dev/null/run"],
            "cannot create /dev/null/run",
        ),
    ] {
        let output = keypoints(&arguments);
        assert!(!output.status.success());
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(words), "{message}");
        assert_eq!(message.trim().lines().count(), 1, "{message}");
    }
}
