//! One-hot rows: the peak of every line in one read, then one write.

use burn_core::backend::{TensorMetadata, cubecl::dtype_to_elem_type};
use burn_core::tensor::DType;
use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    finite::order_key,
    geometry::{Extent, Geometry},
    layout::{Layout, empty_like},
    line::{CubePlan, Grid, Place, Work, grid, indices, place, spread},
    peak::{key_dtype, line_peaks},
};
use crate::composed::accumulator_dtype;

/// 1 at the line's index, 0 elsewhere.
#[cube(launch_unchecked, address_type = "dynamic")]
fn one_hot_kernel<E: Float, N: Size, M: Size>(
    positions: &Tensor<Vector<i32, M>>,
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
    let position = spread::<i32, M, N>(positions[work.line]);
    let start = work.start(output_place);
    let mut step = work.first;
    while step < work.end {
        let is_peak = indices::<N>(step, comptime!(plan.axis)).equal(&position);
        output[start + step * output_place.step] = select_many(is_peak, one, zero);
        step += comptime!(plan.team);
    }
}

/// 1 wherever the line's maximum stands, 0 elsewhere; NaN throughout if the line has a NaN.
#[cube(launch_unchecked, address_type = "dynamic")]
fn sign_one_hot_kernel<E: Float, A: Float, K: Int, N: Size, M: Size>(
    values: &Tensor<Vector<E, N>>,
    values_place: &Place,
    keys: &Tensor<Vector<K, M>>,
    output: &mut Tensor<Vector<E, N>>,
    output_place: &Place,
    grid: &Grid,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[define(E, A, K)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let peak = spread::<K, M, N>(keys[work.line]);
    let spoiled = peak.equal(&Vector::new(K::max_value()));
    let nan = Vector::<E, N>::new(nan.get::<E>());
    let zero = Vector::<E, N>::new(E::new(0.0_f32));
    let one = Vector::<E, N>::new(E::new(1.0_f32));
    let values_start = work.start(values_place);
    let start = work.start(output_place);
    let mut step = work.first;
    while step < work.end {
        let value = Vector::<A, N>::cast_from(values[values_start + step * values_place.step]);
        let is_peak = order_key::<A, K, N>(value).equal(&peak);
        let mark = select_many(spoiled, nan, select_many(is_peak, one, zero));
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

/// See [`ArgmaxOps::straight_through_one_hot`](crate::ArgmaxOps::straight_through_one_hot).
pub(crate) fn one_hot(logits: CubeTensor, dim: usize) -> CubeTensor {
    let (client, dtype) = (logits.client.clone(), logits.dtype);
    let (layout, geometry, plan) = map_plan(&logits, dim);
    let output = empty_like(&logits, logits.shape(), dtype);
    let (logits, strides) = layout.view(logits, dim);
    let peaks = line_peaks(logits, strides, layout);

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
            peaks.positions.into_tensor_arg(),
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
    let (values, strides) = layout.view(values, dim);
    let peaks = line_peaks(values.clone(), strides, layout);

    let accumulator: DType = accumulator_dtype(dtype).into();
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
            peaks.keys.into_tensor_arg(),
            output.clone().into_tensor_arg(),
            place(layout.contiguous()),
            grid(layout, geometry),
            InputScalar::new(f64::NAN, dtype_to_elem_type(dtype)),
            plan,
            [dtype, accumulator, key_dtype(dtype)].map(dtype_to_elem_type),
        );
    }
    output
}
