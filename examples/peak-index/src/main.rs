//! Trains a small network whose only loss is on the predicted index of a peak.

mod cli;
mod data;
mod device;
mod evaluation;
mod infer;
mod learned;
mod metric;
mod model;
mod op;
mod output;
mod plot;
mod progress;
mod report;
mod run;
mod training;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Train(args)) => run::run(&args),
        Some(Command::Infer(args)) => infer::run(&args),
        None => run::run(&cli.train),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
