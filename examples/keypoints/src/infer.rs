use std::{fs::File, io::Write, path::PathBuf};

use anyhow::{Context, Result, ensure};
use examples_common::{compiled_backends, device};
use rayon::prelude::*;

use crate::{
    cli::InferArgs,
    data::{Image, Skeleton, list},
    finding::Found,
    plot::{self, Plot, Shown},
    training,
};

/// Finds the points of every image of a directory.
pub fn run(args: &InferArgs) -> Result<()> {
    for path in args.csv.iter().chain(&args.picture) {
        ensure!(!path.exists(), "{} already exists", path.display());
    }
    let (_, device) = device::open(args.device.device.as_deref(), compiled_backends!())?;
    let (network, config) = training::load(&args.model, &device)?;
    let paths = list(&args.images)?;
    let images: Vec<Image> = paths
        .par_iter()
        .map(|path| Image::read(path))
        .collect::<Result<_>>()?;
    let method = config.model.method;
    let pixels = images.iter().map(|image| &image.pixels[..]);
    let found = network.find(pixels, method, method.decodings()[0], &device);

    let output: Box<dyn Write> = match &args.csv {
        Some(path) => Box::new(
            File::create_new(path).with_context(|| format!("cannot create {}", path.display()))?,
        ),
        None => Box::new(std::io::stdout().lock()),
    };
    write(&config.skeleton, &paths, &images, &found, output)?;
    if let Some(path) = &args.picture {
        let count = images.len().min(plot::IMAGES);
        // Spread over the directory.
        let shown = (0..count).map(|place| place * images.len() / count);
        let plot = Plot {
            title: format!("points found by {}", args.model.display()),
            skeleton: &config.skeleton,
            images: shown
                .map(|index| Shown {
                    pixels: &images[index].pixels,
                    truth: &[],
                    found: &found[index],
                })
                .collect(),
            curves: None,
        };
        plot.save(path)?;
    }
    let points = found.iter().flatten();
    let confidence: f64 = points.clone().map(|found| found.confidence).sum();
    eprintln!(
        "{} images, {} points each, mean confidence {:.3}",
        images.len(),
        config.skeleton.points.len(),
        confidence / points.count() as f64
    );
    Ok(())
}

/// One row a point; positions are in pixels of the image file.
fn write(
    skeleton: &Skeleton,
    paths: &[PathBuf],
    images: &[Image],
    found: &[Vec<Found>],
    output: impl Write,
) -> Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(["image", "point", "x", "y", "confidence"])?;
    for ((path, image), found) in paths.iter().zip(images).zip(found) {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        for (name, found) in skeleton.points.iter().zip(found) {
            let [x, y] = image.of_network(found.at);
            writer.write_record([
                file.as_ref(),
                name,
                &format!("{x:.2}"),
                &format!("{y:.2}"),
                &format!("{:.3}", found.confidence),
            ])?;
        }
    }
    writer.flush()?;
    Ok(())
}
