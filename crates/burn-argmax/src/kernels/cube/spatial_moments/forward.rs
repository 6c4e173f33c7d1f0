//! The moments of every map, in one read of the heatmaps.

use burn_core::backend::{TensorMetadata, cubecl::dtype_to_elem_type};
use burn_core::tensor::DType;
use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    super::{
        geometry::{Axis, Extent},
        layout::empty_like,
        line::{CubePlan, Grid, Place, Work, grid, merge_grid, place},
    },
    AXES, Maps, PAIRS,
    raster::{Raster, raster},
    sums::{Sums, exchange_bytes, merge_team, stored_numbers, unit_sums},
};
use crate::{
    composed::{accumulator_dtype, accumulator_max},
    ops::{spatial_moments_len, spatial_state_len},
};

/// Writes the moments and the state of a map.
///
/// A map without a softmax has a `sum` of -1 and NaN for the rest. `nan` comes from the host, as
/// WGSL cannot spell it.
#[cube]
fn write_map<E: Float, A: Float>(
    sums: &Sums<A>,
    moments: &mut Tensor<E>,
    state: &mut Tensor<A>,
    map: usize,
    nan: A,
    #[comptime] covariance: bool,
) {
    let valid = sums.sum > A::new(0.0_f32) && sums.centre >= 0;
    let divisor = select(valid, sums.sum, A::new(1.0_f32));
    let moments_at = map * comptime!(spatial_moments_len(covariance));
    let state_at = map * comptime!(spatial_state_len(covariance));

    state[state_at] = select(valid, sums.max, nan);
    state[state_at + 1] = select(valid, sums.sum, A::new(-1.0_f32));
    #[unroll]
    for axis in 0..AXES {
        // An index may be too large for a float: the offset makes up for the rounding.
        let index = sums.position.along(axis);
        let rounded = A::cast_from(index);
        let rounding = A::cast_from(index - i32::cast_from(rounded));
        let offset = rounding + sums.moments[axis] / divisor;
        state[state_at + comptime!(2 + axis)] = select(valid, rounded, nan);
        state[state_at + comptime!(2 + AXES + axis)] = select(valid, offset, nan);
        moments[moments_at + axis] = E::cast_from(select(valid, rounded + offset, nan));
    }
    #[unroll]
    for entry in AXES..comptime!(spatial_moments_len(covariance)) {
        let (a, b) = comptime!(PAIRS[entry - AXES]);
        let about_centre = sums.moments[entry] / divisor;
        let shift = (sums.moments[a] / divisor) * (sums.moments[b] / divisor);
        let second = select(valid, about_centre - shift, nan);
        state[state_at + comptime!(2 + AXES + entry)] = second;
        moments[moments_at + entry] = E::cast_from(second);
    }
}

/// Moments and state of maps that one cube takes whole.
#[cube(launch_unchecked, address_type = "dynamic")]
fn whole_kernel<E: Float, A: Float, N: Size>(
    heatmaps: &Tensor<Vector<E, N>>,
    heatmaps_place: &Place,
    moments: &mut Tensor<E>,
    state: &mut Tensor<A>,
    grid: &Grid,
    raster: &Raster,
    beta: InputScalar,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[comptime] covariance: bool,
    #[define(E, A)] _dtypes: [ElemType; 2],
) {
    let work = Work::new(grid, plan);
    let beta = beta.get::<A>();
    let mut sums = unit_sums::<E, A, N>(
        heatmaps,
        heatmaps_place,
        raster,
        &work,
        beta,
        plan,
        covariance,
    );
    merge_team::<A>(&mut sums, raster, &work, beta, plan, covariance);
    if work.exists && work.rank == 0 {
        let nan = nan.get::<A>();
        write_map::<E, A>(&sums, moments, state, work.line, nan, covariance);
    }
}

/// The sums of each split of long maps: `numbers` is `[sum, moments] x splits x maps`.
#[cube(launch_unchecked, address_type = "dynamic")]
fn parts_kernel<E: Float, A: Float, N: Size>(
    heatmaps: &Tensor<Vector<E, N>>,
    heatmaps_place: &Place,
    maxima: &mut Tensor<A>,
    centres: &mut Tensor<i32>,
    numbers: &mut Tensor<A>,
    grid: &Grid,
    raster: &Raster,
    beta: InputScalar,
    #[comptime] plan: CubePlan,
    #[comptime] covariance: bool,
    #[define(E, A)] _dtypes: [ElemType; 2],
) {
    let work = Work::new(grid, plan);
    let beta = beta.get::<A>();
    let mut part = unit_sums::<E, A, N>(
        heatmaps,
        heatmaps_place,
        raster,
        &work,
        beta,
        plan,
        covariance,
    );
    merge_team::<A>(&mut part, raster, &work, beta, plan, covariance);
    if work.exists && work.rank == 0 {
        let parts = grid.splits * grid.lines;
        let at = work.split * grid.lines + work.line;
        maxima[at] = part.max;
        centres[at] = part.centre;
        part.store(numbers, at, parts);
    }
}

