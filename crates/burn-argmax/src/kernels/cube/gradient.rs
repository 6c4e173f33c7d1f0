//! The backward pass: one read of the logits, one write of the gradient.

use burn_core::backend::{TensorMetadata, cubecl::dtype_to_elem_type};
use burn_core::tensor::DType;
use burn_cubecl::{cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    finite::not_finite,
    geometry::Extent,
    layout::{Layout, empty_like},
    line::{CubePlan, Grid, Place, Work, grid, indices, place, spread},
    moments::weight,
    state::Coordinates,
};
use crate::composed::{accumulator_dtype, accumulator_max};

/// `beta * p_j * ((coordinate_j - centre) - offset)`, times the line's upstream gradient if it has
/// one. The coordinates are those given, else the indices.
#[cube(launch_unchecked, address_type = "dynamic")]
fn gradient_kernel<E: Float, A: Float, C: Numeric, N: Size, M: Size>(
    logits: &Tensor<Vector<E, N>>,
    logits_place: &Place,
    coordinates: ComptimeOption<&Tensor<Vector<E, N>>>,
    coordinates_place: &Place,
    state: &Tensor<Vector<A, M>>,
    upstream: ComptimeOption<&Tensor<Vector<E, M>>>,
    gradient: &mut Tensor<Vector<E, N>>,
    gradient_place: &Place,
    grid: &Grid,
    beta: InputScalar,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[define(E, A, C)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let beta = beta.get::<A>();
    let zero = Vector::<A, N>::new(A::new(0.0_f32));

    let at = work.state(grid);
    let max = spread::<A, M, N>(state[at]);
    let sum = spread::<A, M, N>(state[at + grid.lanes]);
    let centre = Vector::<C, N>::cast_from(spread::<A, M, N>(state[at + 2 * grid.lanes]));
    let offset = spread::<A, M, N>(state[at + 3 * grid.lanes]);
    let valid = sum.greater_than(&zero);
    #[comptime]
    let upstream = match upstream {
        ComptimeOption::Some(upstream) => {
            Vector::<A, N>::cast_from(spread::<E, M, N>(upstream[work.line]))
        }
        ComptimeOption::None => Vector::new(A::new(1.0_f32)),
    };

    let logits_start = work.start(logits_place);
    let coordinates_start = work.start(coordinates_place);
    let gradient_start = work.start(gradient_place);
    let mut step = work.first;
    while step < work.end {
        let x = Vector::<A, N>::cast_from(logits[logits_start + step * logits_place.step]);
        #[comptime]
        let coordinate = match &coordinates {
            ComptimeOption::Some(coordinates) => Vector::<C, N>::cast_from(
                coordinates[coordinates_start + step * coordinates_place.step],
            ),
            ComptimeOption::None => {
                Vector::<C, N>::cast_from(indices::<N>(step, comptime!(plan.axis)))
            }
        };

        // The weight comes first: where it is 0, the product stays 0 however large beta is.
        let probability = weight::<A, N>(x - max, beta) / sum;
        let distance = Vector::<A, N>::cast_from(coordinate - centre) - offset;
        let slope = probability * distance * Vector::new(beta) * upstream;
        // In a line with a softmax, what is not finite is masked; in one without, masks get nothing.
        let not_finite = not_finite::<A, N>(x);
        let slope = select_many(not_finite.any, zero, slope);
        let nan = Vector::new(nan.get::<A>());
        let broken = select_many(not_finite.any, zero, nan);
        let broken = select_many(not_finite.not_masked, nan, broken);
        let slope = select_many(valid, slope, broken);
        gradient[gradient_start + step * gradient_place.step] = Vector::cast_from(slope);
        step += comptime!(plan.team);
    }
}

/// The gradient of what [`line_state`](super::state::line_state) averages. `upstream` has one entry
/// for each line.
pub(super) fn gradient(
    logits: CubeTensor,
    coordinates: Coordinates,
    state: CubeTensor,
    upstream: Option<CubeTensor>,
    dim: usize,
    beta: f64,
) -> CubeTensor {
    let (client, dtype) = (logits.client.clone(), logits.dtype);
    let layout = Layout::of(&logits, dim);
    let accumulator: DType = accumulator_dtype(dtype).into();
    let accumulator_elem = dtype_to_elem_type(accumulator);

    let gradient = empty_like(&logits, logits.shape(), dtype);
    let (logits, logits_strides) = layout.view(logits, dim);
    let (coordinates, coordinates_strides, coordinate_dtype) = match coordinates {
        Coordinates::Indices => (None, logits_strides, DType::I32),
        Coordinates::Values(values) => {
            let (values, strides) = layout.view(*values, dim);
            (Some(values), strides, accumulator)
        }
    };
    let state = into_contiguous(state);
    let upstream = upstream.map(into_contiguous);

    let max_units = Extent::max_units(&client.properties().hardware, 0);
    let geometry = layout.extent(max_units).map();
    let plan = CubePlan::new(layout.axis, geometry);
    let cube_dim = plan.cube_dim();
    let address_type = logits
        .required_address_type()
        .max(
            coordinates
                .as_ref()
                .map_or_else(Default::default, CubeTensor::required_address_type),
        )
        .max(state.required_address_type())
        .max(gradient.required_address_type());
    // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here: the
    // strides describe the inputs, and the gradient is allocated to the layout.
    unsafe {
        gradient_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim),
            cube_dim,
            address_type,
            layout.vector_size,
            layout.line_vector_size(),
            logits.into_tensor_arg(),
            place(logits_strides),
            coordinates.map(CubeTensor::into_tensor_arg).into(),
            place(coordinates_strides),
            state.into_tensor_arg(),
            upstream.map(CubeTensor::into_tensor_arg).into(),
            gradient.clone().into_tensor_arg(),
            place(layout.contiguous()),
            grid(layout, geometry),
            InputScalar::new(beta.min(accumulator_max(dtype)), accumulator_elem),
            InputScalar::new(f64::NAN, accumulator_elem),
            plan,
            [dtype, accumulator, coordinate_dtype].map(dtype_to_elem_type),
        );
    }
    gradient
}
