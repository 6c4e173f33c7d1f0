use std::path::Path;

use anyhow::{Context, Result};
use burn::{optim::AdamConfig, prelude::*, train::Interrupter};
use examples_common::{Measure, Trained, Training, TrainingSettings};

use crate::{
    data::{DigitBatcher, Digits, Part},
    model::{Autoencoder, AutoencoderConfig},
};

/// What is measured of a digit, and trained.
pub const BOUND: Measure = Measure {
    name: "Negative bound",
    unit: "nats",
    phrase: "negative bound",
};

/// Everything that a training run depends on, besides its data.
#[derive(Config, Debug)]
pub struct TrainingConfig {
    /// The network.
    pub model: AutoencoderConfig,
    /// How it is trained.
    pub settings: TrainingSettings,
}

/// Trains a network, with everything that belongs to it in a new directory.
pub fn train(
    config: &TrainingConfig,
    digits: &Digits,
    directory: &Path,
    device: &Device,
    interrupter: &Interrupter,
) -> Result<Trained<Autoencoder>> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    config
        .save(directory.join("config.json"))
        .context("cannot save the configuration")?;
    let training = Training {
        directory,
        label: config.model.choice.name(),
        measure: BOUND,
        settings: &config.settings,
        optimizer: AdamConfig::new(),
        devices: std::slice::from_ref(device),
        interrupter,
        resume: None,
    };
    training.run(
        |device| config.model.init(device),
        DigitBatcher,
        Part(digits.train.clone()),
        Part(digits.valid.clone()),
    )
}

/// Loads a network that [`train`] has saved.
pub fn load(directory: &Path, device: &Device) -> Result<Autoencoder> {
    let path = directory.join("config.json");
    let config = TrainingConfig::load(&path)
        .with_context(|| format!("cannot load the configuration {}", path.display()))?;
    config
        .model
        .init(device)
        .try_load_file(directory.join("model"))
        .with_context(|| format!("cannot load the model in {}", directory.display()))
}
