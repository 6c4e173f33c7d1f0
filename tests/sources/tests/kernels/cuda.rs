use burn_argmax_sources::{Kernel, Source, Target, Toolkit};
use burn_core::tensor::DType;
use rayon::prelude::*;

use crate::{none, sources_for};

/// How a tensor is declared that is read by four floats at once.
const FOUR_FLOATS: &str = "float_4 const*";

/// Bytes that a unit may store for want of registers, and load again. There is no want of them: without its higher
/// optimizations ptxas stores none. With them it gives up a few, to have so few registers that one more cube fits.
const SPILLED: u32 = 32;

/// The most that a unit can have.
const REGISTERS: u32 = 255;

fn reads_floats(source: &Source) -> bool {
    let narrow = ["float const*", "float_2 const*"];
    let mut declarations = narrow.into_iter().chain([FOUR_FLOATS]);
    declarations.any(|declaration| source.text.contains(declaration))
}

/// Of tensors whose shapes allow it. A merge reads no tensor.
fn wide() -> impl ParallelIterator<Item = (&'static Kernel, &'static Source)> {
    sources_for(Target::Cuda).filter(|(kernel, source)| {
        let is_wide = kernel.dtype == DType::F32 && kernel.layout.width == 4;
        is_wide && kernel.function != "merge_kernel" && reads_floats(source)
    })
}

#[test]
fn four_floats_are_read_at_once() {
    assert!(wide().count() > 0);
    none(wide().filter_map(|(kernel, source)| {
        (!source.text.contains(FOUR_FLOATS)).then(|| kernel.to_string())
    }));
}

/// Only with NVIDIA's compilers: see the package's README.
#[test]
fn registers_suffice_and_loads_are_wide() {
    let Some(toolkit) = Toolkit::from_env() else {
        return;
    };
    none(sources_for(Target::Cuda).filter_map(|(kernel, source)| {
        let machine = match toolkit.compile(&source.text) {
            Ok(machine) => machine,
            Err(error) => return Some(format!("{kernel}: {error}")),
        };
        let loads = machine.load_bits == 128 || !source.text.contains(FOUR_FLOATS);
        let fits = machine.spilled <= SPILLED && machine.registers < REGISTERS && loads;
        (!fits).then(|| format!("{kernel}: {machine:?}"))
    }));
}
