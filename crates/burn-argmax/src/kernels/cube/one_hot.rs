//! One-hot rows from what a reduction found. The reductions are the backend's own: their autotune
//! serves here as it is.

use burn_core::backend::{
    TensorMetadata,
    cubecl::dtype_to_elem_type,
    get_or_init_device_settings,
    ops::{FloatTensorOps, IntTensorOps},
};
use burn_core::tensor::IntDType;
use burn_cubecl::{CubeBackend, cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    finite::not_finite,
    geometry::{Extent, Geometry},
    layout::{Layout, empty_like},
    line::{CubePlan, Grid, Place, Work, grid, indices, place, spread},
    state::{Coordinates, line_state},
};
use crate::composed::{accumulator_dtype, slice_dim};

/// 1 at the line's index, 0 elsewhere.
#[cube(launch_unchecked, address_type = "dynamic")]
fn one_hot_kernel<E: Float, N: Size, M: Size>(
    argmax: &Tensor<Vector<i32, M>>,
    output: &mut Tensor<Vector<E, N>>,
    output_place: &Place,
    grid: &Grid,
    #[comptime] plan: CubePlan,
    #[define(E)] _dtype: ElemType,
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let zero = Vector::<E, N>::new(E::new(0.0_f32));
    let one = Vector::<E, N>::new(E::new(1.0_f32));
    let argmax = spread::<i32, M, N>(argmax[work.line]);
    let start = work.start(output_place);
    let mut step = work.first;
    while step < work.end {
        let is_argmax = indices::<N>(step, comptime!(plan.axis)).equal(&argmax);
        output[start + step * output_place.step] = select_many(is_argmax, one, zero);
        step += comptime!(plan.team);
    }
}

/// 1 wherever the line's maximum stands, 0 elsewhere; NaN throughout if the maximum is NaN.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sign_one_hot_kernel<E: Float, A: Float, N: Size, M: Size>(
    values: &Tensor<Vector<E, N>>,
    values_place: &Place,
    max: &Tensor<Vector<E, M>>,
    output: &mut Tensor<Vector<E, N>>,
    output_place: &Place,
    grid: &Grid,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[define(E, A)] _dtypes: [ElemType; 2],
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let max = spread::<E, M, N>(max[work.line]);
    let spoiled = not_finite::<A, N>(Vector::cast_from(max)).nan;
    let nan = Vector::<E, N>::new(nan.get::<E>());
    let zero = Vector::<E, N>::new(E::new(0.0_f32));
    let one = Vector::<E, N>::new(E::new(1.0_f32));
    let values_start = work.start(values_place);
    let start = work.start(output_place);
    let mut step = work.first;
    while step < work.end {
        let is_max = values[values_start + step * values_place.step].equal(&max);
        let mark = select_many(spoiled, nan, select_many(is_max, one, zero));
        output[start + step * output_place.step] = mark;
        step += comptime!(plan.team);
    }
}

/// The launch of a kernel that maps.
fn map_plan(tensor: &CubeTensor, dim: usize) -> (Layout, Geometry, CubePlan) {
    let layout = Layout::of(tensor, dim);
    let max_units = Extent::max_units(&tensor.client.properties().hardware, 0);
    let geometry = layout.extent(max_units).map();
    (layout, geometry, CubePlan::new(layout.axis, geometry))
}

/// An entry of every line's state, and whether it is NaN. The state serves because the backend's
/// own reductions are wrong on long lines of some adapters; they decide only where it is NaN.
fn state_entry(values: CubeTensor, dim: usize, entry: usize) -> (CubeTensor, CubeTensor) {
    let bool_dtype = get_or_init_device_settings::<CubeBackend>(&values.device()).bool_dtype;
    let (state, _) = line_state(values, Coordinates::Indices, dim, 1.0);
    let entry = slice_dim::<CubeBackend>(state, dim, entry, entry + 1);
    let is_nan = CubeBackend::float_is_nan(entry.clone(), bool_dtype);
    (entry, is_nan)
}

/// The first maximum of every line.
fn first_argmax(logits: CubeTensor, dim: usize) -> CubeTensor {
    let argmax = CubeBackend::float_argmax(logits.clone(), dim, IntDType::I32);
    let (centre, is_nan) = state_entry(logits, dim, 2);
    let centre = CubeBackend::float_into_int(centre, IntDType::I32);
    CubeBackend::int_mask_where(centre, is_nan, argmax)
}

/// The maximum of every line.
fn line_max(values: CubeTensor, dim: usize) -> CubeTensor {
    let dtype = values.dtype;
    let fallback = CubeBackend::float_max_dim(values.clone(), dim);
    let (max, is_nan) = state_entry(values, dim, 0);
    let max = CubeBackend::float_cast(max, dtype.into());
    CubeBackend::float_mask_where(max, is_nan, fallback)
}

/// See [`ArgmaxOps::straight_through_one_hot`](crate::ArgmaxOps::straight_through_one_hot).
pub(crate) fn one_hot(logits: CubeTensor, dim: usize) -> CubeTensor {
    let (client, dtype) = (logits.client.clone(), logits.dtype);
    let (layout, geometry, plan) = map_plan(&logits, dim);
    let output = empty_like(&logits, logits.shape(), dtype);
    let argmax = first_argmax(logits, dim);
    let argmax = into_contiguous(argmax);

    let cube_dim = plan.cube_dim();
    // SAFETY: a line below `lines` and a step below `steps` are inside both tensors, which are
    // contiguous and of the layout's shape.
    unsafe {
        one_hot_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim),
            cube_dim,
            output.required_address_type(),
            layout.vector_size,
            layout.line_vector_size(),
            argmax.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            place(layout.contiguous()),
            grid(layout, geometry),
            plan,
            dtype_to_elem_type(dtype),
        );
    }
    output
}

/// See [`ArgmaxOps::sign_one_hot`](crate::ArgmaxOps::sign_one_hot).
pub(crate) fn sign_one_hot(values: CubeTensor, dim: usize) -> CubeTensor {
    let (client, dtype) = (values.client.clone(), values.dtype);
    let (layout, geometry, plan) = map_plan(&values, dim);
    let output = empty_like(&values, values.shape(), dtype);
    let max = into_contiguous(line_max(values.clone(), dim));
    let (values, strides) = layout.view(values, dim);

    let elem = dtype_to_elem_type(dtype);
    let cube_dim = plan.cube_dim();
    // SAFETY: a line below `lines` and a step below `steps` are inside every tensor here: the
    // strides describe the values, and the others are contiguous and of the layout's shape.
    unsafe {
        sign_one_hot_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim),
            cube_dim,
            values
                .required_address_type()
                .max(output.required_address_type()),
            layout.vector_size,
            layout.line_vector_size(),
            values.into_tensor_arg(),
            place(strides),
            max.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            place(layout.contiguous()),
            grid(layout, geometry),
            InputScalar::new(f64::NAN, elem),
            plan,
            [elem, dtype_to_elem_type(accumulator_dtype(dtype).into())],
        );
    }
    output
}
