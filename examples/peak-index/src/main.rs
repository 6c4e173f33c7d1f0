//! Trains a small network whose only loss is on the predicted index of a peak.

mod cli;
mod data;
mod devices;
mod evaluation;
mod export;
mod infer;
mod model;
mod op;
mod plot;
mod report;
mod run;
#[cfg(feature = "remote")]
mod serve;
mod training;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Train(args)) => run::run(&args),
        Some(Command::Infer(args)) => infer::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        #[cfg(feature = "remote")]
        Some(Command::Serve(args)) => serve::run(&args),
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
