//! Where the traces come from, and how the network gets them.

mod annotations;
mod batch;
mod noise;
mod record;
mod synthetic;

use std::path::Path;

use anyhow::Result;
use rand::{SeedableRng, rngs::StdRng};

pub use batch::{PeakBatch, PeakBatcher, PeakDataset};
use noise::Noise;
use record::RecordWindows;
use synthetic::SyntheticTraces;

/// Samples in a window. The shortest time between two beats of the example's record is 188
/// samples, so that few windows of this length hold two.
pub const WINDOW: usize = 192;

/// A trace and the index of its peak, in samples.
#[derive(Clone, Debug)]
pub struct Window {
    pub trace: Vec<f32>,
    pub peak: f32,
    /// Where the window starts in the record it was cut from; 0 where there is none.
    pub start: usize,
}

/// The three parts of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Valid,
    Test,
}

impl Split {
    pub const ALL: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Valid => "valid",
            Split::Test => "test",
        }
    }
}

/// A source of windows: a window is always the same for the same seed.
pub struct Source {
    traces: Traces,
    noise: Option<Noise>,
    name: String,
    seed: u64,
}

enum Traces {
    Synthetic(SyntheticTraces),
    Record(RecordWindows),
}

impl Source {
    /// Traces made from the seed.
    pub fn synthetic(seed: u64) -> Self {
        Self {
            traces: Traces::Synthetic(SyntheticTraces),
            noise: None,
            name: "synthetic traces".to_string(),
            seed,
        }
    }

    /// Windows round the annotated beats of a record, with electrode noise at `noise_db` if given.
    pub fn record(path: &Path, lead: usize, noise_db: Option<f64>, seed: u64) -> Result<Self> {
        let record = RecordWindows::open(path, lead)?;
        Ok(Self {
            noise: noise_db.map(|decibels| Noise::at_decibels(decibels, record.variance())),
            name: match noise_db {
                Some(decibels) => format!("{}, noise at {decibels} dB", record.name()),
                None => record.name().to_string(),
            },
            traces: Traces::Record(record),
            seed,
        })
    }

    /// What the traces are, for titles.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many peaks there are, and what became of them.
    pub fn counts(&self) -> String {
        match &self.traces {
            Traces::Synthetic(_) => {
                let [train, valid, test] = Split::ALL.map(|split| self.peaks(split));
                format!("{train} train, {valid} valid, {test} test")
            }
            Traces::Record(record) => record.counts(),
        }
    }

    /// Peaks in a split.
    pub fn peaks(&self, split: Split) -> usize {
        match &self.traces {
            Traces::Synthetic(_) => SyntheticTraces::len(split),
            Traces::Record(record) => record.len(split),
        }
    }

    /// A window of a split. Each draw has a new offset (or, of a synthetic trace, is a new trace)
    /// and new noise.
    pub fn window(&self, split: Split, index: usize, draw: usize) -> Window {
        // Every window has a random stream of its own, whatever the order they are asked for in.
        let mut stream = [0; 32];
        let key = [self.seed, split as u64, draw as u64, index as u64];
        for (bytes, word) in stream.chunks_exact_mut(8).zip(key) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = StdRng::from_seed(stream);
        let mut window = match &self.traces {
            Traces::Synthetic(traces) => traces.window(&mut rng),
            Traces::Record(record) => record.window(split, index, &mut rng),
        };
        if let Some(noise) = &self.noise {
            noise.add_to(&mut window.trace, &mut rng);
        }
        window
    }
}
