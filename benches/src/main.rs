//! Times the operators of burn-argmax beside the plain composition and the machine's limit.
//!
//! ```text
//! cargo run --release -p burn-argmax-benches -- --csv bench.csv
//! cargo run --release -p burn-argmax-benches -- scaling --csv scaling.csv --svg scaling.svg
//! ```
//!
//! On a GPU, all of it in one go (`vulkan` or `wgpu` in both places for other cards):
//!
//! ```text
//! B="cargo run --release -p burn-argmax-benches --no-default-features --features cuda -- --device cuda"; $B --csv gpu.csv && $B scaling --csv gpu-scaling.csv --svg gpu-scaling.svg
//! ```
//!
//! What is compared, all in one run and sample by sample in turn, so that noise hits all alike:
//!
//! * *ours*: `burn_argmax::*`.
//! * *composition*: what users write today ([`naive`]). The official yardstick.
//! * *reference*: `burn_argmax::reference::*` (hidden): plain tensor operations too, but with the
//!   semantics of ours (no overflow, centered sums, exact one-hots).
//! * *limit*: the time that the machine needs to move the operator's least traffic ([`limits`]).
//!
//! Times are medians, with the 10th and 90th percentiles beside them. The result of a pass is
//! dropped after the clock has stopped, its intermediates before. Backward starts from `y.backward()`
//! for the whole output `y`, which seeds a gradient of ones of the shape of `y`; that fill is part
//! of the time of every variant.

mod backend;
mod cases;
mod cli;
mod compare;
mod curve;
mod limits;
mod measure;
mod memory;
mod naive;
mod op;
mod plot;
mod scaling;
mod table;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match &cli.command {
        None => compare::run(&cli),
        Some(Command::Scaling(scaling)) => scaling::run(&cli, scaling),
    }
}
