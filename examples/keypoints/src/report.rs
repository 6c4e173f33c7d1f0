use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use examples_common::median;
use serde::Serialize;

use crate::{
    data::{SIZE, Sample},
    finding::Found,
};

/// The share of the image's side within which a point counts as correct.
const CORRECT: f64 = 0.05;

/// How well every network did on the test part.
#[derive(Serialize)]
pub struct Report {
    pub data: String,
    pub device: &'static str,
    pub epochs: u32,
    pub outcomes: Vec<Outcome>,
}

/// One network with one decoding of its heatmaps.
#[derive(Serialize)]
pub struct Outcome {
    pub seed: u64,
    pub method: &'static str,
    pub learning_rate: f64,
    /// The mean error in the last epoch's validation, in pixels.
    pub valid: f64,
    pub decoding: &'static str,
    pub test: Errors,
}

/// Distances of the points that are there from where they were found, in pixels of the image as the network gets it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Errors {
    pub mean: f64,
    pub median: f64,
    /// Share of points within a pixel, in percent.
    pub within_1: f64,
    /// PCK@0.05: share of points within 5 % of the image's side, in percent.
    pub pck: f64,
}

impl Errors {
    /// From what was found in each sample.
    pub fn new(samples: &[Sample], found: &[Vec<Found>]) -> Self {
        let points = samples.iter().flat_map(|sample| &sample.points);
        let mut errors: Vec<f64> = points
            .zip(found.iter().flatten())
            .filter_map(|(&point, found)| {
                point.map(|[x, y]| (found.at[0] - x).hypot(found.at[1] - y))
            })
            .collect();
        errors.sort_by(f64::total_cmp);
        let count = errors.len() as f64;
        let within =
            |pixels: f64| 100.0 * errors.partition_point(|&error| error <= pixels) as f64 / count;
        Self {
            mean: errors.iter().sum::<f64>() / count,
            median: median(&errors),
            within_1: within(1.0),
            pck: within(CORRECT * SIZE as f64),
        }
    }
}

impl Report {
    /// The table for people.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_header([
            "seed",
            "trained through",
            "learning rate",
            "decoded by",
            "mean error, pixels of 64",
            "median",
            "within 1",
            "PCK@0.05",
        ]);
        for outcome in &self.outcomes {
            table.add_row([
                outcome.seed.to_string(),
                outcome.method.to_owned(),
                outcome.learning_rate.to_string(),
                outcome.decoding.to_owned(),
                format!("{:.3}", outcome.test.mean),
                format!("{:.3}", outcome.test.median),
                format!("{:.1} %", outcome.test.within_1),
                format!("{:.1} %", outcome.test.pck),
            ]);
        }
        for column in table.column_iter_mut().skip(4) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// Saves the report as JSON.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_points_are_not_counted() {
        let sample = |points: &[Option<[f64; 2]>]| Sample {
            pixels: [].into(),
            points: points.to_vec(),
        };
        let found = |at| Found {
            at,
            confidence: 1.0,
        };
        let samples = [
            sample(&[None, Some([3.0, 4.0])]),
            sample(&[Some([10.0, 10.0]), Some([20.0, 0.0])]),
            sample(&[Some([5.0, 0.0]), None]),
        ];
        let found = [
            vec![found([9.0, 9.0]), found([3.0, 4.5])],
            vec![found([10.0, 12.0]), found([20.0, 10.0])],
            vec![found([5.0, 3.5]), found([0.0, 0.0])],
        ];
        let errors = Errors::new(&samples, &found);
        assert_eq!(errors.mean, 4.0);
        assert_eq!(errors.median, 2.75);
        assert_eq!(errors.within_1, 25.0);
        assert_eq!(errors.pck, 50.0);
    }
}
