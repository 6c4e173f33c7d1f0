use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::{evaluation::Errors, op::Op};

/// The errors on the test part: plain argmax of the raw trace, and each operator's network.
#[derive(Serialize)]
pub struct Report {
    pub data: String,
    pub windows: String,
    pub device: String,
    pub seed: u64,
    pub raw_argmax: Errors,
    pub networks: Vec<Network>,
}

/// One trained network.
#[derive(Serialize)]
pub struct Network {
    pub op: &'static str,
    /// Before training, with random weights.
    pub untrained: Errors,
    pub trained: Errors,
}

impl Report {
    /// The table for people.
    pub fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_header([
            "test part",
            "mean |error|, samples",
            "median",
            "within 5",
            "before training",
        ]);
        let row = |name: &str, errors: &Errors, before: String| {
            [
                name.to_string(),
                format!("{:.3}", errors.mean_absolute),
                format!("{:.3}", errors.median),
                format!("{:.1} %", errors.within_5),
                before,
            ]
        };
        table.add_row(row("argmax of the trace", &self.raw_argmax, "-".into()));
        for network in &self.networks {
            table.add_row(row(
                &format!("network, {}", network.op),
                &network.trained,
                format!("{:.3}", network.untrained.mean_absolute),
            ));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// What the table shows of the sign trick, if it was run.
    pub fn remark(&self) -> Option<&'static str> {
        let sign = self
            .networks
            .iter()
            .find(|network| network.op == Op::Sign.name())?;
        (sign.trained.mean_absolute == sign.untrained.mean_absolute).then_some(
            "sign: the error after training is the error before it, to the last bit: \
             its gradient is zero, so no weight has moved.",
        )
    }

    /// Saves the report as JSON.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}
