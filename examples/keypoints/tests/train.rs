//! The program as a user runs it.

mod support;

use std::{fs, path::Path, process::Output};

use serde_json::Value;
use support::{keypoints, shapes::write_set, stderr};

/// Images of the full run.
const IMAGES: usize = 600;

fn run(arguments: &[&str]) -> Output {
    let output = keypoints().args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

fn train(out: &Path, arguments: &[&str]) -> Value {
    run(&[&["--out", text(out)], arguments].concat());
    serde_json::from_slice(&fs::read(out.join("report.json")).unwrap()).unwrap()
}

#[test]
fn images_of_ones_own_are_learnt_and_found() {
    let directory = tempfile::tempdir().unwrap();
    let set = write_set(directory.path(), 24);
    let out = directory.path().join("run");
    let data = [
        "--images",
        text(&set.images),
        "--annotations",
        text(&set.annotations),
    ];
    let report = train(&out, &[&data[..], &["--epochs", "1"]].concat());
    let counts = format!(
        "24 images, {} points, {} more missing",
        set.visible, set.missing
    );
    let name = report["data"].as_str().unwrap();
    assert!(name.ends_with(&counts), "no {counts:?} in {name}");
    let outcomes = report["outcomes"].as_array().unwrap();
    let decodings = ["soft-argmax", "argmax, refined", "argmax"];
    assert_eq!(outcomes.len(), decodings.len());
    for (outcome, decoding) in outcomes.iter().zip(decodings) {
        assert_eq!(outcome["decoding"], decoding);
        assert!(
            outcome["test"]["mean"].as_f64().unwrap() < 64.0,
            "{outcome}"
        );
    }

    for method in ["soft-argmax", "heatmap"] {
        let model = out.join("seed-0").join(method);
        let checkpoint = model.join("checkpoint/model-1.bpk");
        assert!(checkpoint.exists(), "no {}", checkpoint.display());
        picture(&model.join("plot.svg"), 3);
        let table = directory.path().join(format!("{method}.csv"));
        let drawn = table.with_extension("svg");
        let output = run(&[
            "infer",
            "--model",
            text(&model),
            "--images",
            text(&set.images),
            "--csv",
            text(&table),
            "--picture",
            text(&drawn),
        ]);
        let summary = stderr(&output);
        assert!(
            summary.starts_with("24 images, 16 points each"),
            "{summary}"
        );
        picture(&drawn, 8);
        let table = fs::read_to_string(table).unwrap();
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!(rows[0], "image,point,x,y,confidence");
        assert_eq!(rows.len(), 1 + 24 * 16);
        assert!(rows[1].starts_with("0000.png,dart tip,"), "{}", rows[1]);
        for row in &rows[1..] {
            let confidence: f64 = row.rsplit(',').next().unwrap().parse().unwrap();
            assert!((0.0..=1.0).contains(&confidence), "{row}");
        }
    }
}

/// An SVG with so many images, of a size that a README can have.
fn picture(path: &Path, images: usize) {
    let svg = fs::read_to_string(path).unwrap();
    assert_eq!(svg.matches("data:image/png;base64,").count(), images);
    assert!(svg.len() < 300_000, "{} bytes", svg.len());
}

#[test]
fn a_seed_gives_one_result() {
    let directory = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let small = [
            "--arrowheads",
            "8",
            "--method",
            "soft-argmax",
            "--epochs",
            "1",
            "--batch-size",
            "4",
            "--seed",
            seed,
        ];
        train(&directory.path().join(name), &small)["outcomes"].clone()
    };
    let first = run("first", "0");
    assert_eq!(run("again", "0"), first);
    assert_ne!(run("other", "1")[0]["test"], first[0]["test"]);
}

/// Takes minutes, in a release build; leaves what it learns from, for the README's command.
#[test]
#[ignore = "trains for minutes"]
fn shapes_are_found_within_a_pixel() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shapes");
    let set = write_set(&directory, IMAGES);
    let run = tempfile::tempdir().unwrap();
    let report = train(
        &run.path().join("run"),
        &[
            "--images",
            text(&set.images),
            "--annotations",
            text(&set.annotations),
            "--method",
            "soft-argmax",
            "--epochs",
            "64",
        ],
    );
    println!("{report:#}");
    let error = report["outcomes"][0]["test"]["mean"].as_f64().unwrap();
    assert!(error < 1.0, "{error} pixels");
}
