//! Command line.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{backend::BackendKind, op::Op};

/// How to run everything on a GPU, shown below the help.
const AFTER_HELP: &str = "\
All of it on a GPU (or `vulkan` / `wgpu` in place of `cuda`), as one line:
  B=\"cargo run --release -p burn-argmax-benches --no-default-features --features cuda -- --device cuda\"; \
$B --csv gpu.csv && $B scaling --csv gpu-scaling.csv --svg gpu-scaling.svg";

/// Times burn-argmax beside the plain composition and the machine's limit.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to run; without one, every operator is compared on every shape.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Backends to run on [default: every CPU backend that was compiled in, else every other].
    #[arg(long, global = true, value_delimiter = ',')]
    pub device: Vec<BackendKind>,

    /// Operators to run [default: all; `scaling`: soft-argmax].
    #[arg(long, global = true, value_delimiter = ',')]
    pub op: Vec<Op>,

    /// Shapes to run, of those that an operator has, as `4096x1024` [default: all].
    #[arg(long, value_delimiter = ',')]
    pub shape: Vec<String>,

    /// Samples of each quantity.
    #[arg(long, global = true, default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,

    /// Seconds after which a case stops with the samples that it has, once they are at least 5.
    #[arg(long, global = true, default_value_t = 20.0)]
    pub seconds: f64,

    /// Small shapes and 3 samples: shows that it works, not how fast.
    #[arg(long, global = true)]
    pub quick: bool,

    /// Write the records to this file.
    #[arg(long, global = true)]
    pub csv: Option<PathBuf>,
}

/// What to run in place of the comparison.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// How the time grows with the rows and with their length.
    Scaling(ScalingArgs),
}

/// Arguments of `scaling`.
#[derive(Debug, Args)]
pub struct ScalingArgs {
    /// Draw the records as a log-log plot into this file.
    #[arg(long)]
    pub svg: Option<PathBuf>,

    /// Draw and fit the records of this file instead of measuring.
    #[arg(long, value_name = "CSV")]
    pub from: Option<PathBuf>,

    /// Size of the last-level cache in MiB: slopes are fitted to inputs of twice that and larger
    /// [default: what the operating system reports, else 32].
    #[arg(long)]
    pub cache_mib: Option<f64>,
}

impl Cli {
    /// Samples to take, of which `--quick` takes few.
    pub fn samples(&self) -> usize {
        if self.quick { 3 } else { self.samples as usize }
    }

    /// The operators asked for, else `default`.
    pub fn ops(&self, default: &[Op]) -> Vec<Op> {
        if self.op.is_empty() {
            default.to_vec()
        } else {
            self.op.clone()
        }
    }

    /// The backends asked for, else the CPU's, else all.
    pub fn backends(&self) -> Result<Vec<BackendKind>> {
        if !self.device.is_empty() {
            return Ok(self.device.clone());
        }
        let all = BackendKind::value_variants().iter().copied();
        let compiled: Vec<_> = all.filter(BackendKind::is_compiled).collect();
        let host: Vec<_> = compiled
            .iter()
            .copied()
            .filter(BackendKind::is_host)
            .collect();
        match (host.is_empty(), compiled.is_empty()) {
            (false, _) => Ok(host),
            (true, false) => Ok(compiled),
            (true, true) => bail!("no backend was compiled in; enable one, e.g. --features flex"),
        }
    }
}
