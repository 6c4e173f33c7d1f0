use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, value_parser};

use crate::method::Method;

/// Trains a small network to find the keypoints of images, through a differentiable position and, for comparison,
/// through heatmaps.
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
    /// Load a trained model and find the points of images.
    Infer(InferArgs),
}

#[derive(Args, Debug)]
pub struct TrainArgs {
    /// A directory of PNG and JPEG images (default: rendered arrowheads).
    #[arg(long, value_name = "DIR", requires = "annotations")]
    pub images: Option<PathBuf>,
    /// Their points, in COCO's format for keypoints; an image has one object.
    #[arg(long, value_name = "FILE", requires = "images")]
    pub annotations: Option<PathBuf>,
    /// How many arrowheads to render.
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = value_parser!(u32).range(3..), conflicts_with = "images")]
    pub arrowheads: u32,
    /// How to train; several are compared.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Method::SoftArgmax, Method::Heatmap])]
    pub method: Vec<Method>,
    /// The learning rate at the start (default: the method's own).
    #[arg(long, value_name = "RATE", value_parser = learning_rate)]
    pub learning_rate: Option<f64>,
    /// Seeds of the split into parts, of weights and of order; each is a run of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [0])]
    pub seed: Vec<u64>,
    /// Passes over the training images.
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Images in a step.
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..))]
    pub batch_size: u32,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// A new directory for models, pictures and report (default: the next of runs/keypoints/1, 2, …).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct InferArgs {
    /// The directory of a trained model, such as runs/keypoints/1/seed-0/soft-argmax.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// A directory of PNG and JPEG images.
    #[arg(long, value_name = "DIR")]
    pub images: PathBuf,
    /// Write the table to this file instead of standard output.
    #[arg(long, value_name = "OUT")]
    pub csv: Option<PathBuf>,
    /// Draw some of the images with their points, as an SVG.
    #[arg(long, value_name = "OUT")]
    pub picture: Option<PathBuf>,
    #[command(flatten)]
    pub device: DeviceArgs,
}

#[derive(Args, Debug)]
pub struct DeviceArgs {
    /// The backend to run on (default: BURN_DEVICE, else the first compiled in).
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
}

/// What Burn's schedules take.
fn learning_rate(text: &str) -> Result<f64, &'static str> {
    match text.parse() {
        Ok(rate) if rate > 0.0 && rate <= 1.0 => Ok(rate),
        _ => Err("it is above 0 and at most 1"),
    }
}
