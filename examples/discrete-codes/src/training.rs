use std::path::Path;

use anyhow::Result;
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
        config,
        |device| config.model.init(device),
        DigitBatcher,
        Part(digits.train.clone()),
        Part(digits.valid.clone()),
    )
}

/// Loads a network that [`train`] has saved.
pub fn load(directory: &Path, device: &Device) -> Result<Autoencoder> {
    let (model, _) = examples_common::load(directory, |config: &TrainingConfig| {
        config.model.init(device)
    })?;
    Ok(model)
}
