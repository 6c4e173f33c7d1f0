//! The gradient: one read of the heatmaps, one write.

use burn_core::backend::{TensorMetadata, cubecl::dtype_to_elem_type};
use burn_core::tensor::DType;
use burn_cubecl::{cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    super::{
        finite::not_finite,
        geometry::Extent,
        layout::empty_like,
        line::{CubePlan, Grid, Place, Work, grid, place},
        moments::weight,
    },
    AXES, Maps,
    raster::{Position, Raster, raster},
};
use crate::{
    composed::{accumulator_dtype, accumulator_max},
    ops::{spatial_moments_len, spatial_state_len},
};

/// What the gradient of one map takes from its state and its upstream gradient.
#[derive(CubeType)]
struct Slope<A: Float> {
    centre: Position,
    /// From the centre to the mean.
    offset: Sequence<A>,
    /// The upstream gradient, of the moments in their order.
    upstream: Sequence<A>,
    /// The mean of the quadratic form, which is taken off it.
    mean: A,
}

#[cube]
impl<A: Float> Slope<A> {
    fn new<E: Float>(
        state: &Tensor<A>,
        state_at: usize,
        grad: &Tensor<E>,
        grad_at: usize,
        #[comptime] covariance: bool,
    ) -> Self {
        let mut offset = Sequence::<A>::new();
        #[unroll]
        for axis in 0..AXES {
            offset.push(state[state_at + comptime!(2 + AXES + axis)]);
        }
        let mut upstream = Sequence::<A>::new();
        #[unroll]
        for entry in 0..comptime!(spatial_moments_len(covariance)) {
            upstream.push(A::cast_from(grad[grad_at + entry]));
        }
        let mut mean = A::new(0.0_f32);
        #[unroll]
        for entry in AXES..comptime!(spatial_moments_len(covariance)) {
            mean += upstream[entry] * state[state_at + comptime!(2 + AXES + entry)];
        }
        Slope::<A> {
            centre: Position {
                x: i32::cast_from(state[state_at + 2]),
                y: i32::cast_from(state[state_at + 3]),
                z: i32::cast_from(state[state_at + 4]),
            },
            offset,
            upstream,
            mean,
        }
    }

    /// The upstream gradient of the probabilities of a vector at a position, less its mean: it is
    /// `a + b x + c x^2`, where x is from the mean and the rest the same for the whole vector.
    fn at<N: Size>(&self, position: &Position) -> Vector<A, N> {
        let distances = position.distances::<A>(&self.centre);
        let y = distances[1] - self.offset[1];
        let z = distances[2] - self.offset[2];
        let x = position.across::<A, N>(&self.centre) - Vector::new(self.offset[0]);
        let flat = self.upstream[1] * y + self.upstream[2] * z;
        let slope = self.upstream[0];
        if comptime!(self.upstream.len() > AXES) {
            let xx = self.upstream[3];
            let xy = self.upstream[4];
            let xz = self.upstream[5];
            let yy = self.upstream[6];
            let yz = self.upstream[7];
            let zz = self.upstream[8];
            let flat = flat + (yy * y * y + yz * y * z + zz * z * z - self.mean);
            let slope = slope + xy * y + xz * z;
            Vector::new(flat) + x * (Vector::new(slope) + x * Vector::new(xx))
        } else {
            Vector::new(flat) + x * Vector::new(slope)
        }
    }
}

