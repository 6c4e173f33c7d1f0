use std::{
    fmt::Debug,
    path::Path,
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, anyhow, bail};
use burn::{
    data::{
        dataloader::{DataLoaderBuilder, batcher::Batcher},
        dataset::Dataset,
    },
    lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig,
    optim::AdamConfig,
    prelude::*,
    train::{
        ExecutionStrategy, InferenceStep, Interrupter, Learner, LearnerModel, LearnerSummary,
        LearningResult, MultiDeviceOptim, SupervisedTraining, TrainStep,
        checkpoint::{
            ComposedCheckpointingStrategy, KeepLastNCheckpoints, MetricCheckpointingStrategy,
        },
        metric::store::{Aggregate, Direction, Split},
    },
};

use crate::{
    Measured, checkpoint,
    metric::{EpochMean, MeanMetric, NOT_FINITE},
    passes::Passes,
    patience::Patience,
    progress::Progress,
};

/// The configuration of a run, in its directory.
const CONFIGURATION: &str = "config.json";
/// The trained model, but for its extension.
const MODEL: &str = "model";
/// The same while it is written.
const UNFINISHED: &str = "model-unfinished";

/// The settings of a training run, whatever it trains.
#[derive(Config, Debug)]
pub struct TrainingSettings {
    /// Passes over the training part.
    pub epochs: usize,
    /// Items in a step of a device.
    pub batch_size: usize,
    /// Seed of the weights, of the order and of what the network draws.
    #[config(default = 0)]
    pub seed: u64,
    /// The learning rate at the start; it falls to 0 by a half cosine.
    #[config(default = 3e-3)]
    pub learning_rate: f64,
    /// Stop after so many epochs without a better one, and keep the best.
    pub patience: Option<usize>,
}

/// What is measured of every item; small is good.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// The name in the metric files.
    pub name: &'static str,
    /// The unit of the values.
    pub unit: &'static str,
    /// The name in the line of an epoch.
    pub phrase: &'static str,
}

/// A training run.
pub struct Training<'a> {
    /// Gets the metrics, the checkpoints and, at the end, the model.
    pub directory: &'a Path,
    /// What the lines of progress begin with.
    pub label: &'static str,
    /// The measure of both parts.
    pub measure: Measure,
    /// Its settings.
    pub settings: &'a TrainingSettings,
    /// The optimizer.
    pub optimizer: AdamConfig,
    /// The devices to train on, at once; a step takes a batch on each.
    pub devices: &'a [Device],
    /// Stops the run.
    pub interrupter: &'a Interrupter,
    /// The epoch whose checkpoint the run goes on from.
    pub resume: Option<usize>,
}

/// A trained network and the mean of the measure in each epoch.
pub struct Trained<M> {
    /// For inference.
    pub model: M,
    /// Means of the training part.
    pub train_curve: Vec<f64>,
    /// Means of the validation part.
    pub valid_curve: Vec<f64>,
}

