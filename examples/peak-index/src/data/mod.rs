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
    /// The first sample of the window in the record it was cut from.
    pub start: Option<usize>,
}

/// The three parts of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    Train,
    Valid,
    Test,
}

/// A source of windows: window `index` of a split is always the same for the same seed.
pub struct Source {
    traces: Traces,
    noise: Option<Noise>,
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
            seed,
        }
    }

    /// Windows round the annotated beats of a record, with electrode noise at `noise_db` if given.
    pub fn record(path: &Path, lead: usize, noise_db: Option<f64>, seed: u64) -> Result<Self> {
        Ok(Self {
            traces: Traces::Record(RecordWindows::open(path, lead)?),
            noise: noise_db.map(Noise::at_decibels),
            seed,
        })
    }

    /// What the windows are, for the report.
    pub fn description(&self) -> String {
        match &self.traces {
            Traces::Synthetic(_) => "synthetic traces".to_string(),
            Traces::Record(record) => record.description(),
        }
    }

    /// Peaks in a split.
    pub fn peaks(&self, split: Split) -> usize {
        match &self.traces {
            Traces::Synthetic(_) => SyntheticTraces::len(split),
            Traces::Record(record) => record.len(split),
        }
    }

    /// A window of a split. Past the number of peaks, the same peaks come back with a new offset
    /// and new noise.
    pub fn window(&self, split: Split, index: usize) -> Window {
        // Mixed, so that neighbouring indices and splits share nothing.
        let stream = (split as u64 + 1) << 40 | index as u64;
        let mut rng = StdRng::seed_from_u64(
            self.seed
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(stream.wrapping_mul(0xd1b5_4a32_d192_ed03)),
        );
        let mut window = match &self.traces {
            Traces::Synthetic(traces) => traces.window(&mut rng),
            Traces::Record(record) => {
                record.window(split, index % record.len(split).max(1), &mut rng)
            }
        };
        if let Some(noise) = &self.noise {
            noise.add_to(&mut window.trace, &mut rng);
        }
        window
    }
}