/// `beta * p_j * sum_k grad_k * (d moment_k / d p_j)`, less its mean.
#[cube(launch_unchecked, address_type = "dynamic")]
fn gradient_kernel<E: Float, A: Float, N: Size>(
    heatmaps: &Tensor<Vector<E, N>>,
    heatmaps_place: &Place,
    state: &Tensor<A>,
    grad: &Tensor<E>,
    gradient: &mut Tensor<Vector<E, N>>,
    gradient_place: &Place,
    grid: &Grid,
    raster: &Raster,
    beta: InputScalar,
    nan: InputScalar,
    #[comptime] plan: CubePlan,
    #[comptime] covariance: bool,
    #[define(E, A)] _dtypes: [ElemType; 2],
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let lanes = N::value();
    let beta = beta.get::<A>();
    let nan = Vector::<A, N>::new(nan.get::<A>());
    let zero = Vector::<A, N>::new(A::new(0.0_f32));

    let state_at = work.line * comptime!(spatial_state_len(covariance));
    let grad_at = work.line * comptime!(spatial_moments_len(covariance));
    let max = Vector::<A, N>::new(state[state_at]);
    let sum = state[state_at + 1];
    let valid = Vector::<A, N>::new(sum).greater_than(&zero);
    let scale = Vector::<A, N>::new(beta / sum);
    let slope = Slope::<A>::new::<E>(state, state_at, grad, grad_at, covariance);

    let start = work.start(heatmaps_place);
    let gradient_start = work.start(gradient_place);
    let mut position = raster.position(i32::cast_from(work.first) * comptime!(lanes as i32));
    let mut step = work.first;
    while step < work.end {
        let x = Vector::<A, N>::cast_from(heatmaps[start + step * heatmaps_place.step]);
        // The weight comes first: where it is 0, the product stays 0 however large beta is.
        let result = weight::<A, N>(x - max, beta) * slope.at::<N>(&position) * scale;
        // In a map with a softmax, what is not finite is masked; in one without, masks get nothing.
        let not_finite = not_finite::<A, N>(x);
        let result = select_many(not_finite.any, zero, result);
        let broken = select_many(not_finite.any, zero, nan);
        let broken = select_many(not_finite.not_masked, nan, broken);
        let result = select_many(valid, result, broken);
        gradient[gradient_start + step * gradient_place.step] = Vector::cast_from(result);
        raster.advance(&mut position);
        step += comptime!(plan.team);
    }
}

/// See [`ArgmaxOps::spatial_moments_backward`](crate::ArgmaxOps::spatial_moments_backward).
pub(crate) fn spatial_moments_backward(
    heatmaps: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    covariance: bool,
    beta: f64,
) -> CubeTensor {
    let (client, dtype) = (heatmaps.client.clone(), heatmaps.dtype);
    let accumulator: DType = accumulator_dtype(dtype).into();
    let accumulator_elem = dtype_to_elem_type(accumulator);

    let gradient = empty_like(&heatmaps, heatmaps.shape(), dtype);
    let maps = Maps::new(heatmaps);
    let layout = maps.layout;
    let (state, grad) = (into_contiguous(state), into_contiguous(grad));

    let max_units = Extent::max_units(&client.properties().hardware, 0);
    let geometry = layout.extent(max_units).map();
    let plan = CubePlan::new(layout.axis, geometry);
    let raster = raster(&maps, plan.team);
    let cube_dim = plan.cube_dim();
    let address_type = maps
        .tensor
        .required_address_type()
        .max(state.required_address_type())
        .max(grad.required_address_type())
        .max(gradient.required_address_type());
    // SAFETY: a map below `lines` and a step below `steps` are inside every tensor here: the
    // strides describe the heatmaps, and the others are contiguous, with entries for every map.
    unsafe {
        gradient_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim),
            cube_dim,
            address_type,
            layout.vector_size,
            maps.tensor.into_tensor_arg(),
            place(maps.strides),
            state.into_tensor_arg(),
            grad.into_tensor_arg(),
            gradient.clone().into_tensor_arg(),
            place(layout.contiguous()),
            grid(layout, geometry),
            raster,
            InputScalar::new(beta.min(accumulator_max(dtype)), accumulator_elem),
            InputScalar::new(f64::NAN, accumulator_elem),
            plan,
            covariance,
            [dtype, accumulator].map(dtype_to_elem_type),
        );
    }
    gradient
}