/// Moments and state from the sums of the splits, which are this kernel's steps.
#[cube(launch_unchecked, address_type = "dynamic")]
fn merge_kernel<E: Float, A: Float>(
    maxima: &Tensor<A>,
    centres: &Tensor<i32>,
    numbers: &Tensor<A>,
    moments: &mut Tensor<E>,
    state: &mut Tensor<A>,
    grid: &Grid,
    raster: &Raster,
    beta: InputScalar,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[comptime] covariance: bool,
    #[define(E, A)] _dtypes: [ElemType; 2],
) {
    let work = Work::new(grid, plan);
    let beta = beta.get::<A>();
    let parts = grid.steps * grid.lines;

    let mut whole = Sums::<A>::empty(A::min_value(), 0i32, raster, covariance);
    let mut split = work.first;
    while split < work.end {
        let at = split * grid.lines + work.line;
        let mut part = Sums::<A>::empty(maxima[at], centres[at], raster, covariance);
        part.add_stored(numbers, at, parts);
        whole.merge(&mut part, beta);
        split += comptime!(plan.team);
    }
    merge_team::<A>(&mut whole, raster, &work, beta, plan, covariance);

    if work.exists && work.rank == 0 {
        let nan = nan.get::<A>();
        write_map::<E, A>(&whole, moments, state, work.line, nan, covariance);
    }
}

/// See [`ArgmaxOps::spatial_moments_forward`](crate::ArgmaxOps::spatial_moments_forward).
pub(crate) fn spatial_moments_forward(
    heatmaps: CubeTensor,
    covariance: bool,
    beta: f64,
) -> (CubeTensor, CubeTensor) {
    let (client, dtype) = (heatmaps.client.clone(), heatmaps.dtype);
    let count = heatmaps.shape()[0];
    let accumulator: DType = accumulator_dtype(dtype).into();
    let accumulator_elem = dtype_to_elem_type(accumulator);
    let dtypes = [dtype, accumulator].map(dtype_to_elem_type);
    let beta = InputScalar::new(beta.min(accumulator_max(dtype)), accumulator_elem);
    let nan = InputScalar::new(f64::NAN, accumulator_elem);

    let table = |entries, dtype| empty_like(&heatmaps, [count, entries].into(), dtype);
    let moments = table(spatial_moments_len(covariance), dtype);
    let state = table(spatial_state_len(covariance), accumulator);
    let maps = Maps::new(heatmaps);
    let layout = maps.layout;

    let max_units = Extent::max_units(
        &client.properties().hardware,
        exchange_bytes(accumulator.size(), covariance),
    );
    let geometry = layout.extent(max_units).reduce();
    let plan = CubePlan::new(layout.axis, geometry);
    let raster = || raster(&maps, plan.team);
    let address_type = maps
        .tensor
        .required_address_type()
        .max(moments.required_address_type())
        .max(state.required_address_type());
    let cube_dim = plan.cube_dim();
    let cubes = calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim);

    if geometry.splits == 1 {
        // SAFETY: a map below `lines` and a step below `steps` are inside the heatmaps, which the
        // strides describe, and moments and state are allocated to the number of maps.
        unsafe {
            whole_kernel::launch_unchecked(
                &client,
                cubes,
                cube_dim,
                address_type,
                layout.vector_size,
                maps.tensor.clone().into_tensor_arg(),
                place(maps.strides),
                moments.clone().into_tensor_arg(),
                state.clone().into_tensor_arg(),
                grid(layout, geometry),
                raster(),
                beta,
                nan,
                plan,
                covariance,
                dtypes,
            );
        }
        return (moments, state);
    }

    let parts = geometry.splits * count;
    let numbers = parts * stored_numbers(covariance);
    let maxima = empty_like(&state, [parts].into(), accumulator);
    let centres = empty_like(&state, [parts].into(), DType::I32);
    let numbers = empty_like(&state, [numbers].into(), accumulator);
    // SAFETY: as above; a part below `splits * maps` is inside what holds the sums of the parts.
    unsafe {
        parts_kernel::launch_unchecked(
            &client,
            cubes,
            cube_dim,
            address_type.max(numbers.required_address_type()),
            layout.vector_size,
            maps.tensor.clone().into_tensor_arg(),
            place(maps.strides),
            maxima.clone().into_tensor_arg(),
            centres.clone().into_tensor_arg(),
            numbers.clone().into_tensor_arg(),
            grid(layout, geometry),
            raster(),
            beta,
            plan,
            covariance,
            dtypes,
        );
    }

    let merging = Extent {
        axis: Axis::Columns,
        steps: geometry.splits,
        ..layout.extent(max_units)
    }
    .merge();
    let plan = CubePlan::new(Axis::Columns, merging);
    let cube_dim = plan.cube_dim();
    // SAFETY: as above, with the splits as steps.
    unsafe {
        merge_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, merging.cubes * plan.units(), cube_dim),
            cube_dim,
            numbers
                .required_address_type()
                .max(moments.required_address_type())
                .max(state.required_address_type()),
            maxima.into_tensor_arg(),
            centres.into_tensor_arg(),
            numbers.into_tensor_arg(),
            moments.clone().into_tensor_arg(),
            state.clone().into_tensor_arg(),
            merge_grid(layout, geometry.splits),
            raster(),
            beta,
            nan,
            plan,
            covariance,
            dtypes,
        );
    }
    (moments, state)
}
