//! The checkpoints that a training run leaves.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use burn::{
    lr_scheduler::LrSchedulerRecord, optim::OptimizerRecord, store::ModuleRecord,
    train::checkpoint::Checkpoint,
};

/// The parts of a checkpoint, as burn-train names their files.
const PARTS: [&str; 3] = ["model", "optim", "scheduler"];

/// Where they are.
pub(crate) fn directory(run: &Path) -> PathBuf {
    run.join("checkpoint")
}

/// The epochs of which all parts are there.
pub fn epochs(run: &Path) -> BTreeSet<usize> {
    let names: Vec<String> = fs::read_dir(directory(run))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| file.file_name().into_string().ok())
        .collect();
    let of_part = |part: &str| -> BTreeSet<usize> {
        let epoch = |name: &String| {
            let rest = name.strip_prefix(part)?.strip_prefix('-')?;
            rest.strip_suffix(".bpk")?.parse().ok()
        };
        names.iter().filter_map(epoch).collect()
    };
    let parts = PARTS.map(of_part);
    parts[0]
        .iter()
        .filter(|epoch| parts.iter().all(|part| part.contains(epoch)))
        .copied()
        .collect()
}

/// The model of an epoch.
pub(crate) fn model(run: &Path, epoch: usize) -> Result<ModuleRecord> {
    part(run, PARTS[0], epoch)
}

/// An error where a run cannot go on from this epoch. burn-train panics there.
pub(crate) fn check(run: &Path, epoch: usize) -> Result<()> {
    let there = epochs(run);
    if !there.contains(&epoch) {
        let there: Vec<String> = there.iter().map(usize::to_string).collect();
        bail!(
            "there is no checkpoint of epoch {epoch} in {}; there are: {}",
            directory(run).display(),
            there.join(", ")
        );
    }
    let [model, optimizer, scheduler] = PARTS;
    part::<ModuleRecord>(run, model, epoch)?;
    part::<OptimizerRecord>(run, optimizer, epoch)?;
    part::<LrSchedulerRecord>(run, scheduler, epoch)?;
    Ok(())
}

fn part<R: Checkpoint>(run: &Path, part: &str, epoch: usize) -> Result<R> {
    let path = directory(run).join(format!("{part}-{epoch}.bpk"));
    R::load(path.clone())
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| format!("cannot load the checkpoint {}", path.display()))
}
