use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::op::Op;

/// Trains a small network whose only loss is on the predicted index of a peak.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub train: TrainArgs,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train and report (what happens without a command, too).
    Train(TrainArgs),
    /// Load a trained model and print predicted against annotated indices.
    Infer(InferArgs),
}

#[derive(Args, Debug)]
pub struct TrainArgs {
    /// A WFDB record with annotations, as PATH/100 (default: synthetic traces).
    #[arg(long, value_name = "PATH")]
    pub record: Option<PathBuf>,
    /// The lead of the record.
    #[arg(long, default_value_t = 0, requires = "record")]
    pub lead: usize,
    /// Add electrode noise to the record at this signal-to-noise ratio, in decibels.
    #[arg(
        long,
        value_name = "DB",
        requires = "record",
        allow_hyphen_values = true
    )]
    pub noise_db: Option<f64>,
    /// How the index is read from the logits; several are trained in turn and compared.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Op::Soft, Op::StraightThrough, Op::Sign])]
    pub op: Vec<Op>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Passes over the training part.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Windows in a step.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch_size: u32,
    /// Channels of the network's hidden layers.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub channels: u32,
    /// Seed of the weights, of the data and of its order.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A new directory for models, checkpoints, report and plot (default: the next of runs/1, 2, …).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct InferArgs {
    /// The directory of a trained model, such as runs/1/soft.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// A WFDB record with annotations, as PATH/100.
    #[arg(long, value_name = "PATH")]
    pub record: PathBuf,
    /// The lead of the record.
    #[arg(long, default_value_t = 0)]
    pub lead: usize,
    /// Write the table to this file instead of standard output.
    #[arg(long, value_name = "OUT")]
    pub csv: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

#[derive(Args, Debug)]
pub struct DeviceArgs {
    /// The backend to run on (default: BURN_DEVICE, else the first compiled in).
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}
