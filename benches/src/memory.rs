//! Peak memory.

use std::alloc::System;

use anyhow::Result;
use burn::tensor::Device;
use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};

use crate::{backend::BackendKind, measure::Stopwatch};

#[global_allocator]
static ALLOCATOR: PeakMemAlloc<System> = PeakMemAlloc::new(System);

/// Bytes at the peak of `work`, above those in use before it; its output counts.
///
/// On the host, bytes asked of the allocator. On a device, the growth of its memory pool, in
/// whole pages of the pool; `None` where the device does not report it.
pub fn peak_extra<O>(
    backend: BackendKind,
    device: &Device,
    watch: &Stopwatch,
    work: impl FnOnce() -> O,
) -> Result<Option<u64>> {
    if backend.is_host() {
        ALLOCATOR.reset_peak_memory();
        let output = work();
        let peak = ALLOCATOR.get_peak_memory() as u64;
        drop(output);
        return Ok(Some(peak));
    }
    let reserved = || device.memory_pool_usage().map(|usage| usage.bytes_reserved);
    watch.sync()?;
    device.memory_cleanup();
    watch.sync()?;
    let before = reserved();
    let output = work();
    watch.sync()?;
    let after = reserved();
    drop(output);
    Ok(before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(before)))
}
