//! The first maximum of every line, in one read of the values.
//!
//! Our own reduction and not the backend's: that one is wrong on lines of more than 65,535 steps
//! where llvmpipe, Mesa's software GPU, ends a loop early, and what it makes of ties, `-inf` and NaN
//! depends on the device.

use burn_core::backend::cubecl::dtype_to_elem_type;
use burn_core::tensor::DType;
use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, ir::ElemType, prelude::*};

use super::{
    finite::order_key,
    geometry::{Axis, Extent, Geometry},
    layout::{Layout, Strides, empty_like},
    line::{CubePlan, Grid, Place, Work, grid, indices, merge_grid, place},
};
use crate::composed::accumulator_dtype;

/// The largest [`order_key`] of some entries, lane by lane, and the first index that has it. A NaN
/// is the largest of all, so the first NaN is the peak of a line that has one.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Peak<K: Int, N: Size> {
    key: Vector<K, N>,
    index: Vector<i32, N>,
}

#[cube]
impl<K: Int, N: Size> Peak<K, N> {
    /// Below every entry.
    fn none() -> Self {
        Peak::<K, N> {
            key: Vector::new(K::min_value()),
            index: Vector::new(i32::MAX),
        }
    }

    fn merge(&mut self, key: Vector<K, N>, index: Vector<i32, N>) {
        let ties = key.equal(&self.key);
        let leads = key
            .greater_than(&self.key)
            .or(ties.vec_and(index.less_than(&self.index)));
        self.key = select_many(leads, key, self.key);
        self.index = select_many(leads, index, self.index);
    }

    /// The peak of each line: of all lanes if they belong to one line (`M` is 1), and of each if it
    /// is a line of its own (`M` is `N`).
    fn lines<M: Size>(&self) -> Peak<K, M> {
        let (lanes, lines) = (N::value(), M::value());
        if comptime!(lanes == lines) {
            Peak::<K, M> {
                key: Vector::cast_from(self.key),
                index: Vector::cast_from(self.index),
            }
        } else {
            let mut merged = Peak::<K, M>::none();
            #[unroll]
            for lane in 0..lanes {
                merged.merge(
                    Vector::new(self.key.extract(lane)),
                    Vector::new(self.index.extract(lane)),
                );
            }
            merged
        }
    }
}

/// Merges the peaks of a team by halves; the unit of rank 0 is left with the whole. Every unit of
/// the cube must come here, for the barriers.
#[cube]
fn merge_team<K: Int, M: Size>(peak: &mut Peak<K, M>, work: &Work, #[comptime] plan: CubePlan) {
    let team = comptime!(plan.team);
    let units = comptime!(plan.units());
    let neighbour = comptime!(plan.neighbour());
    if comptime!(team > 1) {
        let mut keys = Shared::<[Vector<K, M>]>::new_slice(units);
        let mut indices = Shared::<[Vector<i32, M>]>::new_slice(units);
        keys[work.unit] = peak.key;
        indices[work.unit] = peak.index;

        #[unroll]
        for level in 0..comptime!(team.ilog2() as usize) {
            let half = comptime!(team >> (level + 1));
            sync_cube();
            if work.rank < half {
                let other = work.unit + half * neighbour;
                peak.merge(keys[other], indices[other]);
                keys[work.unit] = peak.key;
                indices[work.unit] = peak.index;
            }
        }
    }
}

/// The peak of the cube's part of a line, at `[split, line]`.
#[cube(launch_unchecked, address_type = "dynamic")]
fn scan_kernel<E: Float, A: Float, K: Int, N: Size, M: Size>(
    values: &Tensor<Vector<E, N>>,
    values_place: &Place,
    keys: &mut Tensor<Vector<K, M>>,
    positions: &mut Tensor<Vector<i32, M>>,
    grid: &Grid,
    #[comptime] plan: CubePlan,
    #[define(E, A, K)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let start = work.start(values_place);
    let mut peak = Peak::<K, N>::none();
    let mut step = work.first;
    while step < work.end {
        let value = Vector::<A, N>::cast_from(values[start + step * values_place.step]);
        peak.merge(
            order_key::<A, K, N>(value),
            indices::<N>(step, comptime!(plan.axis)),
        );
        step += comptime!(plan.team);
    }
    let mut line = peak.lines::<M>();
    merge_team::<K, M>(&mut line, &work, plan);
    if work.exists && work.rank == 0 {
        let at = work.split * grid.lines + work.line;
        keys[at] = line.key;
        positions[at] = line.index;
    }
}

