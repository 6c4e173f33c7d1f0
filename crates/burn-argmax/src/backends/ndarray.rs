use burn_core::{backend::NdArray, tensor::Shape};
use burn_ndarray::{NdArrayTensor, SharedArray};
use bytemuck::{allocation::cast_vec, cast_slice, cast_slice_mut};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use super::{
    cpu::implement_on_host,
    host::{HostTensor, Stored},
};

implement_on_host!(NdArray);

/// Runs an expression with `$storage` bound to what a float tensor is stored in.
macro_rules! with_storage {
    ($tensor:expr, $storage:ident => $body:expr) => {
        match $tensor {
            NdArrayTensor::F32($storage) => $body,
            NdArrayTensor::F64($storage) => $body,
            other => panic!("dtype must be f32 or f64, got {:?}", other.dtype()),
        }
    };
}

impl HostTensor for NdArrayTensor {
    fn read<T: Stored, R>(&self, read: impl FnOnce(&[T]) -> R) -> R {
        with_storage!(self, storage => read_view(storage.view(), read))
    }

    fn map_or_replace<T: Stored>(
        self,
        map: impl FnOnce(&[T]) -> Vec<T>,
        replace: impl FnOnce(&mut [T]),
    ) -> Self {
        let shape = self.shape();
        with_storage!(self, storage => if storage.is_unique() {
            replaced(storage.into_shared(), replace).into()
        } else {
            Self::from_vec(read_view(storage.view(), map), shape)
        })
    }

    fn from_vec<T: Stored>(values: Vec<T>, shape: Shape) -> Self {
        match <T as burn_core::tensor::Element>::dtype() {
            DType::F32 => array::<f32>(cast_vec(values), shape).into(),
            DType::F64 => array::<f64>(cast_vec(values), shape).into(),
            dtype => panic!("dtype must be f32 or f64, got {dtype:?}"),
        }
    }
}

/// Reads the elements in row-major order.
fn read_view<S: Stored, T: Stored, R>(view: ArrayViewD<S>, read: impl FnOnce(&[T]) -> R) -> R {
    let contiguous = view.as_standard_layout();
    read(cast_slice(contiguous.as_slice().expect("made contiguous")))
}

/// The array in row-major order, after `replace`.
fn replaced<S: Stored, T: Stored>(
    array: SharedArray<S>,
    replace: impl FnOnce(&mut [T]),
) -> SharedArray<S> {
    let mut array = if array.is_standard_layout() {
        array
    } else {
        array.as_standard_layout().into_owned().into_shared()
    };
    replace(cast_slice_mut(
        array.as_slice_mut().expect("made contiguous"),
    ));
    array
}

fn array<T: Stored>(values: Vec<T>, shape: Shape) -> SharedArray<T> {
    ArrayD::from_shape_vec(IxDyn(&shape), values)
        .expect("a kernel returns as many elements as the shape has")
        .into_shared()
}
