//! How the kernels are launched over lines.

use burn_core::backend::cubecl::dtype_to_elem_type;
use burn_cubecl::{cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    geometry::{Axis, Extent, Geometry},
    kernels::{map_kernel, merge_kernel, scan_kernel},
    layout::Strides,
    lines::Lines,
    noise::NoiseOfLines,
    operator::{Counts, Map, Reduction},
    window::Windows,
    work::{CubePlan, GridLaunch, PlaceLaunch},
};

/// The tensors that a kernel reads entry by entry.
#[derive(Clone, Default)]
pub(super) struct Inputs {
    pub(super) scores: Option<(CubeTensor, Strides)>,
    pub(super) beside: Option<(CubeTensor, Strides)>,
    /// What the operator reads by itself.
    pub(super) table: Option<CubeTensor>,
    /// Of every line: with windows or noise the numbers of its peak, and else what the operator knows of it.
    pub(super) known: Option<CubeTensor>,
    pub(super) windows: Option<Windows>,
    pub(super) noise: Option<NoiseOfLines>,
}

impl Inputs {
    pub(super) fn of(scores: (CubeTensor, Strides)) -> Self {
        Self {
            scores: Some(scores),
            ..Self::default()
        }
    }
}

/// How a kernel is launched over lines.
struct Launch {
    plan: CubePlan,
    grid: GridLaunch,
    count: CubeCount,
    dim: CubeDim,
}

impl Launch {
    fn new(lines: &Lines, extent: Extent, geometry: Geometry) -> Self {
        let plan = CubePlan::new(extent.axis, geometry);
        let dim = plan.cube_dim();
        assert!(
            u32::try_from(geometry.cubes).is_ok(),
            "burn-argmax: {} has too many lines for this device: {}",
            lines.op,
            extent.lines,
        );
        Self {
            plan,
            grid: GridLaunch::new(
                extent.lines,
                lines.layout.lanes(),
                extent.steps,
                geometry.splits,
                geometry.steps_per_split,
            ),
            count: calculate_cube_count_elemwise(&lines.client, geometry.cubes * plan.units(), dim),
            dim,
        }
    }
}

fn input(input: Option<(CubeTensor, Strides)>) -> (Option<TensorArg>, PlaceLaunch) {
    match input {
        Some((tensor, Strides { outer, step, lane })) => (
            Some(tensor.into_tensor_arg()),
            PlaceLaunch::new(outer, step, lane),
        ),
        None => (None, PlaceLaunch::new(0, 0, 0)),
    }
}

/// The widest address that any of the tensors needs, or the noise of their places.
fn address_type<'a>(
    lines: &Lines,
    inputs: &'a Inputs,
    others: impl IntoIterator<Item = &'a CubeTensor>,
) -> AddressType {
    [&inputs.scores, &inputs.beside]
        .into_iter()
        .flatten()
        .map(|(tensor, _)| tensor)
        .chain(&inputs.table)
        .chain(&inputs.known)
        .chain(others)
        .map(CubeTensor::required_address_type)
        .chain(inputs.noise.as_ref().map(|_| lines.places()))
        .fold(AddressType::default(), Ord::max)
}

impl Lines {
    /// Those of a kernel that reads inputs.
    fn elem_types_of(&self, inputs: &Inputs) -> [ElemType; 4] {
        let beside = inputs.beside.as_ref().map(|(tensor, _)| tensor.dtype);
        let [scores, accumulator, bits] = self.elem_types();
        let beside = beside.map_or(scores, dtype_to_elem_type);
        [scores, beside, accumulator, bits]
    }

    /// The entries that a vector of lines reads of the second input at once.
    fn beside_size(&self, inputs: &Inputs) -> usize {
        match inputs.beside {
            Some((_, Strides { lane: 0, .. })) => 1,
            _ => self.layout.vector_size,
        }
    }

    /// Of each line.
    fn count(&self, numbers: Option<&CubeTensor>) -> usize {
        numbers.map_or(0, |numbers| numbers.meta.shape()[self.dim])
    }

