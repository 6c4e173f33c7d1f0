use std::path::PathBuf;

use clap::{Parser, value_parser};

/// Trains a small network to find the corners of a rendered arrowhead.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// Seeds of images, weights and order; each is a run of its own.
    #[arg(long, value_delimiter = ',', default_values_t = [0])]
    pub seed: Vec<u64>,
    /// Passes over the training images.
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..))]
    pub epochs: u32,
    /// Images in a step.
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..))]
    pub batch_size: u32,
    /// Training images.
    #[arg(long, default_value_t = 1024, value_parser = value_parser!(u32).range(1..))]
    pub train_images: u32,
    /// Test images.
    #[arg(long, default_value_t = 256, value_parser = value_parser!(u32).range(1..))]
    pub test_images: u32,
    /// The device to run on [default: BURN_DEVICE, else the first that was compiled in].
    #[arg(long)]
    pub device: Option<String>,
    /// A new directory for pictures and report (default: the next of runs/keypoints/1, 2, …).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
