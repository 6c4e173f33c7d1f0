use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use burn::{
    data::{
        dataloader::batcher::Batcher,
        dataset::{Dataset, DatasetError},
    },
    tensor::{Device, Tensor, TensorData},
};

use super::{Source, Split, WINDOW, Window};

/// The windows of a split.
pub struct PeakDataset {
    source: Arc<Source>,
    split: Split,
    /// Windows handed out so far, where each pass over the split shall draw anew.
    drawn: Option<AtomicUsize>,
}

impl PeakDataset {
    /// The same windows on every pass.
    pub fn fixed(source: Arc<Source>, split: Split) -> Self {
        Self {
            source,
            split,
            drawn: None,
        }
    }

    /// New offsets and new noise on every pass, after so many that were made before. The passes are told apart
    /// by counting windows: each must be complete before the next begins.
    pub fn drawn_anew(source: Arc<Source>, split: Split, passes: usize) -> Self {
        let drawn = passes * source.peaks(split);
        Self {
            drawn: Some(AtomicUsize::new(drawn)),
            ..Self::fixed(source, split)
        }
    }
}

impl Dataset<Window> for PeakDataset {
    fn get(&self, index: usize) -> Result<Window, DatasetError> {
        let draw = match &self.drawn {
            Some(drawn) => drawn.fetch_add(1, Ordering::Relaxed) / self.len(),
            None => 0,
        };
        Ok(self.source.window(self.split, index, draw))
    }

    fn len(&self) -> usize {
        self.source.peaks(self.split)
    }
}

/// Standardised traces and the indices of their peaks.
#[derive(Clone, Debug)]
pub struct PeakBatch {
    /// `[batch, WINDOW]`, each trace of mean 0 and variance 1.
    pub traces: Tensor<2>,
    /// `[batch, 1]`, in samples.
    pub peaks: Tensor<2>,
}

/// Stacks windows into a batch.
#[derive(Clone)]
pub struct PeakBatcher;

impl Batcher<Window, PeakBatch> for PeakBatcher {
    fn batch(&self, windows: Vec<Window>, device: &Device) -> PeakBatch {
        let batch = windows.len();
        let peaks: Vec<f32> = windows.iter().map(|window| window.peak).collect();
        let traces: Vec<f32> = windows
            .iter()
            .flat_map(|window| standardised(&window.trace))
            .collect();
        PeakBatch {
            traces: Tensor::from_data(TensorData::new(traces, [batch, WINDOW]), device),
            peaks: Tensor::from_data(TensorData::new(peaks, [batch, 1]), device),
        }
    }
}

fn standardised(trace: &[f32]) -> Vec<f32> {
    let n = trace.len() as f32;
    let mean = trace.iter().sum::<f32>() / n;
    let variance = trace.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n;
    let scale = variance.sqrt().max(f32::MIN_POSITIVE).recip();
    trace.iter().map(|v| (v - mean) * scale).collect()
}
