use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};

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
    /// Write a trained network as an ONNX file.
    Export(ExportArgs),
    /// Let other machines train on a device of this one.
    #[cfg(feature = "remote")]
    Serve(ServeArgs),
}

/// What is saved with a run is what another needs to go on with it.
#[derive(Args, Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
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
        allow_hyphen_values = true,
        value_parser = decibels
    )]
    pub noise_db: Option<f64>,
    /// How the index is read from the logits; several are trained in turn and compared.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Op::Soft, Op::StraightThrough, Op::Sign])]
    pub op: Vec<Op>,
    #[command(flatten)]
    #[serde(skip)]
    pub device: DeviceArgs,
    /// Train on so many devices at once: the one that was chosen, so many times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub devices: u32,
    /// Train on the devices of these servers at once, each a `peak-index serve`.
    #[cfg_attr(not(feature = "remote"), arg(skip))]
    #[cfg_attr(feature = "remote", arg(long, value_name = "URL", value_delimiter = ',', conflicts_with_all = ["device", "devices"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remote: Vec<String>,
    /// Passes over the training part.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Stop after so many epochs without a better one on the validation part, and keep the best network.
    #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u32).range(1..))]
    pub patience: Option<u32>,
    /// Windows in a step, on each device.
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
    #[serde(skip)]
    pub out: Option<PathBuf>,
    /// Go on with the run in this directory, which was interrupted, with its settings; on other devices where these
    /// are named.
    #[arg(long, value_name = "DIR", conflicts_with_all = [
        "record", "lead", "noise_db", "op", "devices", "epochs", "patience", "batch_size", "channels", "seed", "out",
    ])]
    #[serde(skip)]
    pub resume: Option<PathBuf>,
    /// Go on from the checkpoint of this epoch, of the last two or the best (default: the last).
    #[arg(long, value_name = "N", requires = "resume")]
    #[serde(skip)]
    pub epoch: Option<usize>,
}

#[derive(Args, Debug)]
pub struct InferArgs {
    /// The directory of a trained model, such as runs/1/soft.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// A WFDB record with annotations, as PATH/100; no noise is added to it.
    #[arg(long, value_name = "PATH")]
    pub record: PathBuf,
    /// The lead of the record: the one that the model was trained on.
    #[arg(long, default_value_t = 0)]
    pub lead: usize,
    /// Write the table to this file instead of standard output.
    #[arg(long, value_name = "OUT")]
    pub csv: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The directory of a trained model, such as runs/1/soft.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// The file to write, which must not exist.
    #[arg(long, value_name = "FILE")]
    pub onnx: PathBuf,
}

#[cfg(feature = "remote")]
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// Where to listen. There is no encryption and no password: an address that others reach is for networks of
    /// one's own.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:3000")]
    pub addr: std::net::SocketAddr,
    #[command(flatten)]
    pub device: DeviceArgs,
}

#[derive(Args, Clone, Debug, Default)]
pub struct DeviceArgs {
    /// The backend to run on (default: BURN_DEVICE, else the first compiled in).
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

fn decibels(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(decibels) if f64::is_finite(decibels) => Ok(decibels),
        _ => Err("it is a finite number"),
    }
}
