use std::path::Path;

use anyhow::{Context, Result};
use burn::train::Interrupter;
use examples_common::{TrainingSettings, compiled_backends, device, output};

use crate::{
    cli::TrainArgs,
    data::Digits,
    evaluation::Evaluation,
    model::AutoencoderConfig,
    plot::Plot,
    report::{Network, Report},
    training::{self, TrainingConfig},
};

/// Where runs go when no directory is named.
const RUNS: &str = "runs/discrete-codes";

/// Trains a network through each estimator for every seed, and reports on the test part.
pub fn run(args: &TrainArgs) -> Result<()> {
    let digits = Digits::load()?;
    let (device_name, device) = device::open(args.device.device.as_deref(), compiled_backends!())?;
    let out = output::directory(args.out.as_deref(), Path::new(RUNS))?;
    output::say(format_args!(
        "{} digits to train, {} to validate, {} to test, on {device_name}, into {}",
        digits.train.len(),
        digits.valid.len(),
        digits.test.len(),
        out.display()
    ))?;

    let interrupter = Interrupter::new();
    let on_signal = interrupter.clone();
    ctrlc::set_handler(move || on_signal.stop(Some("ctrl-C")))
        .context("cannot listen for ctrl-C")?;

    let mut report = Report {
        device: device_name,
        epochs: args.epochs,
        networks: Vec::new(),
    };
    for (index, &seed) in args.seed.iter().enumerate() {
        if args.seed[..index].contains(&seed) {
            continue;
        }
        for (index, &choice) in args.estimator.iter().enumerate() {
            if args.estimator[..index].contains(&choice) {
                continue;
            }
            let settings = TrainingSettings::new(args.epochs as usize, args.batch_size as usize)
                .with_seed(seed);
            let config = TrainingConfig::new(AutoencoderConfig::new(choice), settings);
            device.seed(seed);
            let untrained = Evaluation::new(&config.model.init(&device), &digits.test, &device);
            let directory = out.join(format!("seed-{seed}")).join(choice.name());
            let trained = training::train(&config, &digits, &directory, &device, &interrupter)?;
            let test = Evaluation::new(&trained.model, &digits.test, &device);
            report.networks.push(Network {
                seed,
                estimator: choice.name(),
                train: Evaluation::new(&trained.model, &digits.train, &device).bound(),
                test: test.bound(),
                untrained: untrained.bound(),
                error: test.mean_error(&digits.test),
            });
            let plot = Plot {
                title: format!("seed {seed}, {}", choice.name()),
                digits: &digits.test,
                evaluation: &test,
                train_curve: &trained.train_curve,
                valid_curve: &trained.valid_curve,
            };
            let path = directory.join("plot.svg");
            plot.save(&path)
                .with_context(|| format!("cannot draw {}", path.display()))?;
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
