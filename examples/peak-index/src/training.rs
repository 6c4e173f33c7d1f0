use std::{path::Path, sync::Arc};

use anyhow::Result;
use burn::{optim::AdamConfig, prelude::*, train::Interrupter};
use examples_common::{Measure, Trained, Training, TrainingSettings};

use crate::{
    data::{PeakBatcher, PeakDataset, Source, Split},
    model::{PeakNet, PeakNetConfig},
};

/// What is measured of a window.
pub const INDEX_ERROR: Measure = Measure {
    name: "Index error",
    unit: "samples",
    phrase: "mean absolute error",
};

/// Everything that a training run depends on, besides its data.
#[derive(Config, Debug)]
pub struct TrainingConfig {
    /// The network.
    pub model: PeakNetConfig,
    /// How it is trained.
    pub settings: TrainingSettings,
}

/// Trains in `directory`, which gets everything that belongs to the network; goes on from the checkpoint of epoch
/// `resume` where there is one.
pub fn train(
    config: &TrainingConfig,
    source: &Arc<Source>,
    directory: &Path,
    devices: &[Device],
    interrupter: &Interrupter,
    resume: Option<usize>,
) -> Result<Trained<PeakNet>> {
    let training = Training {
        directory,
        label: config.model.op.name(),
        measure: INDEX_ERROR,
        settings: &config.settings,
        optimizer: AdamConfig::new(),
        devices,
        interrupter,
        resume,
    };
    training.run(
        config,
        |device| config.model.init(device),
        PeakBatcher,
        PeakDataset::drawn_anew(source.clone(), Split::Train, resume.unwrap_or(0)),
        PeakDataset::fixed(source.clone(), Split::Valid),
    )
}

/// Loads a network that [`train`] has saved.
pub fn load(directory: &Path, device: &Device) -> Result<PeakNet> {
    let (model, _) = examples_common::load(directory, |config: &TrainingConfig| {
        config.model.init(device)
    })?;
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Op;

    #[test]
    fn a_configuration_comes_back_equal() {
        let settings = TrainingSettings::new(3, 32).with_patience(Some(2));
        let config = TrainingConfig::new(PeakNetConfig::new(Op::StraightThrough), settings);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.json");
        config.save(&path).unwrap();
        let loaded = TrainingConfig::load(&path).unwrap();
        assert_eq!(loaded.to_string(), config.to_string());
    }
}
