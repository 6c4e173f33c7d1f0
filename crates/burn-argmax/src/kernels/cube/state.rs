//! The forward pass: the softmax sums of every line, in one read of the logits.

use burn_core::backend::{TensorMetadata, cubecl::dtype_to_elem_type};
use burn_core::tensor::DType;
use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    geometry::{Axis, Extent},
    layout::{Layout, empty_like},
    line::{CubePlan, Grid, Place, Work, grid, indices, merge_grid, place},
    moments::{Moments, exchange_bytes, merge_team},
};
use crate::composed::{accumulator_dtype, accumulator_max, with_dim_size};

/// Writes the state of a line, and its result if it has one.
///
/// A line without a softmax has a `sum` of -1 and NaN for the rest. `nan` comes from the host, as
/// WGSL cannot spell it.
#[cube]
fn write_line<E: Float, A: Float, C: Numeric, M: Size>(
    moments: &Moments<A, C, M>,
    state: &mut Tensor<Vector<A, M>>,
    result: ComptimeOption<&mut Tensor<Vector<E, M>>>,
    work: &Work,
    grid: &Grid,
    nan: A,
) {
    let nan = Vector::<A, M>::new(nan);
    let valid = moments.sum.greater_than(&Vector::new(A::new(0.0_f32)));
    let divisor = select_many(valid, moments.sum, Vector::new(A::new(1.0_f32)));

    // An index may be too large for a float: the sums move to where it is rounded to.
    let centre = Vector::<A, M>::cast_from(moments.centre);
    let rounding = Vector::<A, M>::cast_from(moments.centre - Vector::<C, M>::cast_from(centre));
    let offset = (moments.moment + rounding * moments.sum) / divisor;

    let at = work.state(grid);
    state[at] = select_many(valid, moments.max, nan);
    state[at + grid.lanes] = select_many(valid, moments.sum, Vector::new(A::new(-1.0_f32)));
    state[at + 2 * grid.lanes] = select_many(valid, centre, nan);
    state[at + 3 * grid.lanes] = select_many(valid, offset, nan);

    #[comptime]
    if let ComptimeOption::Some(result) = result {
        result[work.line] = Vector::cast_from(select_many(valid, centre + offset, nan));
    }
}

/// The sums of the cube's part of a line, left with the unit of rank 0. The coordinates are those
/// given, else the indices.
#[cube]
fn scan<E: Float, A: Float, C: Numeric, N: Size, M: Size>(
    logits: &Tensor<Vector<E, N>>,
    logits_place: &Place,
    coordinates: ComptimeOption<&Tensor<Vector<E, N>>>,
    coordinates_place: &Place,
    work: &Work,
    beta: A,
    #[comptime] plan: CubePlan,
) -> Moments<A, C, M> {
    let start = work.start(logits_place);
    let coordinates_start = work.start(coordinates_place);

    let mut moments = Moments::<A, C, N>::empty(Vector::new(C::from_int(0)));
    let mut step = work.first;
    while step < work.end {
        let x = Vector::<A, N>::cast_from(logits[start + step * logits_place.step]);
        #[comptime]
        let coordinate = match &coordinates {
            ComptimeOption::Some(coordinates) => Vector::<C, N>::cast_from(
                coordinates[coordinates_start + step * coordinates_place.step],
            ),
            ComptimeOption::None => {
                Vector::<C, N>::cast_from(indices::<N>(step, comptime!(plan.axis)))
            }
        };
        moments.observe(x, coordinate, beta);
        step += comptime!(plan.team);
    }

    let mut line = moments.lines::<M>(beta);
    merge_team::<A, C, M>(&mut line, work, beta, plan);
    line
}

/// State and result of lines that one cube takes whole.
#[cube(launch_unchecked, address_type = "dynamic")]
fn whole_kernel<E: Float, A: Float, C: Numeric, N: Size, M: Size>(
    logits: &Tensor<Vector<E, N>>,
    logits_place: &Place,
    coordinates: ComptimeOption<&Tensor<Vector<E, N>>>,
    coordinates_place: &Place,
    state: &mut Tensor<Vector<A, M>>,
    result: ComptimeOption<&mut Tensor<Vector<E, M>>>,
    grid: &Grid,
    beta: InputScalar,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[define(E, A, C)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let line = scan::<E, A, C, N, M>(
        logits,
        logits_place,
        coordinates,
        coordinates_place,
        &work,
        beta.get::<A>(),
        plan,
    );
    if work.exists && work.rank == 0 {
        write_line::<E, A, C, M>(&line, state, result, &work, grid, nan.get::<A>());
    }
}

/// The sums of each split of long lines: `sums` is `[max, sum, moment] x splits x lines`.
#[cube(launch_unchecked, address_type = "dynamic")]
fn parts_kernel<E: Float, A: Float, C: Numeric, N: Size, M: Size>(
    logits: &Tensor<Vector<E, N>>,
    logits_place: &Place,
    coordinates: ComptimeOption<&Tensor<Vector<E, N>>>,
    coordinates_place: &Place,
    sums: &mut Tensor<Vector<A, M>>,
    centres: &mut Tensor<Vector<C, M>>,
    grid: &Grid,
    beta: InputScalar,
    #[comptime] plan: CubePlan,
    #[define(E, A, C)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let line = scan::<E, A, C, N, M>(
        logits,
        logits_place,
        coordinates,
        coordinates_place,
        &work,
        beta.get::<A>(),
        plan,
    );
    if work.exists && work.rank == 0 {
        let parts = grid.splits * grid.lines;
        let at = work.split * grid.lines + work.line;
        sums[at] = line.max;
        sums[at + parts] = line.sum;
        sums[at + 2 * parts] = line.moment;
        centres[at] = line.centre;
    }
}

