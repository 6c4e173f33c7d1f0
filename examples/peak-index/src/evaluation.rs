//! Predicted against true indices.

use std::sync::Arc;

use burn::{
    data::{dataloader::batcher::Batcher, dataset::Dataset},
    tensor::Device,
};
use examples_common::median;
use serde::Serialize;

use crate::{
    data::{PeakBatcher, PeakDataset, Source, Split, Window},
    model::PeakNet,
};

/// The true and the predicted index of every window of a split, in samples.
pub struct Predictions {
    pub windows: Vec<Window>,
    pub predicted: Vec<f32>,
}

/// What is reported of a set of errors.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Errors {
    /// Mean absolute error, in samples.
    pub mean_absolute: f64,
    /// Median absolute error, in samples.
    pub median: f64,
    /// Share of windows with an error of at most 5 samples, in percent.
    pub within_5: f64,
}

impl Predictions {
    /// The network's predictions.
    pub fn of_model(
        model: &PeakNet,
        source: &Arc<Source>,
        split: Split,
        batch_size: usize,
        device: &Device,
    ) -> Self {
        let windows = windows(source, split);
        let predicted = windows
            .chunks(batch_size)
            .flat_map(|chunk| {
                let batch = PeakBatcher.batch(chunk.to_vec(), device);
                model
                    .forward(batch.traces)
                    .into_data()
                    .iter::<f32>()
                    .collect::<Vec<_>>()
            })
            .collect();
        Self { windows, predicted }
    }

    /// The baseline's: plain argmax of the raw trace.
    pub fn of_raw_argmax(source: &Arc<Source>, split: Split) -> Self {
        let windows = windows(source, split);
        let predicted = windows
            .iter()
            .map(|window| {
                // The first of equal values, as `Tensor::argmax` takes it; `max_by` takes the last.
                let samples = window.trace.iter().enumerate().rev();
                let largest = samples.max_by(|a, b| a.1.total_cmp(b.1));
                largest.map_or(0.0, |(index, _)| index as f32)
            })
            .collect();
        Self { windows, predicted }
    }

    /// Predicted minus true, in samples.
    pub fn signed_errors(&self) -> impl Iterator<Item = f64> + '_ {
        self.windows
            .iter()
            .zip(&self.predicted)
            .map(|(window, predicted)| f64::from(predicted - window.peak))
    }

    /// The summary of the errors.
    pub fn errors(&self) -> Errors {
        let mut absolute: Vec<f64> = self.signed_errors().map(f64::abs).collect();
        absolute.sort_by(f64::total_cmp);
        let n = absolute.len() as f64;
        Errors {
            mean_absolute: absolute.iter().sum::<f64>() / n,
            median: median(&absolute),
            within_5: 100.0 * absolute.iter().filter(|&&error| error <= 5.0).count() as f64 / n,
        }
    }
}

fn windows(source: &Arc<Source>, split: Split) -> Vec<Window> {
    let dataset = PeakDataset::fixed(source.clone(), split);
    dataset
        .iter()
        .map(|window| window.expect("windows are cut from memory"))
        .collect()
}
