//! Trains a categorical autoencoder of handwritten digits through each estimator of a discrete choice's
//! gradient, and compares the bounds that they reach.

mod choice;
mod cli;
mod data;
mod evaluation;
mod infer;
mod model;
mod plot;
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
