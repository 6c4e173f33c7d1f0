use std::{fs::File, io::Write, sync::Arc};

use anyhow::{Context, Result};
use examples_common::{compiled_backends, device};

use crate::{
    cli::InferArgs,
    data::{Source, Split},
    evaluation::Predictions,
    training,
};

/// Windows in a forward pass.
const BATCH: usize = 64;

/// Predicts the peak of every beat that a window holds alone, wholly within a part of the record.
pub fn run(args: &InferArgs) -> Result<()> {
    let source = Arc::new(Source::record(&args.record, args.lead, None, 0)?);
    let (_, device) = device::open(args.device.device.as_deref(), compiled_backends!())?;
    let model = training::load(&args.model, &device)?;
    let splits = Split::ALL.into_iter();
    let parts: Vec<_> = splits
        .filter(|&split| source.peaks(split) > 0)
        .map(|split| {
            let predictions = Predictions::of_model(&model, &source, split, BATCH, &device);
            (split, predictions)
        })
        .collect();

    match &args.csv {
        Some(path) => {
            let file = File::create_new(path)
                .with_context(|| format!("cannot create {}", path.display()))?;
            write(&parts, file)?;
        }
        None => write(&parts, std::io::stdout().lock())?,
    }
    eprintln!("{}: {}", source.name(), source.counts());
    for (split, predictions) in &parts {
        let errors = predictions.errors();
        eprintln!(
            "{}: {} beats, mean absolute error {:.3} samples, {:.1} % within 5",
            split.name(),
            predictions.windows.len(),
            errors.mean_absolute,
            errors.within_5
        );
    }
    Ok(())
}

/// One row a beat; indices are samples since the start of the record.
fn write(parts: &[(Split, Predictions)], output: impl Write) -> Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(["part", "annotated", "predicted", "error"])?;
    for (split, predictions) in parts {
        for (window, predicted) in predictions.windows.iter().zip(&predictions.predicted) {
            let start = window.start as f64;
            writer.write_record([
                split.name().to_string(),
                format!("{}", start + f64::from(window.peak)),
                format!("{:.3}", start + f64::from(*predicted)),
                format!("{:.3}", predicted - window.peak),
            ])?;
        }
    }
    writer.flush()?;
    Ok(())
}