impl Training<'_> {
    /// Trains the model that `init` makes, and saves it in the directory, beside the configuration of all.
    pub fn run<M, I, B>(
        &self,
        config: &impl Config,
        init: impl FnOnce(&Device) -> M,
        batcher: impl Batcher<I, B> + Clone + 'static,
        train: impl Dataset<I> + 'static,
        valid: impl Dataset<I> + 'static,
    ) -> Result<Trained<M>>
    where
        M: LearnerModel
            + TrainStep<Input = B, Output = Measured>
            + InferenceStep<Input = B, Output = Measured>,
        I: Send + Sync + Clone + Debug + 'static,
        B: Send + Clone + Debug + 'static,
    {
        let (directory, settings) = (self.directory, self.settings);
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        config
            .save(directory.join(CONFIGURATION))
            .context("cannot save the configuration")?;
        if let Some(epoch) = self.resume {
            checkpoint::check(directory, epoch)?;
        }
        let batch_size = settings.batch_size.min(train.len());
        let devices: Vec<Device> = self.devices.iter().cloned().map(Device::autodiff).collect();
        let device = devices.first().context("no device to train on")?;
        device.seed(settings.seed);

        // Burn gives each device a share, the last the remainder too, and steps until all are through.
        let share = train.len() / devices.len();
        let largest = train.len() - share * (devices.len() - 1);
        let steps = largest.div_ceil(batch_size) * settings.epochs;
        let schedule = CosineAnnealingLrSchedulerConfig::new(settings.learning_rate, steps)
            .init()
            .map_err(|error| anyhow!(error))?;
        let model = init(device);
        if self.is_out_of_patience()? {
            return self.trained(model.valid());
        }
        let learner = Learner::new(model, self.optimizer.init(), schedule);

        let made = self.resume.unwrap_or(0);
        let builder = || {
            DataLoaderBuilder::new(batcher.clone())
                .batch_size(batch_size)
                .shuffle(settings.seed)
                .set_device(device.clone())
        };
        let train = Passes::new(builder().build(train), device, settings.seed, made);
        let valid = builder().build(valid);

        let means: [EpochMean; 2] = [(); 2].map(|()| Arc::new(Mutex::new(f64::NAN)));
        let metric = |mean| MeanMetric::new(self.measure, mean, self.interrupter);
        let best = MetricCheckpointingStrategy::new(
            &metric(&means[1]),
            Aggregate::Mean,
            Direction::Lowest,
            Split::Valid,
        );
        let checkpoints = ComposedCheckpointingStrategy::builder()
            .add(KeepLastNCheckpoints::new(2))
            .add(best)
            .build();
        let mut training = SupervisedTraining::new(directory, Arc::new(train), valid)
            .metric_train_numeric(metric(&means[0]))
            .metric_valid_numeric(metric(&means[1]))
            .with_default_checkpointers()
            .with_checkpointing_strategy(checkpoints)
            .with_training_strategy(
                ExecutionStrategy::multi(devices, MultiDeviceOptim::OptimMainDevice).into(),
            )
            .with_application_logger(None)
            .with_interrupter(self.interrupter.clone())
            .summary()
            .num_epochs(settings.epochs);
        if !cfg!(feature = "tui") {
            let progress = Progress::new(self.label, self.measure, &means);
            training = training.renderer(Box::new(progress));
        }
        if let Some(epochs) = settings.patience {
            training = training.early_stopping(Patience {
                metric: self.measure.name,
                epochs,
            });
        }
        if let Some(epoch) = self.resume {
            training = training.checkpoint(epoch);
        }
        self.learned(training.launch(learner))
    }

    /// What a run has learnt, its model saved; or why there is none.
    fn learned<M: Module>(&self, result: LearningResult<M>) -> Result<Trained<M>> {
        if let Some(error) = result.error {
            bail!("training stopped: {error}");
        }
        if let Some(interruption) = result.interrupted {
            let reason = interruption.reason.unwrap_or_default();
            if reason == NOT_FINITE {
                bail!("training stopped: {reason}; no model was saved");
            }
            bail!("interrupted by {reason}");
        }
        self.trained(result.model.valid())
    }

    /// Whether the epochs before an interruption have used up the patience.
    fn is_out_of_patience(&self) -> Result<bool> {
        let (Some(made), Some(patience)) = (self.resume, self.settings.patience) else {
            return Ok(false);
        };
        let [_, mut valid] = curves(self.directory, self.measure)?;
        valid.truncate(made);
        Ok(best_epoch(&valid).is_some_and(|best| made >= best + patience))
    }

    /// The model of the last epoch, or of the best where patience ended the run, saved.
    fn trained<M: Module>(&self, mut model: M) -> Result<Trained<M>> {
        let [train_curve, valid_curve] = curves(self.directory, self.measure)?;
        if self.settings.patience.is_some() {
            let epoch = best_epoch(&valid_curve).context("no epoch was validated")?;
            model = model.load_record(checkpoint::model(self.directory, epoch)?);
        }
        let save = || -> Result<()> {
            // Under its name when it is whole.
            let unfinished = self.directory.join(UNFINISHED);
            model.clone().save_file(&unfinished)?;
            let extension = |name: &str| self.directory.join(name).with_extension("bpk");
            Ok(std::fs::rename(extension(UNFINISHED), extension(MODEL))?)
        };
        save().with_context(|| format!("cannot save the model in {}", self.directory.display()))?;
        Ok(Trained {
            model,
            train_curve,
            valid_curve,
        })
    }
}

/// The first epoch of the smallest mean.
fn best_epoch(means: &[f64]) -> Option<usize> {
    let means = means.iter().enumerate();
    let best = means.min_by(|a, b| a.1.total_cmp(b.1))?;
    Some(best.0 + 1)
}

/// Loads the model that a run has saved, and the configuration from which `init` makes it.
pub fn load<C: Config, M: Module>(directory: &Path, init: impl FnOnce(&C) -> M) -> Result<(M, C)> {
    let path = directory.join(CONFIGURATION);
    let config = C::load(&path)
        .with_context(|| format!("cannot load the configuration {}", path.display()))?;
    let model = init(&config)
        .try_load_file(directory.join(MODEL))
        .with_context(|| format!("cannot load the model in {}", directory.display()))?;
    Ok((model, config))
}

/// The mean of the measure in each epoch of training and of validation, from the metric files of a run.
pub fn curves(directory: &Path, measure: Measure) -> Result<[Vec<f64>; 2]> {
    let summary = LearnerSummary::new(directory, &[measure.name])
        .map_err(|error| anyhow!(error))
        .context("cannot read the metrics")?;
    let parts = [summary.metrics.train, summary.metrics.valid];
    Ok(parts.map(|metrics| {
        let entries = metrics.into_iter().flat_map(|metric| metric.entries);
        entries.map(|entry| entry.value).collect()
    }))
}
