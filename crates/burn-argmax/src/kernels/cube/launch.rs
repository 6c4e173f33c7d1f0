//! The launches that all operators share: a reduction of every line, and a map over its entries.
//!
//! A reduction reads each entry once. Its units sum up what they read, a team merges its sums by
//! halves through shared memory, and where a line is split over several cubes, further launches
//! merge the sums of its parts. A map reads each entry once, and writes one.
//!
//! In shared memory, in the sums of parts and in states all numbers are integers, the floats among
//! them by their bits.

use burn_cubecl::{cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    geometry::{Axis, Extent, Geometry},
    layout::Strides,
    lines::Lines,
    operator::{Counts, Entry, Map, Reduction, Types, Walk},
    work::{CubePlan, Grid, GridLaunch, Place, PlaceLaunch, Work, indices, spread},
};

#[cube]
fn write_numbers<T: Numeric, M: Size>(
    numbers: &Sequence<Vector<T, M>>,
    table: &mut [Vector<T, M>],
    at: usize,
    apart: usize,
) {
    #[unroll]
    for number in 0..comptime!(numbers.len()) {
        table[at + number * apart] = numbers[number];
    }
}

#[cube]
fn read_numbers<T: Numeric, A: Numeric, M: Size, N: Size>(
    table: &[Vector<T, M>],
    at: usize,
    apart: usize,
    #[comptime] count: usize,
) -> Sequence<Vector<A, N>> {
    let mut numbers = Sequence::<Vector<A, N>>::new();
    #[unroll]
    for number in 0..count {
        numbers.push(Vector::cast_from(spread::<T, M, N>(
            table[at + number * apart],
        )));
    }
    numbers
}

/// One vector of an input, or zeros if there is none.
#[cube]
fn read<E: Float, A: Float, N: Size>(
    input: &ComptimeOption<&Tensor<Vector<E, N>>>,
    at: usize,
) -> Vector<A, N> {
    #[comptime]
    match input {
        ComptimeOption::Some(input) => Vector::cast_from(input[at]),
        ComptimeOption::None => Vector::new(A::new(0.0_f32)),
    }
}

#[cube]
fn entry<P: Types>(
    scores: &ComptimeOption<&Tensor<Vector<P::E, P::N>>>,
    at: usize,
    beside: &ComptimeOption<&Tensor<Vector<P::E, P::N>>>,
    beside_at: usize,
    step: usize,
    #[comptime] plan: CubePlan,
) -> Entry<P> {
    Entry::<P> {
        x: read::<P::E, P::A, P::N>(scores, at),
        beside: read::<P::E, P::A, P::N>(beside, beside_at),
        index: indices::<P::K, P::N>(step, comptime!(plan.axis)),
    }
}

/// The sums of each line from those of its lanes, stored: merged if the lanes belong to one line,
/// and as they are if each is a line of its own.
#[cube]
pub(super) fn fold_lanes<P: Types, R: Reduction>(
    op: &R,
    lanes: &Sequence<Vector<P::K, P::N>>,
) -> R::Sums<P> {
    let (width, lines) = (P::N::value(), P::M::value());
    let mut sums = R::load::<P>(op, &lane::<P>(lanes, 0usize));
    #[unroll]
    for other in 1..comptime!(width / lines) {
        R::merge::<P>(op, &mut sums, &R::load::<P>(op, &lane::<P>(lanes, other)));
    }
    sums
}

/// The numbers of one lane, or those of all where each lane is a line.
#[cube]
fn lane<P: Types>(
    lanes: &Sequence<Vector<P::K, P::N>>,
    #[comptime] lane: usize,
) -> Sequence<Vector<P::K, P::M>> {
    let (width, lines) = (P::N::value(), P::M::value());
    let mut numbers = Sequence::<Vector<P::K, P::M>>::new();
    #[unroll]
    for number in 0..comptime!(lanes.len()) {
        if comptime!(width == lines) {
            numbers.push(Vector::cast_from(lanes[number]));
        } else {
            numbers.push(Vector::new(lanes[number].extract(lane)));
        }
    }
    numbers
}

