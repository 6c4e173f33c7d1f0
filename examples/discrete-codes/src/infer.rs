use std::{fs::File, io::Write};

use anyhow::{Context, Result};
use examples_common::{compiled_backends, device};

use crate::{
    cli::InferArgs,
    data::Digits,
    evaluation::{Evaluation, hexadecimal},
    training,
};

/// Prints the code of every test digit.
pub fn run(args: &InferArgs) -> Result<()> {
    let digits = Digits::load()?.test;
    let (_, device) = device::open(args.device.device.as_deref(), compiled_backends!())?;
    let model = training::load(&args.model, &device)?;
    let evaluation = Evaluation::new(&model, &digits, &device);
    let output: Box<dyn Write> = match &args.csv {
        Some(path) => Box::new(
            File::create_new(path).with_context(|| format!("cannot create {}", path.display()))?,
        ),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut writer = csv::Writer::from_writer(output);
    writer.write_record(["label", "code", "bound, nats", "error, dots"])?;
    for (index, digit) in digits.iter().enumerate() {
        writer.write_record([
            digit.label.to_string(),
            hexadecimal(&evaluation.codes[index]),
            format!("{:.2}", evaluation.bounds[index]),
            format!("{:.3}", evaluation.error(index, digit)),
        ])?;
    }
    writer.flush()?;
    eprintln!(
        "{} digits, mean bound {:.2} nats",
        digits.len(),
        evaluation.bound()
    );
    Ok(())
}
