use std::path::Path;

use anyhow::{Context, Result};
use burn::train::Interrupter;
use examples_common::{TrainingSettings, compiled_backends, device, output};

use crate::{
    cli::TrainArgs,
    data::{Data, Parts, arrowheads},
    model::HeatmapNetConfig,
    plot::{self, Plot, Shown},
    report::{Errors, Outcome, Report},
    training::{self, TrainingConfig},
};

/// Where runs go when no directory is named.
const RUNS: &str = "runs/keypoints";

/// Trains a network by each method for every seed, and reports on the test part.
pub fn run(args: &TrainArgs) -> Result<()> {
    let data = match (&args.images, &args.annotations) {
        (Some(images), Some(annotations)) => Data::coco(images, annotations)?,
        _ => arrowheads(args.arrowheads as usize),
    };
    let mut seeds: Vec<(u64, Parts)> = Vec::new();
    for &seed in &args.seed {
        if seeds.iter().all(|(other, _)| *other != seed) {
            seeds.push((seed, Parts::new(&data, seed)?));
        }
    }
    let (device_name, device) = device::open(args.device.device.as_deref(), compiled_backends!())?;
    let out = output::directory(args.out.as_deref(), Path::new(RUNS))?;
    output::say(format_args!(
        "{}, on {device_name}, into {}",
        data.name,
        out.display()
    ))?;

    let interrupter = Interrupter::new();
    let on_signal = interrupter.clone();
    ctrlc::set_handler(move || on_signal.stop(Some("ctrl-C")))
        .context("cannot listen for ctrl-C")?;

    let mut report = Report {
        data: data.name,
        device: device_name,
        epochs: args.epochs,
        outcomes: Vec::new(),
    };
    for (seed, parts) in &seeds {
        for (index, &method) in args.method.iter().enumerate() {
            if args.method[..index].contains(&method) {
                continue;
            }
            let learning_rate = args.learning_rate.unwrap_or(method.learning_rate());
            let settings = TrainingSettings::new(args.epochs as usize, args.batch_size as usize)
                .with_seed(*seed)
                .with_learning_rate(learning_rate);
            let model = HeatmapNetConfig::new(method, data.skeleton.points.len());
            let config = TrainingConfig::new(model, data.skeleton.clone(), settings);
            let directory = out.join(format!("seed-{seed}")).join(method.name());
            let trained = training::train(&config, parts, &directory, &device, &interrupter)?;

            let test = &parts.test.0;
            for (place, &decoding) in method.decodings().iter().enumerate() {
                let images = test.iter().map(|sample| &sample.pixels[..]);
                let found = trained.model.find(images, method, decoding, &device);
                report.outcomes.push(Outcome {
                    seed: *seed,
                    method: method.name(),
                    learning_rate,
                    valid: trained.valid_curve.last().copied().unwrap_or(f64::NAN),
                    decoding: decoding.name(),
                    test: Errors::new(test, &found),
                });
                if place > 0 {
                    continue;
                }
                let images = test.iter().zip(&found).take(plot::IMAGES);
                let plot = Plot {
                    title: format!(
                        "seed {seed}, {}: annotated points (circles) and found (crosses, pale where uncertain)",
                        method.name()
                    ),
                    skeleton: &data.skeleton,
                    images: images
                        .map(|(sample, found)| Shown {
                            pixels: &sample.pixels,
                            truth: &sample.points,
                            found,
                        })
                        .collect(),
                    curves: Some([&trained.train_curve, &trained.valid_curve]),
                };
                plot.save(&directory.join("plot.svg"))?;
            }
            // What is found so far, if the next one is interrupted.
            report.save(&out.join("report.json"))?;
        }
    }

    output::say(report.table())?;
    output::say(format_args!(
        "Models, pictures and report are in {}",
        out.display()
    ))
}
