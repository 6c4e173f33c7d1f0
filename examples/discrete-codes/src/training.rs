use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, anyhow};
use burn::{
    data::dataloader::{DataLoader, DataLoaderBuilder},
    lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig,
    optim::AdamConfig,
    prelude::*,
    train::{Interrupter, Learner, SupervisedTraining},
};

use crate::{
    data::{DigitBatcher, Digits, Dots, Part},
    learned::learned,
    metric::{Curve, Recorded},
    model::{Autoencoder, AutoencoderConfig},
    progress::Progress,
};

/// Everything that a training run depends on, besides its data.
#[derive(Config, Debug)]
pub struct TrainingConfig {
    /// The network.
    pub model: AutoencoderConfig,
    /// Passes over the training part.
    #[config(default = 100)]
    pub epochs: usize,
    /// Digits in a step.
    #[config(default = 32)]
    pub batch_size: usize,
    /// Seed of the weights, of the order and of the draws.
    #[config(default = 0)]
    pub seed: u64,
    /// The learning rate at the start; it falls to 0 by a half cosine.
    #[config(default = 3e-3)]
    pub learning_rate: f64,
}

/// A trained network and the mean bounds on the way, in nats.
pub struct Trained {
    pub model: Autoencoder,
    pub train_curve: Vec<f64>,
    pub valid_curve: Vec<f64>,
}

/// Trains a network, with everything that belongs to it in a new directory.
pub fn train(
    config: &TrainingConfig,
    digits: &Digits,
    directory: &Path,
    device: &Device,
    interrupter: &Interrupter,
) -> Result<Trained> {
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    config
        .save(directory.join("config.json"))
        .context("cannot save the configuration")?;

    let device = device.clone().autodiff();
    device.seed(config.seed);
    let loader = |part: &Arc<[_]>| -> Arc<dyn DataLoader<Dots>> {
        DataLoaderBuilder::new(DigitBatcher)
            .batch_size(config.batch_size)
            .shuffle(config.seed)
            .set_device(device.clone())
            .build(Part(part.clone()))
    };
    let steps = digits.train.len().div_ceil(config.batch_size) * config.epochs;
    let schedule = CosineAnnealingLrSchedulerConfig::new(config.learning_rate, steps)
        .init()
        .map_err(|error| anyhow!(error))?;
    let learner = Learner::new(
        config.model.init(&device),
        AdamConfig::new().init(),
        schedule,
    );

    let curves: [Curve; 2] = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
    let bound = |curve| Recorded::new("Negative bound", "nats", curve, interrupter);
    let progress = Progress::new(config.model.choice.name(), "negative bound", &curves);
    let result = SupervisedTraining::new(directory, loader(&digits.train), loader(&digits.valid))
        .metric_train_numeric(bound(&curves[0]))
        .metric_valid_numeric(bound(&curves[1]))
        .with_default_checkpointers()
        .with_application_logger(None)
        .with_interrupter(interrupter.clone())
        .renderer(Box::new(progress))
        .num_epochs(config.epochs)
        .launch(learner);

    let model = learned(result, directory)?;
    let [train_curve, valid_curve] =
        curves.map(|curve| curve.lock().expect("no holder panics").clone());
    Ok(Trained {
        model,
        train_curve,
        valid_curve,
    })
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
