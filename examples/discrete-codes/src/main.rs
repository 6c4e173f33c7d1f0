//! Trains a categorical autoencoder of handwritten digits through each estimator of a discrete choice's
//! gradient, and compares the bounds that they reach.

mod choice;
mod cli;
mod data;
#[path = "../../peak-index/src/device.rs"]
mod device;
mod evaluation;
mod infer;
#[path = "../../peak-index/src/learned.rs"]
mod learned;
#[path = "../../peak-index/src/metric.rs"]
mod metric;
mod model;
#[path = "../../peak-index/src/numbers.rs"]
mod numbers;
#[path = "../../peak-index/src/output.rs"]
mod output;
mod plot;
#[path = "../../peak-index/src/progress.rs"]
mod progress;
mod report;
mod run;
mod training;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let result = match cli::Cli::parse() {
        cli::Cli {
            command: Some(cli::Command::Infer(args)),
            ..
        } => infer::run(&args),
        cli::Cli { train, .. } => run::run(&train),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