/// The peak of every line from those of its splits, which are this kernel's steps.
#[cube(launch_unchecked, address_type = "dynamic")]
fn merge_kernel<K: Int, M: Size>(
    split_keys: &Tensor<Vector<K, M>>,
    split_positions: &Tensor<Vector<i32, M>>,
    keys: &mut Tensor<Vector<K, M>>,
    positions: &mut Tensor<Vector<i32, M>>,
    grid: &Grid,
    #[comptime] plan: CubePlan,
    #[define(K)] _dtype: ElemType,
) {
    let work = Work::new(grid, plan);
    let mut line = Peak::<K, M>::none();
    let mut split = work.first;
    while split < work.end {
        let at = split * grid.lines + work.line;
        line.merge(split_keys[at], split_positions[at]);
        split += comptime!(plan.team);
    }
    merge_team::<K, M>(&mut line, &work, plan);
    if work.exists && work.rank == 0 {
        keys[work.line] = line.key;
        positions[work.line] = line.index;
    }
}

/// The dtype of an [`order_key`].
pub(super) fn key_dtype(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::I64,
        _ => DType::I32,
    }
}

/// What every line has one of.
pub(super) struct LinePeaks {
    /// The [`order_key`] of the maximum.
    pub(super) keys: CubeTensor,
    /// The first index of the maximum, `i32`.
    pub(super) positions: CubeTensor,
}

/// The peaks of the lines of `values`, read as `strides` say.
pub(super) fn line_peaks(values: CubeTensor, strides: Strides, layout: Layout) -> LinePeaks {
    let (client, dtype) = (values.client.clone(), values.dtype);
    let key = key_dtype(dtype);
    let accumulator: DType = accumulator_dtype(dtype).into();
    let line_size = layout.line_vector_size();
    let max_units = Extent::max_units(
        &client.properties().hardware,
        line_size * (key.size() + size_of::<i32>()),
    );
    let lines = layout.outer * layout.inner;
    let empty = |beside: &CubeTensor, count: usize| LinePeaks {
        keys: empty_like(beside, [count].into(), key),
        positions: empty_like(beside, [count].into(), DType::I32),
    };

    let geometry: Geometry = layout.extent(max_units).reduce();
    let plan = CubePlan::new(layout.axis, geometry);
    let cube_dim = plan.cube_dim();
    let parts = empty(&values, geometry.splits * lines);
    // SAFETY: a line below `lines` and a step below `steps` are inside the values, which the strides
    // describe, and `[split, line]` is inside the peaks, allocated to that size.
    unsafe {
        scan_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, geometry.cubes * plan.units(), cube_dim),
            cube_dim,
            values
                .required_address_type()
                .max(parts.keys.required_address_type()),
            layout.vector_size,
            line_size,
            values.into_tensor_arg(),
            place(strides),
            parts.keys.clone().into_tensor_arg(),
            parts.positions.clone().into_tensor_arg(),
            grid(layout, geometry),
            plan,
            [dtype, accumulator, key].map(dtype_to_elem_type),
        );
    }
    if geometry.splits == 1 {
        return parts;
    }

    let merging = Extent {
        axis: Axis::Columns,
        steps: geometry.splits,
        ..layout.extent(max_units)
    }
    .merge();
    let plan = CubePlan::new(Axis::Columns, merging);
    let cube_dim = plan.cube_dim();
    let peaks = empty(&parts.keys, lines);
    // SAFETY: as above, with the splits as steps.
    unsafe {
        merge_kernel::launch_unchecked(
            &client,
            calculate_cube_count_elemwise(&client, merging.cubes * plan.units(), cube_dim),
            cube_dim,
            parts.keys.required_address_type(),
            line_size,
            parts.keys.into_tensor_arg(),
            parts.positions.into_tensor_arg(),
            peaks.keys.clone().into_tensor_arg(),
            peaks.positions.clone().into_tensor_arg(),
            merge_grid(layout, geometry.splits),
            plan,
            dtype_to_elem_type(key),
        );
    }
    peaks
}
