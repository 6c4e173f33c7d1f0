use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// The bounds of every network on the test part.
#[derive(Serialize)]
pub struct Report {
    pub device: &'static str,
    pub epochs: u32,
    pub networks: Vec<Network>,
}

/// One trained network.
#[derive(Serialize)]
pub struct Network {
    pub seed: u64,
    pub estimator: &'static str,
    /// Mean negative evidence lower bounds, in nats.
    pub train: f64,
    pub test: f64,
    pub untrained: f64,
    /// How far the reconstructed dots are from the digit's, from the likeliest code.
    pub error: f64,
}

impl Report {
    /// The table for people.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_header([
            "seed",
            "estimator",
            "test bound, nats",
            "training bound",
            "before training",
            "error, dots",
        ]);
        for network in &self.networks {
            table.add_row([
                network.seed.to_string(),
                network.estimator.to_owned(),
                format!("{:.2}", network.test),
                format!("{:.2}", network.train),
                format!("{:.1}", network.untrained),
                format!("{:.2}", network.error),
            ]);
        }
        for column in table.column_iter_mut().skip(2) {
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
