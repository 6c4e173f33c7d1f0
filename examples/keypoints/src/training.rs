use std::path::Path;

use anyhow::Result;
use burn::{optim::AdamConfig, prelude::*, train::Interrupter};
use examples_common::{Measure, Trained, Training, TrainingSettings};

use crate::{
    data::{KeypointBatcher, Parts, Skeleton},
    model::{HeatmapNet, HeatmapNetConfig},
};

/// What is measured of an image.
const ERROR: Measure = Measure {
    name: "Mean error",
    unit: "pixels",
    phrase: "mean error, pixels",
};

/// Everything that a training run depends on, besides its images.
#[derive(Config, Debug)]
pub struct TrainingConfig {
    /// The network.
    pub model: HeatmapNetConfig,
    /// The points that it finds.
    pub skeleton: Skeleton,
    /// How it is trained.
    pub settings: TrainingSettings,
}

/// Trains a network, with everything that belongs to it in a new directory.
pub fn train(
    config: &TrainingConfig,
    parts: &Parts,
    directory: &Path,
    device: &Device,
    interrupter: &Interrupter,
) -> Result<Trained<HeatmapNet>> {
    let training = Training {
        directory,
        label: config.model.method.name(),
        measure: ERROR,
        settings: &config.settings,
        // A mean over a thousand cells has gradients as small as the default epsilon.
        optimizer: AdamConfig::new().with_epsilon(1e-8),
        devices: std::slice::from_ref(device),
        interrupter,
        resume: None,
    };
    training.run(
        config,
        |device| config.model.init(device),
        KeypointBatcher,
        parts.train.clone(),
        parts.valid.clone(),
    )
}

/// Loads a network that [`train`] has saved, and its configuration.
pub fn load(directory: &Path, device: &Device) -> Result<(HeatmapNet, TrainingConfig)> {
    examples_common::load(directory, |config: &TrainingConfig| {
        config.model.init(device)
    })
}
