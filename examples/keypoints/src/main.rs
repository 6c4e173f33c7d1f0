//! Trains a small network to find the corners of a rendered arrowhead, through a differentiable
//! keypoint and, for comparison, through heatmaps that are decoded by argmax.

mod cli;
mod data;
mod decode;
mod method;
mod model;
mod plot;
mod report;
mod run;
mod train;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match run::run(&cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
