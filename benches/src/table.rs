//! Records, as a table and as CSV.

use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::{
    backend::BackendKind,
    cases::Case,
    limits::Limit,
    measure::Samples,
    op::{BETA, Op, Pass, Variant},
};

/// What was measured of one operator on one input in one pass. Times in milliseconds.
#[derive(Debug, Serialize)]
pub struct Record {
    backend: &'static str,
    op: &'static str,
    shape: String,
    dim: usize,
    pass: &'static str,
    beta: f64,
    dtype: &'static str,
    threads: usize,
    clock: &'static str,
    samples: usize,
    ours_ms: f64,
    ours_p10_ms: f64,
    ours_p90_ms: f64,
    composition_ms: f64,
    composition_p10_ms: f64,
    composition_p90_ms: f64,
    reference_ms: f64,
    reference_p10_ms: f64,
    reference_p90_ms: f64,
    read_ms: f64,
    copy_ms: f64,
    write_ms: f64,
    copy_to_new_ms: f64,
    write_new_ms: f64,
    /// The sweeps that make up the limit, e.g. `read+copy`.
    limit: String,
    limit_ms: f64,
    limit_p10_ms: f64,
    limit_p90_ms: f64,
    times_composition: f64,
    times_reference: f64,
    fraction_of_limit: f64,
    /// The same where what the sweeps write is allocated first.
    fraction_of_limit_to_new: f64,
    input_bytes: u64,
    memory: &'static str,
    ours_peak_bytes: Option<u64>,
    composition_peak_bytes: Option<u64>,
    reference_peak_bytes: Option<u64>,
}

impl Record {
    /// Sums up the samples; `times` and `peaks` are in the order of [`Variant::ALL`], `limits` in
    /// that of [`Limit::ALL`].
    pub fn new(
        (backend, op, case, pass): (BackendKind, Op, &Case, Pass),
        clock: &'static str,
        times: &[Samples; Variant::ALL.len()],
        limits: &[Samples; Limit::ALL.len()],
        peaks: [Option<u64>; Variant::ALL.len()],
        input_bytes: u64,
    ) -> Self {
        let [ours, composition, reference] = times;
        let [read, copy, write, copy_to_new, write_new] = limits;
        let sweeps = op.limit(pass);
        let names: Vec<_> = sweeps.iter().map(|limit| limit.name()).collect();
        let limit_ms = |q| {
            let sweep_ms = |limit: &Limit| limits[*limit as usize].quantile_ms(q);
            sweeps.iter().map(sweep_ms).sum::<f64>()
        };
        let to_new_ms = |limit: &Limit| limits[limit.to_new() as usize].median_ms();
        let limit_to_new_ms: f64 = sweeps.iter().map(to_new_ms).sum();
        Self {
            backend: backend.name(),
            op: op.name(),
            shape: case.shape(),
            dim: case.dim(),
            pass: pass.name(),
            beta: BETA,
            dtype: "f32",
            threads: rayon::current_num_threads(),
            clock,
            samples: ours.len(),
            ours_ms: ours.median_ms(),
            ours_p10_ms: ours.quantile_ms(0.1),
            ours_p90_ms: ours.quantile_ms(0.9),
            composition_ms: composition.median_ms(),
            composition_p10_ms: composition.quantile_ms(0.1),
            composition_p90_ms: composition.quantile_ms(0.9),
            reference_ms: reference.median_ms(),
            reference_p10_ms: reference.quantile_ms(0.1),
            reference_p90_ms: reference.quantile_ms(0.9),
            read_ms: read.median_ms(),
            copy_ms: copy.median_ms(),
            write_ms: write.median_ms(),
            copy_to_new_ms: copy_to_new.median_ms(),
            write_new_ms: write_new.median_ms(),
            limit: names.join("+"),
            limit_ms: limit_ms(0.5),
            limit_p10_ms: limit_ms(0.1),
            limit_p90_ms: limit_ms(0.9),
            times_composition: composition.median_ms() / ours.median_ms(),
            times_reference: reference.median_ms() / ours.median_ms(),
            fraction_of_limit: limit_ms(0.5) / ours.median_ms(),
            fraction_of_limit_to_new: limit_to_new_ms / ours.median_ms(),
            input_bytes,
            memory: if backend.is_host() {
                "allocator"
            } else {
                "device pool"
            },
            ours_peak_bytes: peaks[0],
            composition_peak_bytes: peaks[1],
            reference_peak_bytes: peaks[2],
        }
    }
}

/// Writes records as CSV, one a line below a header.
pub fn write_csv<R: Serialize>(path: &Path, records: &[R]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut writer = csv::Writer::from_path(path).with_context(context)?;
    for record in records {
        writer.serialize(record).with_context(context)?;
    }
    writer.flush().with_context(context)
}

