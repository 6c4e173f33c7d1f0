use std::sync::Arc;

use anyhow::{Result, ensure};
use burn::data::dataset::{Dataset, DatasetError};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::{Data, Sample};

/// The share of the images that is validated on, and that is tested on, in percent.
const HELD_OUT: usize = 15;

/// Some of the samples, as the learner takes them.
#[derive(Clone)]
pub struct Part(pub Arc<[Sample]>);

impl Dataset<Sample> for Part {
    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        Ok(self.0[index].clone())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// The samples, by what they are for.
pub struct Parts {
    pub train: Part,
    pub valid: Part,
    pub test: Part,
}

impl Parts {
    /// Each seed splits them differently.
    pub fn new(data: &Data, seed: u64) -> Result<Self> {
        let mut samples = data.samples.clone();
        ensure!(
            samples.len() >= 3,
            "{}: at least 3 images with points are needed, to train, to validate and to test",
            data.name
        );
        samples.shuffle(&mut StdRng::seed_from_u64(seed));
        let held_out = (samples.len() * HELD_OUT / 100).max(1);
        let (test, rest) = samples.split_at(held_out);
        let (valid, train) = rest.split_at(held_out);
        let part = |samples: &[Sample]| Part(samples.into());
        Ok(Self {
            train: part(train),
            valid: part(valid),
            test: part(test),
        })
    }
}
