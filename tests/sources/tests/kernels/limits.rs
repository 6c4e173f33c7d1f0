//! What WebGPU promises of every device, and what the kernels are to take no more of.

use burn_argmax_sources::Target;
use rayon::prelude::*;

use crate::{none, sources, sources_for};

const SHARED_BYTES: usize = 16 << 10;
const STORAGE_BUFFERS: usize = 8;
const UNITS: u32 = 256;

/// What names an operation between the units of a plane.
fn plane_operations(target: Target) -> &'static [&'static str] {
    match target {
        Target::Wgsl => &["subgroup", "quad"],
        Target::Spirv => &["OpGroup", "OpSubgroup"],
        Target::Cuda => &[
            "__shfl",
            "_sync(",
            "__activemask",
            "elect.sync",
            "redux.sync",
        ],
        Target::Hip => &["__shfl", "__all(", "__any(", "__ballot("],
        Target::Metal => &["simd_", "quad_"],
    }
}

#[test]
fn no_units_of_a_plane_speak_to_each_other() {
    none(sources().filter_map(|(kernel, source)| {
        let mut names = plane_operations(kernel.target).iter();
        let found = names.find(|name| source.text.contains(**name))?;
        Some(format!("{kernel}: {found}"))
    }));
}

#[test]
fn shared_memory_and_units() {
    none(sources().filter_map(|(kernel, source)| {
        let (bytes, units) = (source.shared_bytes, kernel.units);
        let fits = bytes <= SHARED_BYTES && units <= UNITS;
        (!fits).then(|| format!("{kernel}: {bytes} bytes, {units} units"))
    }));
    let largest = sources().map(|(_, source)| source.shared_bytes).max();
    assert!(largest > Some(0), "shared memory is no longer counted");
}

#[test]
fn storage_buffers() {
    none(sources_for(Target::Wgsl).filter_map(|(kernel, source)| {
        let buffers = source.text.matches("var<storage").count();
        let fits = (1..=STORAGE_BUFFERS).contains(&buffers);
        (!fits).then(|| format!("{kernel}: {buffers} buffers"))
    }));
}