    /// The state of every line, and its results if it has any. `op` gives the operator's
    /// parameters, once for each launch.
    pub(super) fn reduce<R: Reduction>(
        &self,
        inputs: Inputs,
        counts: Counts,
        op: impl Fn() -> R::RuntimeArg,
    ) -> (CubeTensor, Option<CubeTensor>) {
        let layout = self.layout;
        let line_size = layout.line_vector_size();
        // Floats or not: a state is allocated as the float that callers know it as.
        let state = self.numbers(counts.state, self.accumulator);
        let result = (counts.result > 0).then(|| self.numbers(counts.result, self.accumulator));
        let result_arg = || result.clone().map(CubeTensor::into_tensor_arg);
        let finished = || [&state].into_iter().chain(&result);

        let bytes_per_unit = counts.sums * line_size * self.bits.size();
        let max_units = Extent::max_units(&self.client.properties().hardware, bytes_per_unit);
        let mut extent = layout.extent(max_units);
        let mut geometry = extent.reduce();
        let table = |geometry: Geometry| match geometry.splits {
            1 => state.clone(),
            splits => self.parts(counts.sums * splits),
        };
        let mut parts = table(geometry);
        let launch = Launch::new(self, extent, geometry);
        let address = address_type(self, &inputs, finished().chain([&parts]));
        let elem_types = self.elem_types_of(&inputs);
        let beside_size = self.beside_size(&inputs);
        let window = Windows::launch(inputs.windows, self);
        let known_count = self.count(inputs.known.as_ref());
        let known = || inputs.known.clone().map(CubeTensor::into_tensor_arg);
        let (key, stream) = inputs.noise.map(|noise| (noise.key, noise.stream)).unzip();
        let (scores, scores_place) = input(inputs.scores);
        let (beside, beside_place) = input(inputs.beside);
        // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here: the
        // strides describe the inputs, whose shapes and offsets `Lines` has checked, what is known are so
        // many numbers for each line, the key has four words, and the table has so many numbers for each
        // line, and for each of its splits.
        unsafe {
            scan_kernel::launch_unchecked::<R>(
                &self.client,
                launch.count,
                launch.dim,
                address,
                layout.vector_size,
                beside_size,
                line_size,
                scores.into(),
                scores_place,
                beside.into(),
                beside_place,
                known().into(),
                window,
                key.map(CubeTensor::into_tensor_arg).into(),
                stream.unwrap_or_default(),
                parts.clone().into_tensor_arg(),
                result_arg().into(),
                launch.grid,
                op(),
                known_count,
                launch.plan,
                elem_types,
            );
        }
        while geometry.splits > 1 {
            extent = Extent {
                axis: Axis::Columns,
                steps: geometry.splits,
                ..extent
            };
            geometry = extent.merge();
            let launch = Launch::new(self, extent, geometry);
            let merged = table(geometry);
            let address = address_type(
                self,
                &Inputs::default(),
                finished().chain([&parts, &merged]).chain(&inputs.known),
            );
            // SAFETY: as above, with the parts as steps.
            unsafe {
                merge_kernel::launch_unchecked::<R>(
                    &self.client,
                    launch.count,
                    launch.dim,
                    address,
                    line_size,
                    parts.into_tensor_arg(),
                    known().into(),
                    merged.clone().into_tensor_arg(),
                    result_arg().into(),
                    launch.grid,
                    op(),
                    counts.sums,
                    known_count,
                    launch.plan,
                    self.elem_types(),
                );
            }
            parts = merged;
        }
        (state, result)
    }

    /// What becomes of every entry. State and upstream gradient have been admitted.
    pub(super) fn map<T: Map>(
        &self,
        inputs: Inputs,
        state: Option<CubeTensor>,
        upstream: Option<CubeTensor>,
        op: T::RuntimeArg,
    ) -> CubeTensor {
        let layout = self.layout;
        let output = self.output();
        let [state, upstream] = [state, upstream].map(|numbers| numbers.map(into_contiguous));
        let [state_count, upstream_count] = [&state, &upstream].map(|n| self.count(n.as_ref()));
        let extent = layout.extent(Extent::max_units(&self.client.properties().hardware, 0));
        let launch = Launch::new(self, extent, extent.map());
        let address = address_type(
            self,
            &inputs,
            [&output].into_iter().chain(&state).chain(&upstream),
        );
        let elem_types = self.elem_types_of(&inputs);
        let beside_size = self.beside_size(&inputs);
        let window = Windows::launch(inputs.windows, self);
        let known_count = self.count(inputs.known.as_ref());
        let known = || inputs.known.clone().map(CubeTensor::into_tensor_arg);
        let (key, stream) = inputs.noise.map(|noise| (noise.key, noise.stream)).unzip();
        let (scores, scores_place) = input(inputs.scores);
        let (beside, beside_place) = input(inputs.beside);
        // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here: the
        // strides describe the inputs, `Lines` has checked their shapes and offsets and those of
        // state and upstream gradient, what is known are so many numbers for each line, the key has
        // four words, and the output is allocated to the layout.
        unsafe {
            map_kernel::launch_unchecked::<T>(
                &self.client,
                launch.count,
                launch.dim,
                address,
                layout.vector_size,
                beside_size,
                layout.line_vector_size(),
                scores.into(),
                scores_place,
                beside.into(),
                beside_place,
                known().into(),
                window,
                key.map(CubeTensor::into_tensor_arg).into(),
                stream.unwrap_or_default(),
                state.map(CubeTensor::into_tensor_arg).into(),
                upstream.map(CubeTensor::into_tensor_arg).into(),
                output.clone().into_tensor_arg(),
                launch.grid,
                op,
                known_count,
                state_count,
                upstream_count,
                launch.plan,
                elem_types,
            );
        }
        output
    }
}
