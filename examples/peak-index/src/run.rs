use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use burn::train::Interrupter;

use crate::{
    cli::TrainArgs,
    data::{Source, Split},
    device,
    evaluation::Predictions,
    model::PeakNetConfig,
    output,
    plot::Plot,
    report::{Network, Report},
    training::{self, TrainingConfig},
};

/// Where runs go when no directory is named.
const RUNS: &str = "runs";

/// Trains a network for each operator and reports on the test part.
pub fn run(args: &TrainArgs) -> Result<()> {
    let source = Arc::new(match &args.record {
        Some(path) => Source::record(path, args.lead, args.noise_db, args.seed)?,
        None => Source::synthetic(args.seed),
    });
    let (device_name, device) = device::open(args.device.device.as_deref())?;
    let out = output::directory(args.out.as_deref(), Path::new(RUNS))?;
    println!(
        "{} ({}), on {device_name}, into {}",
        source.name(),
        source.counts(),
        out.display()
    );

    let interrupter = Interrupter::new();
    let on_signal = interrupter.clone();
    ctrlc::set_handler(move || on_signal.stop(Some("ctrl-C")))
        .context("cannot listen for ctrl-C")?;

    let batch_size = args.batch_size as usize;
    let raw_argmax = Predictions::of_raw_argmax(&source, Split::Test);
    let mut report = Report {
        data: source.name().to_string(),
        windows: source.counts(),
        device: device_name,
        seed: args.seed,
        raw_argmax: raw_argmax.errors(),
        networks: Vec::new(),
    };
    for (index, &op) in args.op.iter().enumerate() {
        if args.op[..index].contains(&op) {
            continue;
        }
        let model = PeakNetConfig::new(op).with_channels(args.channels as usize);
        let config = TrainingConfig::new(model)
            .with_epochs(args.epochs as usize)
            .with_batch_size(batch_size)
            .with_seed(args.seed);
        let predict =
            |model: &_| Predictions::of_model(model, &source, Split::Test, batch_size, &device);

        device.seed(args.seed);
        let untrained = predict(&config.model.init(&device)).errors();
        let directory = out.join(op.name());
        let trained = training::train(&config, &source, &directory, &device, &interrupter)?;
        let predictions = predict(&trained.model);
        Plot {
            title: format!("{}, --op {}", source.name(), op.name()),
            network: &predictions,
            raw_argmax: &raw_argmax,
            train_curve: &trained.train_curve,
            valid_curve: &trained.valid_curve,
        }
        .save(&directory.join("plot.svg"))?;
        report.networks.push(Network {
            op: op.name(),
            untrained,
            trained: predictions.errors(),
        });
    }

    report.save(&out.join("report.json"))?;
    println!("{}", report.table());
    if let Some(remark) = report.remark() {
        println!("{remark}");
    }
    println!("Models, plots and report are in {}", out.display());
    Ok(())
}
