//! The tensors of a launch: checked where they enter, and seen as lines about a dimension.

use burn_core::backend::{TensorMetadata, cubecl::dtype_to_elem_type};
use burn_core::tensor::{DType, Shape};
use burn_cubecl::{
    CubeDevice,
    cubecl::{
        client::Client,
        ir::{AddressType, ElemType},
        prelude::InputScalar,
    },
    kernel::into_contiguous,
    ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

use super::{
    layout::{Layout, Strides},
    weights::{Form, WeightsLaunch},
};
use crate::composed::{accumulator_dtype, accumulator_max, with_dim_size};
use crate::weighting;

/// Indices are `i32` on the device, and a float that they are rounded to must still fit.
const MAX_LENGTH: usize = 1 << 30;

/// The lines of a tensor about a dimension, and what every launch over them needs.
pub(super) struct Lines {
    /// The operator, for messages.
    pub(super) op: &'static str,
    pub(super) client: Client,
    pub(super) device: CubeDevice,
    pub(super) layout: Layout,
    pub(super) dim: usize,
    shape: Shape,
    /// Of the tensor.
    pub(super) dtype: DType,
    /// The float that sums run in.
    pub(super) accumulator: DType,
    /// The signed integer of its size.
    pub(super) bits: DType,
}

impl Lines {
    /// Of `scores`, the argument that messages call `argument`.
    ///
    /// # Panics
    ///
    /// If `scores` has no entry, or more than 2^30 along `dim`.
    pub(super) fn new(op: &'static str, argument: &str, scores: &CubeTensor, dim: usize) -> Self {
        let shape = scores.shape();
        assert!(
            dim < shape.num_dims(),
            "burn-argmax: {op}: dim is {dim}, and must be less than the {} dimensions of {argument}",
            shape.num_dims(),
        );
        assert!(
            shape.num_elements() > 0 && shape[dim] <= MAX_LENGTH,
            "burn-argmax: {op}: {argument} has the shape {shape:?}, and must have at least one \
             entry, and at most {MAX_LENGTH} along dim {dim} on this backend",
        );
        let accumulator = accumulator_dtype(scores.dtype).into();
        let sizes = scores.client.io_optimized_vector_sizes(scores.dtype.size());
        let mut lines = Self {
            op,
            client: scores.client.clone(),
            device: scores.device.clone(),
            layout: Layout::new(&shape, dim, sizes),
            dim,
            shape,
            dtype: scores.dtype,
            accumulator,
            bits: match accumulator {
                DType::F64 => DType::I64,
                _ => DType::I32,
            },
        };
        lines.align(scores);
        lines
    }

    /// With vectors that do not reach over the end of a row of a map.
    pub(super) fn within(mut self, width: usize) -> Self {
        self.layout.vector_size = self.layout.vector_size.min(1 << width.trailing_zeros());
        self
    }

    /// What the places of all entries are counted in, also where a view has fewer in memory.
    pub(super) fn places(&self) -> AddressType {
        AddressType::from_len(self.shape.num_elements())
    }

    /// Entries of a line.
    pub(super) fn length(&self) -> usize {
        self.layout.n
    }

    /// The integer of the size of the float that sums run in.
    pub(super) fn bits(&self) -> DType {
        self.bits
    }

    /// Takes in a second tensor of the same lines, of another size along `dim`.
    ///
    /// # Panics
    ///
    /// If it has another shape, dtype or device.
    pub(super) fn admit(&mut self, argument: &str, tensor: &CubeTensor, size: usize, dtype: DType) {
        let shape = with_dim_size(&self.shape, self.dim, size);
        self.check(argument, tensor, &shape, dtype);
        self.align(tensor);
    }

    /// # Panics
    ///
    /// If a tensor is not of this shape and dtype on the device of the lines.
    pub(super) fn check(&self, argument: &str, tensor: &CubeTensor, shape: &Shape, dtype: DType) {
        assert!(
            tensor.shape() == *shape && tensor.dtype == dtype && tensor.device == self.device,
            "burn-argmax: {}: {argument} has the shape {:?} and the dtype {:?} on {:?}, and must \
             have {shape:?} and {dtype:?} on {:?}",
            self.op,
            tensor.shape(),
            tensor.dtype,
            tensor.device,
            self.device,
        );
    }

    /// Narrows the vectors until a tensor is aligned to them. Its handle may begin anywhere in an
    /// allocation. What Burn slices begins at a multiple of the widest vector; other handles need
    /// not, and copying them with Burn's own kernels would load the same misaligned vectors.
    fn align(&mut self, tensor: &CubeTensor) {
        let offset = tensor.handle.offset_start.unwrap_or(0);
        let bytes = tensor.dtype.size() as u64;
        while self.layout.vector_size > 1
            && !offset.is_multiple_of(self.layout.vector_size as u64 * bytes)
        {
            self.layout.vector_size /= 2;
        }
    }

    /// A tensor of the lines' shape as the kernels read it: copied once if they cannot read it as
    /// it lies.
    pub(super) fn view(&self, tensor: CubeTensor) -> (CubeTensor, Strides) {
        if !tensor.meta.is_tiled() {
            let strides = tensor.meta.strides();
            if let Some(strides) = self.layout.strides(tensor.meta.shape(), strides, self.dim) {
                return (tensor, strides);
            }
        }
        (into_contiguous(tensor), self.layout.contiguous())
    }

    /// The same of a tensor beside the scores, which neighboring lines may share.
    pub(super) fn view_beside(&self, tensor: CubeTensor) -> (CubeTensor, Strides) {
        if !tensor.meta.is_tiled() {
            let strides = tensor.meta.strides();
            if let Some(strides) = self.layout.shared(tensor.meta.shape(), strides, self.dim) {
                return (tensor, strides);
            }
        }
        self.view(tensor)
    }

    /// An uninitialized tensor of so many numbers for each line.
    pub(super) fn numbers(&self, count: usize, dtype: DType) -> CubeTensor {
        self.allocate(with_dim_size(&self.shape, self.dim, count), dtype)
    }

    /// An uninitialized tensor of so many numbers for each line, in parts.
    pub(super) fn parts(&self, count: usize) -> CubeTensor {
        let lines = self.layout.outer * self.layout.inner;
        self.allocate([count * lines].into(), self.bits)
    }

    /// An uninitialized tensor of the lines' shape.
    pub(super) fn output(&self) -> CubeTensor {
        self.allocate(self.shape.clone(), self.dtype)
    }

    fn allocate(&self, shape: Shape, dtype: DType) -> CubeTensor {
        empty_device_contiguous_dtype(self.client.clone(), self.device.clone(), shape, dtype)
    }

    pub(super) fn elem_types(&self) -> [ElemType; 3] {
        [self.dtype, self.accumulator, self.bits].map(dtype_to_elem_type)
    }

    /// How scores become weights.
    pub(super) fn weights(&self, weights: weighting::Weights) -> WeightsLaunch {
        let (beta, level, form) = match weights {
            weighting::Weights::Softmax { beta } => (beta, 0.0, Form::Softmax),
            // With a smaller beta, which gives the same, weights would vanish.
            weighting::Weights::Above { beta, level } => (beta.max(1e-36), level, Form::Above),
            weighting::Weights::Given => (1.0, 0.0, Form::Given),
        };
        let beta = beta.min(accumulator_max(self.dtype));
        WeightsLaunch::new(self.scalar(beta), self.scalar(level), form)
    }

    /// The score of a mask, from the host for the same reason as [`nan`](Lines::nan).
    pub(super) fn mask(&self) -> InputScalar {
        self.scalar(f64::NEG_INFINITY)
    }

    /// A NaN comes from the host, as WGSL cannot spell it.
    pub(super) fn nan(&self) -> InputScalar {
        self.scalar(f64::NAN)
    }

    /// A number of the float that sums run in.
    pub(super) fn scalar(&self, value: f64) -> InputScalar {
        InputScalar::new(value, dtype_to_elem_type(self.accumulator))
    }
}
