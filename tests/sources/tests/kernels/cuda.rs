use burn_argmax_sources::{Kernel, Target, Toolkit};
use burn_core::tensor::DType;
use rayon::prelude::*;

use crate::{none, sources_for};

/// Whether a kernel reads tensors of four floats at once.
fn reads_four_floats(kernel: &Kernel) -> bool {
    let reads = kernel.function != "merge_kernel";
    reads && kernel.dtype == DType::F32 && kernel.layout.width == 4
}

#[test]
fn four_floats_are_one_vector() {
    none(sources_for(Target::Cuda).filter_map(|(kernel, source)| {
        let there = source.text.contains("struct alignas(16) float_4 ");
        (reads_four_floats(kernel) && !there).then(|| kernel.to_string())
    }));
}

/// Only with NVIDIA's compilers: see the package's README.
#[test]
fn nothing_is_spilled_and_loads_are_wide() {
    let Some(toolkit) = Toolkit::from_env() else {
        return;
    };
    none(sources_for(Target::Cuda).filter_map(|(kernel, source)| {
        let machine = match toolkit.compile(&source.text) {
            Ok(machine) => machine,
            Err(error) => return Some(format!("{kernel}: {error}")),
        };
        let fits = machine.spilled == 0 && (machine.load_bits == 128 || !reads_four_floats(kernel));
        (!fits).then(|| format!("{kernel}: {machine:?}"))
    }));
}
