use comfy_table::{CellAlignment, Table, presets};

use crate::{
    data::Example,
    decode::{Corners, Decoding},
    method::Method,
};

/// How well one method did with one decoding, on one seed.
pub struct Outcome {
    pub seed: u64,
    pub method: Method,
    pub decoding: Decoding,
    /// Distances from the true corners, in pixels of the image.
    pub errors: Vec<f64>,
}

impl Outcome {
    /// From the corners found in the test images.
    pub fn new(
        seed: u64,
        method: Method,
        decoding: Decoding,
        found: &[Corners],
        test: &[Example],
    ) -> Self {
        let errors = found.iter().zip(test).flat_map(|(found, example)| {
            let pairs = found.iter().zip(&example.corners);
            pairs.map(|(found, truth)| (found[0] - truth[0]).hypot(found[1] - truth[1]))
        });
        let mut errors: Vec<f64> = errors.collect();
        errors.sort_by(f64::total_cmp);
        Self {
            seed,
            method,
            decoding,
            errors,
        }
    }

    fn mean(&self) -> f64 {
        self.errors.iter().sum::<f64>() / self.errors.len() as f64
    }

    fn within(&self, pixels: f64) -> f64 {
        let within = self.errors.partition_point(|&error| error <= pixels);
        100.0 * within as f64 / self.errors.len() as f64
    }
}

/// Every outcome, one a line.
pub fn table(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header([
        "seed",
        "trained through",
        "decoded by",
        "mean error, pixels",
        "median",
        "within 1 pixel",
    ]);
    for outcome in outcomes {
        table.add_row([
            outcome.seed.to_string(),
            outcome.method.name().to_owned(),
            outcome.decoding.name().to_owned(),
            format!("{:.3}", outcome.mean()),
            format!("{:.3}", outcome.errors[outcome.errors.len() / 2]),
            format!("{:.1} %", outcome.within(1.0)),
        ]);
    }
    for column in 3..6 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