/// Prints the records, the sweeps that the limits are made of, and columns against rows.
pub fn print(records: &[Record], quick: bool) {
    let Some(first) = records.first() else {
        return;
    };
    println!(
        "\nTime in ms: median [10th..90th percentile]; f32, beta {}, {} threads on the CPU",
        first.beta, first.threads
    );
    println!("Peak memory in MiB above the input; `x comp.`, `x ref.`: times faster than each");
    println!("`of limit`: of its speed; `to new`: of that to memory that is allocated first\n");
    let mut table = new_table(&[
        "backend",
        "op",
        "shape",
        "pass",
        "ours",
        "composition",
        "reference",
        "limit",
        "x comp.",
        "x ref.",
        "of limit",
        "to new",
        "peak ours",
        "peak comp.",
        "clock",
    ]);
    for r in records {
        table.add_row([
            r.backend.to_string(),
            r.op.to_string(),
            format!("{} dim {}", r.shape, r.dim),
            r.pass.to_string(),
            spread(r.ours_ms, r.ours_p10_ms, r.ours_p90_ms),
            spread(r.composition_ms, r.composition_p10_ms, r.composition_p90_ms),
            spread(r.reference_ms, r.reference_p10_ms, r.reference_p90_ms),
            format!(
                "{} {}",
                r.limit,
                spread(r.limit_ms, r.limit_p10_ms, r.limit_p90_ms)
            ),
            format!("{:.1}", r.times_composition),
            format!("{:.1}", r.times_reference),
            format!("{:.2}", r.fraction_of_limit),
            format!("{:.2}", r.fraction_of_limit_to_new),
            mebibytes(r.ours_peak_bytes),
            mebibytes(r.composition_peak_bytes),
            r.clock.to_string(),
        ]);
    }
    align_numbers(&mut table, 4..14);
    println!("{table}\n");
    print_bandwidths(records);
    print_columns(records);
    if quick {
        println!("--quick: small shapes and few samples. These figures say only that it works.");
    }
}

/// The machine's bandwidths beside the cases, in GB/s.
fn print_bandwidths(records: &[Record]) {
    println!("Bandwidth in GB/s (10^9 bytes; a copy counts what it reads and what it writes)\n");
    let mut table = new_table(&[
        "backend",
        "op",
        "shape",
        "MiB",
        "read",
        "copy",
        "write",
        "copy to new",
        "write new",
    ]);
    let forward = Pass::Forward.name();
    for r in records.iter().filter(|r| r.pass == forward) {
        let gigabytes =
            |sweeps: f64, ms: f64| format!("{:.1}", sweeps * r.input_bytes as f64 / (ms * 1e6));
        table.add_row([
            r.backend.to_string(),
            r.op.to_string(),
            r.shape.clone(),
            mebibytes(Some(r.input_bytes)),
            gigabytes(1.0, r.read_ms),
            gigabytes(2.0, r.copy_ms),
            gigabytes(1.0, r.write_ms),
            gigabytes(2.0, r.copy_to_new_ms),
            gigabytes(1.0, r.write_new_ms),
        ]);
    }
    align_numbers(&mut table, 3..9);
    println!("{table}\n");
}

/// The same numbers along dimension 1 and along the last dimension.
fn print_columns(records: &[Record]) {
    let mut table = new_table(&["backend", "op", "pass", "columns", "rows", "columns / rows"]);
    for pair in records.iter().filter(|r| r.is_volume_columns()) {
        let rows = records.iter().find(|r| {
            r.dim == 3 && (r.backend, r.op, r.pass) == (pair.backend, pair.op, pair.pass)
        });
        let Some(rows) = rows else { continue };
        table.add_row([
            pair.backend.to_string(),
            pair.op.to_string(),
            pair.pass.to_string(),
            format!("{} {}", pair.shape, milliseconds(pair.ours_ms)),
            format!("{} {}", rows.shape, milliseconds(rows.ours_ms)),
            format!("{:.2}", pair.ours_ms / rows.ours_ms),
        ]);
    }
    align_numbers(&mut table, 3..6);
    println!("Ours along dimension 1 and along the last, the same numbers, ms\n\n{table}\n");
}

impl Record {
    fn is_volume_columns(&self) -> bool {
        self.dim == 1 && self.shape.matches('x').count() == 3
    }
}

/// An empty table with a header.
pub fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_header(header.iter().copied());
    table
}

/// Numbers read best flush right.
pub fn align_numbers(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in table
        .column_iter_mut()
        .take(columns.end)
        .skip(columns.start)
    {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A time with three significant digits or so.
pub fn milliseconds(ms: f64) -> String {
    let digits = if ms >= 100.0 {
        0
    } else if ms >= 10.0 {
        1
    } else if ms >= 1.0 {
        2
    } else {
        4
    };
    format!("{ms:.digits$}")
}

fn spread(median: f64, low: f64, high: f64) -> String {
    format!(
        "{} [{}..{}]",
        milliseconds(median),
        milliseconds(low),
        milliseconds(high)
    )
}

fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("?".into(), |bytes| {
        format!("{:.3}", bytes as f64 / f64::from(1 << 20))
    })
}