#[cube]
fn walk<P: Types>(work: &Work, #[comptime] plan: CubePlan) -> Walk {
    let lanes = match comptime!(plan.axis) {
        Axis::Rows => P::N::value(),
        Axis::Columns => 1usize.comptime(),
    };
    Walk {
        start: i32::cast_from(work.first) * comptime!(lanes as i32),
        stride: comptime!(plan.team * lanes),
    }
}

/// Merges the sums of a team by halves; the unit of rank 0 is left with the whole. Every unit of
/// the cube must come here, for the barriers.
///
/// Through shared memory and not by plane operations, which WGSL devices need not have.
#[cube]
fn merge_team<P: Types, R: Reduction>(
    op: &R,
    sums: &mut R::Sums<P>,
    work: &Work,
    #[comptime] plan: CubePlan,
) {
    let team = comptime!(plan.team);
    let units = comptime!(plan.units());
    let neighbor = comptime!(plan.neighbor());
    if comptime!(team > 1) {
        let numbers = R::store::<P>(op, &*sums);
        let count = comptime!(numbers.len());
        let mut shared = Shared::<[Vector<P::K, P::M>]>::new_slice(comptime!(units * count));
        write_numbers::<P::K, P::M>(&numbers, &mut shared, work.unit, units);
        #[unroll]
        for level in 0..comptime!(team.ilog2() as usize) {
            let half = comptime!(team >> (level + 1));
            sync_cube();
            if work.rank < half {
                let other = work.unit + half * neighbor;
                let other = read_numbers::<P::K, P::K, P::M, P::M>(&shared, other, units, count);
                R::merge::<P>(op, sums, &R::load::<P>(op, &other));
                let merged = R::store::<P>(op, &*sums);
                write_numbers::<P::K, P::M>(&merged, &mut shared, work.unit, units);
            }
        }
    }
}

