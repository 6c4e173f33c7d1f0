//! Prints a table of all kernels: what each takes of a cube's shared memory, and with NVIDIA's tools of a thread's
//! registers. Layouts and weights that differ in the shape of the launch alone are one row, the worst of them.

use std::collections::BTreeMap;

use burn_argmax_sources::{Kernel, Machine, Source, Target, Toolkit, survey};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use rayon::prelude::*;

/// What belongs into one row.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kernel: String,
    target: Target,
    dtype: String,
    vectors: String,
}

#[derive(Default)]
struct Row {
    sources: usize,
    shared_bytes: usize,
    machine: Option<Machine>,
}

fn main() {
    let toolkit = Toolkit::from_env();
    let kernels: Vec<_> = Target::ALL.into_par_iter().flat_map_iter(survey).collect();
    let rows: Vec<_> = kernels
        .par_iter()
        .map(|kernel| (key(kernel), row(kernel, toolkit.as_ref())))
        .collect();
    let mut table = BTreeMap::<Key, Row>::new();
    for (key, row) in rows {
        table.entry(key).or_default().add(row);
    }
    println!("{}", print(&table));
}

fn key(kernel: &Kernel) -> Key {
    let axis = if kernel.layout.columns {
        "columns"
    } else {
        "rows"
    };
    Key {
        kernel: format!("{} {}", kernel.function, kernel.types.join(" ")),
        target: kernel.target,
        dtype: format!("{:?}", kernel.dtype),
        vectors: format!("{} of {axis}", kernel.layout.width),
    }
}

/// # Panics
///
/// If a kernel does not compile.
fn row(kernel: &Kernel, toolkit: Option<&Toolkit>) -> Row {
    let compile = |source: &Source| {
        let toolkit = toolkit.filter(|_| kernel.target == Target::Cuda)?;
        let machine = toolkit.compile(&source.text);
        Some(machine.unwrap_or_else(|error| panic!("{kernel}: {error}")))
    };
    match &kernel.source {
        Ok(source) => Row {
            sources: 1,
            shared_bytes: source.shared_bytes,
            machine: compile(source),
        },
        Err(error) => panic!("{kernel}: {error}"),
    }
}

impl Row {
    /// The worst of both.
    fn add(&mut self, other: Self) {
        self.sources += other.sources;
        self.shared_bytes = self.shared_bytes.max(other.shared_bytes);
        self.machine = match (self.machine.take(), other.machine) {
            (Some(this), Some(other)) => Some(Machine {
                registers: this.registers.max(other.registers),
                spilled: this.spilled.max(other.spilled),
                load_bits: this.load_bits.min(other.load_bits),
            }),
            (this, other) => this.or(other),
        };
    }
}

fn print(rows: &BTreeMap<Key, Row>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "kernel",
        "target",
        "dtype",
        "vectors",
        "sources",
        "shared bytes",
        "registers",
        "spilled",
        "load bits",
    ]);
    for (key, row) in rows {
        let machine = |of: fn(&Machine) -> u32| {
            row.machine
                .as_ref()
                .map_or_else(String::new, |machine| of(machine).to_string())
        };
        table.add_row([
            key.kernel.clone(),
            key.target.to_string(),
            key.dtype.clone(),
            key.vectors.clone(),
            row.sources.to_string(),
            row.shared_bytes.to_string(),
            machine(|machine| machine.registers),
            machine(|machine| machine.spilled),
            machine(|machine| machine.load_bits),
        ]);
    }
    table
}
