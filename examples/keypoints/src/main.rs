//! Trains a small network to find the keypoints of images, through a differentiable position and, for
//! comparison, through heatmaps that are decoded by argmax.

mod cli;
mod data;
mod decoding;
mod finding;
mod infer;
mod method;
mod model;
mod plot;
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
