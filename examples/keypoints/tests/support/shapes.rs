//! A set of rendered shapes with COCO keypoints: three kinds, of 4, 5 and 7 points.

use std::{
    f64::consts::TAU,
    fs,
    path::{Path, PathBuf},
};

use image::{GrayImage, Luma};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

/// Pixels of an image: not square, and not what the network takes.
const WIDTH: u32 = 96;
const HEIGHT: u32 = 80;
/// Samples of a pixel along each axis.
const SAMPLES: usize = 4;
/// The share of points that are not annotated.
const MISSING: f64 = 0.1;

type Corner = (&'static str, [f64; 2]);

/// The corners of each shape, clockwise where y grows downwards, within a circle of radius 1.1.
const SHAPES: [(&str, &[Corner]); 3] = [
    (
        "dart",
        &[
            ("dart tip", [1.0, 0.0]),
            ("dart right", [-0.7, 0.7]),
            ("dart notch", [-0.25, 0.0]),
            ("dart left", [-0.7, -0.7]),
        ],
    ),
    (
        "house",
        &[
            ("ridge", [0.0, -1.0]),
            ("right eave", [0.7, -0.3]),
            ("right base", [0.7, 0.8]),
            ("left base", [-0.7, 0.8]),
            ("left eave", [-0.7, -0.3]),
        ],
    ),
    (
        "arrow",
        &[
            ("arrow tip", [1.0, 0.0]),
            ("right barb", [0.2, 0.7]),
            ("right neck", [0.2, 0.25]),
            ("right tail", [-1.0, 0.25]),
            ("left tail", [-1.0, -0.25]),
            ("left neck", [0.2, -0.25]),
            ("left barb", [0.2, -0.7]),
        ],
    ),
];

/// A set on disk.
pub struct Set {
    pub images: PathBuf,
    pub annotations: PathBuf,
    /// Points that are annotated, and that are missing.
    pub visible: usize,
    pub missing: usize,
}

/// Writes so many images, every fourth a JPEG, the others PNGs, and their annotations.
pub fn write_set(directory: &Path, count: usize) -> Set {
    let mut set = Set {
        images: directory.join("images"),
        annotations: directory.join("keypoints.json"),
        visible: 0,
        missing: 0,
    };
    fs::create_dir_all(&set.images).unwrap();
    let mut rng = StdRng::seed_from_u64(0);
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for index in 0..count {
        let extension = if index % 4 == 3 { "jpg" } else { "png" };
        let file_name = format!("{index:04}.{extension}");
        let category = index % SHAPES.len();
        let corners = placed(SHAPES[category].1, &mut rng);
        let picture = rendered(&corners, &mut rng);
        picture.save(set.images.join(&file_name)).unwrap();

        let mut keypoints: Vec<f64> = Vec::new();
        for [x, y] in corners {
            if rng.random_bool(MISSING) {
                keypoints.extend([0.0; 3]);
                set.missing += 1;
            } else {
                keypoints.extend([x, y, 2.0]);
                set.visible += 1;
            }
        }
        images.push(json!({"id": index, "file_name": file_name, "width": WIDTH, "height": HEIGHT}));
        annotations.push(json!({
            "id": index, "image_id": index, "category_id": category, "keypoints": keypoints,
        }));
    }
    let categories = SHAPES.iter().enumerate().map(|(id, (name, corners))| {
        let points = corners.len();
        let names: Vec<&str> = corners.iter().map(|(name, _)| *name).collect();
        let outline: Vec<Value> = (0..points)
            .map(|point| json!([point + 1, (point + 1) % points + 1]))
            .collect();
        json!({"id": id, "name": name, "keypoints": names, "skeleton": outline})
    });
    let categories: Vec<Value> = categories.collect();
    let file = json!({"images": images, "annotations": annotations, "categories": categories});
    fs::write(&set.annotations, file.to_string()).unwrap();
    set
}

/// A shape at a random place, size and rotation, wholly in the image.
fn placed(corners: &[Corner], rng: &mut StdRng) -> Vec<[f64; 2]> {
    let scale = rng.random_range(20.0..30.0);
    let (sin, cos) = rng.random_range(0.0..TAU).sin_cos();
    let border = 1.1 * scale + 2.0;
    let centre = [WIDTH, HEIGHT].map(|size| rng.random_range(border..f64::from(size) - border));
    let turned = corners.iter().map(|(_, [x, y])| {
        [
            centre[0] + scale * (cos * x - sin * y),
            centre[1] + scale * (sin * x + cos * y),
        ]
    });
    turned.collect()
}

/// The shape, brighter or darker than a slope behind it, in noise.
fn rendered(corners: &[[f64; 2]], rng: &mut StdRng) -> GrayImage {
    let contrast = rng.random_range(50.0..110.0) * if rng.random_bool(0.5) { 1.0 } else { -1.0 };
    let slope: [f64; 2] = [0; 2].map(|_| rng.random_range(-20.0..20.0));
    let noise = rng.random_range(2.0..10.0);
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let at = [f64::from(x), f64::from(y)];
        let background = slope[0] * at[0] / f64::from(WIDTH) + slope[1] * at[1] / f64::from(HEIGHT);
        let grain = rng.random_range(-noise..noise);
        let value = 127.5 - contrast / 2.0 + contrast * coverage(corners, at) + background + grain;
        Luma([value as u8])
    })
}

/// The part of a pixel that a polygon covers.
fn coverage(corners: &[[f64; 2]], pixel: [f64; 2]) -> f64 {
    let inside = (0..SAMPLES * SAMPLES).filter(|sample| {
        let within = |index: usize| (index as f64 + 0.5) / SAMPLES as f64 - 0.5;
        let [x, y] = [
            pixel[0] + within(sample % SAMPLES),
            pixel[1] + within(sample / SAMPLES),
        ];
        // An odd number of edges to the right of what is inside.
        let crossed = (0..corners.len()).filter(|&corner| {
            let (a, b) = (corners[corner], corners[(corner + 1) % corners.len()]);
            (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
        });
        crossed.count() % 2 == 1
    });
    inside.count() as f64 / (SAMPLES * SAMPLES) as f64
}
