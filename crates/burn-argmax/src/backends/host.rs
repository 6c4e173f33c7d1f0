//! Tensors in the memory of the host, as the kernels take them.

use burn_core::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{Shape, TensorData},
};

use crate::{Weighting, composed::widen, kernels::cpu, weighting::Weights};

/// A dtype that the kernels compute with.
pub(super) trait Stored: cpu::Element + burn_core::tensor::Element + bytemuck::Pod {}

impl<T: cpu::Element + burn_core::tensor::Element + bytemuck::Pod> Stored for T {}

/// A tensor in the memory of the host. `T` is the element type of its dtype.
pub(super) trait HostTensor: TensorMetadata + Sized {
    /// Reads the elements in row-major order: in place, or in a copy where the tensor is a view.
    fn read<T: Stored, R>(&self, read: impl FnOnce(&[T]) -> R) -> R;

    /// A tensor of the same shape: in the memory of this one where no other tensor sees it, else in
    /// its own.
    fn map_or_replace<T: Stored>(
        self,
        map: impl FnOnce(&[T]) -> Vec<T>,
        replace: impl FnOnce(&mut [T]),
    ) -> Self;

    /// A tensor of elements in row-major order.
    fn from_vec<T: Stored>(values: Vec<T>, shape: Shape) -> Self;
}

/// The tensor after `update`, which works on a copy where another tensor sees this one.
pub(super) fn updated<T: Stored, H: HostTensor>(tensor: H, update: impl Fn(&mut [T])) -> H {
    tensor.map_or_replace(
        |values| {
            let mut values = values.to_vec();
            update(&mut values);
            values
        },
        &update,
    )
}

/// Scores as the kernels take them: in half precision for a softmax only. Each kernel is compiled once for
/// every dtype, so that the other weights have none of half precision.
pub(super) fn scores<B: Backend>(logits: FloatTensor<B>, weighting: Weighting) -> FloatTensor<B> {
    match weighting.weights {
        Weights::Softmax { .. } => logits,
        Weights::Above { .. } | Weights::Given => widen::<B>(logits),
    }
}

/// A tensor of as many numbers as there are of each map.
pub(super) fn table<T: Stored, H: HostTensor>(values: Vec<T>, maps: usize) -> H {
    let entries = values.len() / maps;
    H::from_vec(values, Shape::from([maps, entries]))
}

/// The indices of lines, as `i32`: a line that is longer has no tensor.
pub(super) fn of_lines(indices: Vec<usize>, shape: Shape) -> TensorData {
    let indices: Vec<i32> = indices.into_iter().map(|index| index as i32).collect();
    TensorData::new(indices, shape)
}

/// Runs an expression with `T` bound to the element type of a float tensor.
macro_rules! with_float {
    ($op:literal, $tensor:expr, $T:ident => $body:expr) => {
        match $tensor.dtype() {
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            DType::F16 => {
                type $T = f16;
                $body
            }
            DType::BF16 => {
                type $T = bf16;
                $body
            }
            dtype => panic!(
                "{}: dtype must be f16, bf16, f32 or f64, got {dtype:?}",
                $op
            ),
        }
    };
}

/// The same for a tensor in the dtype that sums run in.
macro_rules! with_accumulator {
    ($op:literal, $tensor:expr, $A:ident => $body:expr) => {
        match $tensor.dtype() {
            DType::F32 => {
                type $A = f32;
                $body
            }
            DType::F64 => {
                type $A = f64;
                $body
            }
            dtype => panic!("{}: dtype must be f32 or f64, got {dtype:?}", $op),
        }
    };
}

pub(super) use {with_accumulator, with_float};
