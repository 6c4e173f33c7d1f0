//! What all kernels must be, for every target.

mod coverage;
mod cuda;
mod limits;
mod spirv;
mod wgsl;

use std::sync::LazyLock;

use burn_argmax_sources::{Kernel, Source, Target, survey};
use rayon::prelude::*;

static KERNELS: LazyLock<Vec<Kernel>> = LazyLock::new(|| {
    let targets = Target::ALL.into_par_iter();
    targets.flat_map_iter(survey).collect()
});

/// Those that compile; the others fail a test of their own.
fn sources() -> impl ParallelIterator<Item = (&'static Kernel, &'static Source)> {
    KERNELS
        .par_iter()
        .filter_map(|kernel| Some((kernel, kernel.source.as_ref().ok()?)))
}

fn sources_for(target: Target) -> impl ParallelIterator<Item = (&'static Kernel, &'static Source)> {
    sources().filter(move |(kernel, _)| kernel.target == target)
}

/// # Panics
///
/// If anything is complained of.
#[track_caller]
fn none(complaints: impl ParallelIterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    let (count, first) = (complaints.len(), complaints.iter().take(5));
    let first: Vec<_> = first.map(String::as_str).collect();
    assert!(
        count == 0,
        "{count} kernels, the first of them:\n{}",
        first.join("\n")
    );
}

#[test]
fn all_compile() {
    assert!(!KERNELS.is_empty());
    none(KERNELS.par_iter().filter_map(|kernel| {
        let error = kernel.source.as_ref().err()?;
        Some(format!("{kernel}: {error}"))
    }));
}
