//! What goes wrong is told in one line, and the exit code says that it did.

mod support;

use std::{fs, path::Path};

use serde_json::{Value, json};
use support::{
    keypoints,
    shapes::{Set, write_set},
    stderr,
};

/// Runs the program and checks that it fails with one line that has `expected` in it.
#[track_caller]
fn fails(arguments: &[&str], expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = keypoints()
        .current_dir(directory.path())
        .args(arguments)
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

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// Trains on a set, which fails.
#[track_caller]
fn refuses(set: &Set, expected: &str) {
    let [images, annotations] = [&set.images, &set.annotations].map(|path| text(path));
    fails(
        &["--images", images, "--annotations", annotations],
        expected,
    );
}

#[test]
fn a_broken_file() {
    let directory = tempfile::tempdir().unwrap();
    let set = write_set(directory.path(), 4);
    let whole = fs::read_to_string(&set.annotations).unwrap();
    fs::write(&set.annotations, &whole[..whole.len() / 2]).unwrap();
    refuses(&set, "is not a file of COCO keypoints: EOF while parsing");
    fs::write(&set.annotations, "{}").unwrap();
    refuses(
        &set,
        "is not a file of COCO keypoints: missing field `images`",
    );
    fs::remove_file(&set.annotations).unwrap();
    refuses(&set, "cannot read the annotations");
}

#[test]
fn what_the_annotations_cannot_say() {
    let directory = tempfile::tempdir().unwrap();
    let set = write_set(directory.path(), 4);
    let whole: Value = serde_json::from_slice(&fs::read(&set.annotations).unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut file = whole.clone();
        change(&mut file);
        fs::write(&set.annotations, file.to_string()).unwrap();
        refuses(&set, expected);
    };
    refused(
        &|file| {
            for annotation in file["annotations"].as_array_mut().unwrap() {
                annotation.as_object_mut().unwrap().remove("keypoints");
            }
        },
        "keypoints.json: there are no keypoints in it",
    );
    refused(
        &|file| {
            let corner = [json!(200.5), json!(3), json!(2)];
            file["annotations"][1]["keypoints"].as_array_mut().unwrap()[..3]
                .clone_from_slice(&corner);
        },
        "an annotation of 0001.png: point 'ridge' is at (200.5, 3), outside of its 96 x 80 pixels",
    );
    refused(
        &|file| {
            for image in file["images"].as_array_mut().unwrap() {
                image["width"] = json!(192);
            }
        },
        "has 96 x 80 pixels; it was annotated with 192 x 80",
    );
    refused(
        &|file| {
            let annotations = file["annotations"].as_array_mut().unwrap();
            annotations.truncate(2);
        },
        "at least 3 images with points are needed",
    );
}

#[test]
fn an_image_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let set = write_set(directory.path(), 4);
    let image = set.images.join("0002.png");
    fs::write(&image, "no image").unwrap();
    let message = format!("cannot read the image {}", image.display());
    refuses(&set, &message);
    fs::remove_file(&image).unwrap();
    refuses(&set, &message);
}

#[test]
fn what_is_to_be_found_and_where() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path();
    let set = write_set(place, 6);
    let out = place.join("run");
    let output = keypoints()
        .args(["--arrowheads", "6", "--epochs", "1", "--method", "heatmap"])
        .args(["--out", text(&out)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let model = out.join("seed-0/heatmap");
    let infer = |model: &Path, images: &Path, more: &[&str], expected: &str| {
        let arguments = ["infer", "--model", text(model), "--images", text(images)];
        fails(&[&arguments, more].concat(), expected);
    };
    infer(place, &set.images, &[], "cannot load the configuration");
    infer(&model, &place.join("no"), &[], "cannot list the images");
    infer(&model, &out, &[], "there is no PNG or JPEG image in");
    let taken = text(&set.annotations);
    infer(&model, &set.images, &["--csv", taken], "already exists");
    let csv = place.join("points.csv");
    infer(
        &model,
        &set.images,
        &["--csv", text(&csv), "--picture", taken],
        "already exists",
    );
    fs::remove_file(model.join("model.bpk")).unwrap();
    infer(&model, &set.images, &[], "cannot load the model");
    fails(&["--out", text(&out)], "nothing was overwritten");
}

#[test]
fn a_device_that_is_not_compiled_in() {
    fails(&["--device", "toaster"], "'toaster' is not compiled in");
}

#[test]
fn a_wrong_argument_is_a_usage_error() {
    for arguments in [
        &["--epochs", "0"][..],
        &["--method", "hard"],
        &["--learning-rate", "2"],
        &["--images", "here"], // without annotations
    ] {
        let output = keypoints().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
