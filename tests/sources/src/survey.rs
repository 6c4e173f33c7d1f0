use std::sync::mpsc::channel;

use burn_core::tensor::DType;
use cubecl_environment::future::block_on;

use crate::{
    Kernel, Layout, Target,
    cases::{OPERATORS, Tensors},
    recorder::{Launch, Recorder},
};

/// Every kernel that the operators launch, once for each dtype and layout.
pub fn survey(target: Target) -> Vec<Kernel> {
    let (sender, launches) = channel();
    let client = Recorder::client(target, sender);
    let mut kernels = Vec::new();
    for &dtype in target.dtypes() {
        let widest = client.io_optimized_vector_sizes(dtype.size()).max();
        for layout in Layout::up_to(widest.expect("a vector has at least one entry")) {
            let tensors = Tensors {
                client: client.clone(),
                dtype,
                layout,
            };
            for &(operator, run) in OPERATORS {
                run(&tensors);
                block_on(client.sync()).expect("a recorder has nothing that could fail");
                kernels.extend(
                    launches
                        .try_iter()
                        .map(|launch| launch.into_kernel(target, dtype, layout, operator)),
                );
            }
        }
    }
    kernels
}

impl Launch {
    fn into_kernel(
        self,
        target: Target,
        dtype: DType,
        layout: Layout,
        operator: &'static str,
    ) -> Kernel {
        let (function, types) = names(self.type_name);
        Kernel {
            target,
            dtype,
            layout,
            operator,
            function,
            types,
            units: self.units,
            source: self.source.map_err(|error| error.to_string()),
        }
    }
}

/// The function that a kernel was made of, and those of the type's arguments that are burn-argmax's.
fn names(type_name: &str) -> (String, Vec<String>) {
    let mut paths = type_name
        .split(|character: char| !(character.is_alphanumeric() || "_:".contains(character)))
        .filter(|path| path.starts_with("burn_argmax::"))
        .map(|path| path.rsplit("::"));
    // Its module is named after the function, the type in it in another case.
    let function = paths.next().and_then(|mut path| path.nth(1));
    let types = paths.filter_map(|mut path| path.next());
    (
        function.expect("a kernel is burn-argmax's").to_owned(),
        types.map(str::to_owned).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read() {
        let type_name = "burn_argmax::kernels::scan_kernel::ScanKernel<f32, \
                         cubecl_core::Value<1>, burn_argmax::sums::Sum<f32>>";
        let (function, types) = names(type_name);
        assert_eq!(
            (function.as_str(), types),
            ("scan_kernel", vec!["Sum".to_owned()])
        );
    }
}
