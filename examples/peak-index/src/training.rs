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
    train::{Interrupter, Learner, SupervisedTraining, metric::LossMetric},
};

use crate::{
    data::{PeakBatch, PeakBatcher, PeakDataset, Source, Split},
    learned::learned,
    metric::{Curve, Recorded},
    model::{PeakNet, PeakNetConfig},
    progress::Progress,
};

/// Everything that a training run depends on, besides its data.
#[derive(Config, Debug)]
pub struct TrainingConfig {
    /// The network.
    pub model: PeakNetConfig,
    /// Passes over the training part.
    #[config(default = 8)]
    pub epochs: usize,
    /// Windows in a step.
    #[config(default = 32)]
    pub batch_size: usize,
    /// Seed of the weights, of the data and of its order.
    #[config(default = 0)]
    pub seed: u64,
    /// The learning rate at the start; it falls to 0 by a half cosine.
    #[config(default = 3e-3)]
    pub learning_rate: f64,
}

/// A trained network and the mean absolute errors on the way, in samples.
pub struct Trained {
    pub model: PeakNet,
    pub train_curve: Vec<f64>,
    pub valid_curve: Vec<f64>,
}

/// Trains in `directory`, which gets the metrics, the checkpoints, the configuration and, at the
/// end, the model.
pub fn train(
    config: &TrainingConfig,
    source: &Arc<Source>,
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
    let loader = |dataset| -> Arc<dyn DataLoader<PeakBatch>> {
        DataLoaderBuilder::new(PeakBatcher)
            .batch_size(config.batch_size)
            .shuffle(config.seed)
            .set_device(device.clone())
            .build::<PeakDataset>(dataset)
    };
    let steps = source.peaks(Split::Train).div_ceil(config.batch_size);
    let schedule =
        CosineAnnealingLrSchedulerConfig::new(config.learning_rate, steps * config.epochs)
            .init()
            .map_err(|error| anyhow!(error))?;
    let learner = Learner::new(
        config.model.init(&device),
        AdamConfig::new().init(),
        schedule,
    );

    let curves: [Curve; 2] = [(); 2].map(|()| Arc::new(Mutex::new(Vec::new())));
    let error = |curve| Recorded::new("Index error", "samples", curve, interrupter);
    let progress = Progress::new(config.model.op.name(), "mean absolute error", &curves);
    let result = SupervisedTraining::new(
        directory,
        loader(PeakDataset::drawn_anew(source.clone(), Split::Train)),
        loader(PeakDataset::fixed(source.clone(), Split::Valid)),
    )
    .metric_train_numeric(LossMetric::new())
    .metric_valid_numeric(LossMetric::new())
    .metric_train_numeric(error(&curves[0]))
    .metric_valid_numeric(error(&curves[1]))
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
pub fn load(directory: &Path, device: &Device) -> Result<PeakNet> {
    let path = directory.join("config.json");
    let config = TrainingConfig::load(&path)
        .with_context(|| format!("cannot load the configuration {}", path.display()))?;
    config
        .model
        .init(device)
        .try_load_file(directory.join("model"))
        .with_context(|| format!("cannot load the model in {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    #[test]
    fn a_configuration_comes_back_equal() {
        let config = TrainingConfig::new(PeakNetConfig::new(Op::StraightThrough))
            .with_epochs(3)
            .with_seed(5);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        config.save(&path).unwrap();
        let loaded = TrainingConfig::load(&path).unwrap();
        assert_eq!(loaded.to_string(), config.to_string());
    }
}
