//! What all kernels must be, for every target.

mod coverage;
mod cuda;
mod limits;
mod spirv;
mod wgsl;

use std::sync::OnceLock;

use burn_argmax_sources::{Kernel, Source, Target, survey};
use rayon::prelude::*;

fn kernels(target: Target) -> &'static [Kernel] {
    static KERNELS: [OnceLock<Vec<Kernel>>; Target::ALL.len()] =
        [const { OnceLock::new() }; Target::ALL.len()];
    KERNELS[target as usize].get_or_init(|| survey(target))
}

fn all_kernels() -> impl ParallelIterator<Item = &'static Kernel> {
    Target::ALL.into_par_iter().flat_map(kernels)
}

/// Those that compile; the others fail a test of their own.
fn sources() -> impl ParallelIterator<Item = (&'static Kernel, &'static Source)> {
    all_kernels().filter_map(|kernel| Some((kernel, kernel.source.as_ref().ok()?)))
}

fn sources_for(target: Target) -> impl ParallelIterator<Item = (&'static Kernel, &'static Source)> {
    kernels(target)
        .par_iter()
        .filter_map(|kernel| Some((kernel, kernel.source.as_ref().ok()?)))
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
    none(all_kernels().filter_map(|kernel| {
        let error = kernel.source.as_ref().err()?;
        Some(format!("{kernel}: {error}"))
    }));
}