/// Writes what a line comes to if the cube had all of it, and else its sums, to merge.
#[cube]
fn conclude<P: Types, R: Reduction>(
    op: &R,
    sums: &mut R::Sums<P>,
    table: &mut Tensor<Vector<P::K, P::M>>,
    result: ComptimeOption<&mut Tensor<Vector<P::E, P::M>>>,
    work: &Work,
    grid: &Grid,
    #[comptime] plan: CubePlan,
) {
    merge_team::<P, R>(op, sums, work, plan);
    if work.exists && work.rank == 0 {
        if comptime!(plan.whole) {
            let finished = R::finish::<P>(op, &*sums);
            let at = work.numbers(grid, comptime!(finished.state.len()));
            write_numbers::<P::K, P::M>(&finished.state, table, at, grid.lanes);
            let count = comptime!(finished.result.len());
            let at = work.numbers(grid, count);
            #[comptime]
            if let ComptimeOption::Some(result) = result {
                #[unroll]
                for number in 0..count {
                    result[at + number * grid.lanes] = Vector::cast_from(finished.result[number]);
                }
            }
        } else {
            let part = work.split * grid.lines + work.line;
            let parts = grid.splits * grid.lines;
            write_numbers::<P::K, P::M>(&R::store::<P>(op, &*sums), table, part, parts);
        }
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn scan_kernel<E: Float, A: Float, K: Int, N: Size, M: Size, R: Reduction>(
    scores: ComptimeOption<&Tensor<Vector<E, N>>>,
    scores_place: &Place,
    beside: ComptimeOption<&Tensor<Vector<E, N>>>,
    beside_place: &Place,
    table: &mut Tensor<Vector<K, M>>,
    result: ComptimeOption<&mut Tensor<Vector<E, M>>>,
    grid: &Grid,
    op: &R,
    #[comptime] plan: CubePlan,
    #[define(E, A, K)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let start = work.start(scores_place);
    let beside_start = work.start(beside_place);
    let walk = walk::<(E, A, K, N, M)>(&work, plan);
    let mut lanes = R::empty::<(E, A, K, N, M)>(op, &walk);
    let mut step = work.first;
    while step < work.end {
        let at = start + step * scores_place.step;
        let beside_at = beside_start + step * beside_place.step;
        let entry = entry::<(E, A, K, N, M)>(&scores, at, &beside, beside_at, step, plan);
        R::observe::<(E, A, K, N, M)>(op, &mut lanes, &entry);
        step += comptime!(plan.team);
    }
    let mut sums = R::fold::<(E, A, K, N, M)>(op, lanes);
    conclude::<(E, A, K, N, M), R>(op, &mut sums, table, result, &work, grid, plan);
}

/// Merges the parts of lines, which are this kernel's steps.
#[cube(launch_unchecked, address_type = "dynamic")]
fn merge_kernel<E: Float, A: Float, K: Int, M: Size, R: Reduction>(
    parts: &Tensor<Vector<K, M>>,
    table: &mut Tensor<Vector<K, M>>,
    result: ComptimeOption<&mut Tensor<Vector<E, M>>>,
    grid: &Grid,
    op: &R,
    #[comptime] count: usize,
    #[comptime] plan: CubePlan,
    #[define(E, A, K)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let walk = walk::<(E, A, K, M, M)>(&work, plan);
    let mut sums = R::fold::<(E, A, K, M, M)>(op, R::empty::<(E, A, K, M, M)>(op, &walk));
    let mut step = work.first;
    while step < work.end {
        let at = step * grid.lines + work.line;
        let part = read_numbers::<K, K, M, M>(parts, at, grid.steps * grid.lines, count);
        let part = R::load::<(E, A, K, M, M)>(op, &part);
        R::merge::<(E, A, K, M, M)>(op, &mut sums, &part);
        step += comptime!(plan.team);
    }
    conclude::<(E, A, K, M, M), R>(op, &mut sums, table, result, &work, grid, plan);
}

#[cube(launch_unchecked, address_type = "dynamic")]
fn map_kernel<E: Float, A: Float, K: Int, N: Size, M: Size, T: Map>(
    scores: ComptimeOption<&Tensor<Vector<E, N>>>,
    scores_place: &Place,
    beside: ComptimeOption<&Tensor<Vector<E, N>>>,
    beside_place: &Place,
    state: &Tensor<Vector<K, M>>,
    upstream: ComptimeOption<&Tensor<Vector<E, M>>>,
    output: &mut Tensor<Vector<E, N>>,
    grid: &Grid,
    op: &T,
    #[comptime] state_count: usize,
    #[comptime] upstream_count: usize,
    #[comptime] plan: CubePlan,
    #[define(E, A, K)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let at = work.numbers(grid, state_count);
    let state = read_numbers::<K, K, M, N>(state, at, grid.lanes, state_count);
    let at = work.numbers(grid, upstream_count);
    #[comptime]
    let upstream = match upstream {
        ComptimeOption::Some(upstream) => {
            read_numbers::<E, A, M, N>(upstream, at, grid.lanes, upstream_count)
        }
        ComptimeOption::None => Sequence::<Vector<A, N>>::new(),
    };
    let walk = walk::<(E, A, K, N, M)>(&work, plan);
    let mut line = T::line::<(E, A, K, N, M)>(op, &state, &upstream, &walk);

    let start = work.start(scores_place);
    let beside_start = work.start(beside_place);
    let output_start = work.contiguous(grid);
    let mut step = work.first;
    while step < work.end {
        let at = start + step * scores_place.step;
        let beside_at = beside_start + step * beside_place.step;
        let entry = entry::<(E, A, K, N, M)>(&scores, at, &beside, beside_at, step, plan);
        let mapped = T::map::<(E, A, K, N, M)>(op, &mut line, &entry);
        output[output_start + step * grid.lanes] = Vector::cast_from(mapped);
        step += comptime!(plan.team);
    }
}

/// The tensors that a kernel reads entry by entry.
#[derive(Clone, Default)]
pub(super) struct Inputs {
    pub(super) scores: Option<(CubeTensor, Strides)>,
    pub(super) beside: Option<(CubeTensor, Strides)>,
}

impl Inputs {
    pub(super) fn of(scores: (CubeTensor, Strides)) -> Self {
        Self {
            scores: Some(scores),
            beside: None,
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
        Some((tensor, Strides { outer, step })) => (
            Some(tensor.into_tensor_arg()),
            PlaceLaunch::new(outer, step),
        ),
        None => (None, PlaceLaunch::new(0, 0)),
    }
}

/// The widest address that any of the tensors needs.
fn address_type<'a>(
    inputs: &'a Inputs,
    others: impl IntoIterator<Item = &'a CubeTensor>,
) -> AddressType {
    [&inputs.scores, &inputs.beside]
        .into_iter()
        .flatten()
        .map(|(tensor, _)| tensor)
        .chain(others)
        .map(CubeTensor::required_address_type)
        .fold(AddressType::default(), Ord::max)
}

impl Lines {
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
        let result = (counts.result > 0).then(|| self.numbers(counts.result, self.dtype));
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
        let address = address_type(&inputs, finished().chain([&parts]));
        let (scores, scores_place) = input(inputs.scores);
        let (beside, beside_place) = input(inputs.beside);
        // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here: the
        // strides describe the inputs, whose shapes and offsets `Lines` has checked, and the table
        // has so many numbers for each line, and for each of its splits.
        unsafe {
            scan_kernel::launch_unchecked::<R>(
                &self.client,
                launch.count,
                launch.dim,
                address,
                layout.vector_size,
                line_size,
                scores.into(),
                scores_place,
                beside.into(),
                beside_place,
                parts.clone().into_tensor_arg(),
                result_arg().into(),
                launch.grid,
                op(),
                launch.plan,
                self.elem_types(),
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
            let address = address_type(&Inputs::default(), finished().chain([&parts, &merged]));
            // SAFETY: as above, with the parts as steps.
            unsafe {
                merge_kernel::launch_unchecked::<R>(
                    &self.client,
                    launch.count,
                    launch.dim,
                    address,
                    line_size,
                    parts.into_tensor_arg(),
                    merged.clone().into_tensor_arg(),
                    result_arg().into(),
                    launch.grid,
                    op(),
                    counts.sums,
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
        state: CubeTensor,
        upstream: Option<CubeTensor>,
        op: T::RuntimeArg,
    ) -> CubeTensor {
        let layout = self.layout;
        let output = self.output();
        let (state, upstream) = (into_contiguous(state), upstream.map(into_contiguous));
        let count = |numbers: &CubeTensor| numbers.meta.shape()[self.dim];
        let (state_count, upstream_count) = (count(&state), upstream.as_ref().map_or(0, count));
        let extent = layout.extent(Extent::max_units(&self.client.properties().hardware, 0));
        let launch = Launch::new(self, extent, extent.map());
        let address = address_type(&inputs, [&state, &output].into_iter().chain(&upstream));
        let (scores, scores_place) = input(inputs.scores);
        let (beside, beside_place) = input(inputs.beside);
        // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here: the
        // strides describe the inputs, `Lines` has checked their shapes and offsets and those of
        // state and upstream gradient, and the output is allocated to the layout.
        unsafe {
            map_kernel::launch_unchecked::<T>(
                &self.client,
                launch.count,
                launch.dim,
                address,
                layout.vector_size,
                layout.line_vector_size(),
                scores.into(),
                scores_place,
                beside.into(),
                beside_place,
                state.into_tensor_arg(),
                upstream.map(CubeTensor::into_tensor_arg).into(),
                output.clone().into_tensor_arg(),
                launch.grid,
                op,
                state_count,
                upstream_count,
                launch.plan,
                self.elem_types(),
            );
        }
        output
    }
}