/// State and result from the sums of the splits, which are this kernel's steps.
#[cube(launch_unchecked, address_type = "dynamic")]
fn merge_kernel<E: Float, A: Float, C: Numeric, M: Size>(
    sums: &Tensor<Vector<A, M>>,
    centres: &Tensor<Vector<C, M>>,
    state: &mut Tensor<Vector<A, M>>,
    result: ComptimeOption<&mut Tensor<Vector<E, M>>>,
    grid: &Grid,
    beta: InputScalar,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[define(E, A, C)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let beta = beta.get::<A>();
    let parts = grid.steps * grid.lines;

    let mut line = Moments::<A, C, M>::empty(Vector::new(C::from_int(0)));
    let mut split = work.first;
    while split < work.end {
        let at = split * grid.lines + work.line;
        let part = Moments::<A, C, M> {
            max: sums[at],
            sum: sums[at + parts],
            moment: sums[at + 2 * parts],
            centre: centres[at],
        };
        line.merge(&part, beta);
        split += comptime!(plan.team);
    }
    merge_team::<A, C, M>(&mut line, &work, beta, plan);

    if work.exists && work.rank == 0 {
        write_line::<E, A, C, M>(&line, state, result, &work, grid, nan.get::<A>());
    }
}

/// What the moments of a line are taken of.
pub(super) enum Coordinates {
    /// The indices along `dim`, with a result of the logits' dtype.
    Indices,
    /// These values, of the logits' shape and dtype; only the state is wanted.
    Values(Box<CubeTensor>),
}

/// The state of every line, and with [`Coordinates::Indices`] the expected index.
pub(super) fn line_state(
    logits: CubeTensor,
    coordinates: Coordinates,
    dim: usize,
    beta: f64,
) -> (CubeTensor, Option<CubeTensor>) {
    let (client, dtype, shape) = (logits.client.clone(), logits.dtype, logits.shape());
    let layout = Layout::of(&logits, dim);
    let accumulator: DType = accumulator_dtype(dtype).into();
    let accumulator_elem = dtype_to_elem_type(accumulator);
    let beta = InputScalar::new(beta.min(accumulator_max(dtype)), accumulator_elem);
    let nan = InputScalar::new(f64::NAN, accumulator_elem);

    let state = empty_like(&logits, with_dim_size(&shape, dim, 4), accumulator);
    let (logits, logits_strides) = layout.view(logits, dim);
    let (coordinates, coordinates_strides, coordinate_dtype, result) = match coordinates {
        Coordinates::Indices => {
            let result = empty_like(&state, with_dim_size(&shape, dim, 1), dtype);
            (None, logits_strides, DType::I32, Some(result))
        }
        Coordinates::Values(values) => {
            let (values, strides) = layout.view(*values, dim);
            (Some(values), strides, accumulator, None)
        }
    };
    let dtypes = [dtype, accumulator, coordinate_dtype].map(dtype_to_elem_type);

    let line_size = layout.line_vector_size();
    let max_units = Extent::max_units(
        &client.properties().hardware,
        exchange_bytes(accumulator.size(), line_size),
    );
    let geometry = layout.extent(max_units).reduce();
    let plan = CubePlan::new(layout.axis, geometry);
    let address_type = logits
        .required_address_type()
        .max(
            coordinates
                .as_ref()
                .map_or_else(Default::default, CubeTensor::required_address_type),
        )
        .max(state.required_address_type());
    let cube_dim = plan.cube_dim();
    let cubes = calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim);
    let coordinates = coordinates.map(CubeTensor::into_tensor_arg);
    let result_arg = result.clone().map(CubeTensor::into_tensor_arg);

    if geometry.splits == 1 {
        // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here:
        // the strides describe the inputs, and the outputs are allocated to the layout.
        unsafe {
            whole_kernel::launch_unchecked(
                &client,
                cubes,
                cube_dim,
                address_type,
                layout.vector_size,
                line_size,
                logits.into_tensor_arg(),
                place(logits_strides),
                coordinates.into(),
                place(coordinates_strides),
                state.clone().into_tensor_arg(),
                result_arg.into(),
                grid(layout, geometry),
                beta,
                nan,
                plan,
                dtypes,
            );
        }
        return (state, result);
    }

    let lines = layout.outer * layout.inner;
    let parts = geometry.splits * lines;
    let sums = empty_like(&state, [3 * parts].into(), accumulator);
    let centres = empty_like(&state, [parts].into(), coordinate_dtype);
    // SAFETY: as above; a part below `splits * lines` is inside `sums` and `centres`.
    unsafe {
        parts_kernel::launch_unchecked(
            &client,
            cubes,
            cube_dim,
            address_type.max(sums.required_address_type()),
            layout.vector_size,
            line_size,
            logits.into_tensor_arg(),
            place(logits_strides),
            coordinates.into(),
            place(coordinates_strides),
            sums.clone().into_tensor_arg(),
            centres.clone().into_tensor_arg(),
            grid(layout, geometry),
            beta,
            plan,
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
            sums.required_address_type()
                .max(state.required_address_type()),
            line_size,
            sums.into_tensor_arg(),
            centres.into_tensor_arg(),
            state.clone().into_tensor_arg(),
            result_arg.into(),
            merge_grid(layout, geometry.splits),
            beta,
            nan,
            plan,
            dtypes,
        );
    }
    (state, result)
}
