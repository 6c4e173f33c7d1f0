use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};

use crate::choice::Choice;

/// Trains an autoencoder of handwritten digits whose code is discrete, through each estimator in turn.
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
    /// Load a trained model and print the code of every test digit.
    Infer(InferArgs),
}

#[derive(Args, Debug)]
pub struct TrainArgs {
    /// How the gradient passes the choice of a code; several are trained in turn and compared.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [
        Choice::StraightThrough, Choice::Identity, Choice::Gumbel, Choice::GumbelRao, Choice::Reinmax,
        Choice::Gapped,
    ])]
    pub estimator: Vec<Choice>,
    /// Seeds of weights, order and draws; each is a run of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [0])]
    pub seed: Vec<u64>,
    /// Passes over the training digits.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Digits in a step.
    #[arg(long, default_value_t = 32, value_parser = value_parser!(u32).range(1..))]
    pub batch_size: u32,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// A new directory for models, pictures and report (default: the next of runs/discrete-codes/1, 2, …).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct InferArgs {
    /// The directory of a trained model, such as runs/discrete-codes/1/seed-0/reinmax.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
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
