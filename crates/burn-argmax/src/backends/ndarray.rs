use burn_core::{
    backend::{NdArray, TensorMetadata, tensor::FloatTensor},
    tensor::Shape,
};
use burn_ndarray::{NdArrayTensor, SharedArray};
use ndarray::{ArrayViewD, IxDyn};

use crate::{
    ArgmaxOps, Surrogate,
    composed::with_dim_size,
    kernels::cpu::{
        self, Element, Lines,
        spatial_moments::{self, Extent},
    },
};

/// Runs an expression with `T` bound to the element type of a float tensor, and `$storage` to what it
/// is stored in.
macro_rules! with_storage {
    ($op:literal, $tensor:expr, |$storage:ident: $T:ident| $body:expr) => {
        match $tensor {
            NdArrayTensor::F32($storage) => {
                type $T = f32;
                $body
            }
            NdArrayTensor::F64($storage) => {
                type $T = f64;
                $body
            }
            other => panic!("{}: dtype must be f32 or f64, got {:?}", $op, other.dtype()),
        }
    };
}

/// Runs an expression with `T` bound to the element type of a float tensor, and `$input` to its
/// elements, one after the other.
macro_rules! with_float {
    ($op:literal, $tensor:expr, |$input:ident: $T:ident| $body:expr) => {
        with_storage!($op, $tensor, |storage: $T| {
            let contiguous = storage.view();
            let contiguous = contiguous.as_standard_layout();
            let $input = contiguous.as_slice().expect("made contiguous");
            $body
        })
    };
}

impl ArgmaxOps for NdArray {
    fn soft_argmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        let shape = logits.shape();
        with_float!("soft_argmax", logits, |input: T| {
            let (results, _) = cpu::forward::<T>(input, lines(&shape, dim), beta, false);
            array(results, with_dim_size(&shape, dim, 1)).into()
        })
    }

    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let shape = logits.shape();
        with_float!("soft_argmax", logits, |input: T| {
            let (results, state) = cpu::forward::<T>(input, lines(&shape, dim), beta, true);
            (
                array(results, with_dim_size(&shape, dim, 1)).into(),
                array(state, with_dim_size(&shape, dim, 4)).into(),
            )
        })
    }

    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        let shape = logits.shape();
        with_storage!("soft_argmax", logits, |storage: T| {
            let (state, grad) = (cast::<T>(state), cast::<T>(grad));
            let (state, grad) = (values(&state), values(&grad));
            let lines = lines(&shape, dim);
            if storage.is_unique() {
                replace(storage.into_shared(), |logits| {
                    cpu::backward_in_place(logits, state, grad, lines, beta);
                })
            } else {
                map(storage.view(), |logits| {
                    cpu::backward(logits, state, grad, lines, beta)
                })
            }
            .into()
        })
    }

    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let shape = heatmaps.shape();
        with_float!("spatial_soft_argmax", heatmaps, |input: T| {
            let extent = Extent::of(&shape);
            let (moments, state) = spatial_moments::forward::<T>(input, extent, covariance, beta);
            (table(moments, &shape).into(), table(state, &shape).into())
        })
    }

    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> FloatTensor<Self> {
        let shape = heatmaps.shape();
        with_storage!("spatial_soft_argmax", heatmaps, |storage: T| {
            let (state, grad) = (cast::<T>(state), cast::<T>(grad));
            let (state, grad) = (values(&state), values(&grad));
            let extent = Extent::of(&shape);
            if storage.is_unique() {
                replace(storage.into_shared(), |maps| {
                    spatial_moments::backward_in_place(maps, state, grad, extent, covariance, beta);
                })
            } else {
                map(storage.view(), |maps| {
                    spatial_moments::backward(maps, state, grad, extent, covariance, beta)
                })
            }
            .into()
        })
    }

    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        _surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        let shape = logits.shape();
        with_float!("straight_through_one_hot", logits, |input: T| {
            array(cpu::one_hot::<T>(input, lines(&shape, dim)), shape).into()
        })
    }

    fn softmax_surrogate_backward(
        logits: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        let shape = logits.shape();
        with_float!("straight_through_one_hot", logits, |input: T| {
            // Copied first where another tensor has it too.
            let mut grad = cast::<T>(grad);
            let slots = grad.as_slice_mut().expect("made contiguous before");
            cpu::softmax_surrogate_backward::<T>(input, slots, lines(&shape, dim), beta);
            grad.into()
        })
    }

    fn sign_one_hot(input: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        let shape = input.shape();
        with_float!("sign_one_hot", input, |input: T| {
            array(cpu::sign_one_hot::<T>(input, lines(&shape, dim)), shape).into()
        })
    }
}

fn lines(shape: &Shape, dim: usize) -> Lines {
    Lines::along(shape, dim)
}

/// The array of a tensor of a known dtype: the graph gives every tensor the dtype of the input.
fn cast<T: Stored>(tensor: NdArrayTensor) -> SharedArray<T> {
    let dtype = tensor.dtype();
    contiguous(T::shared(tensor).unwrap_or_else(|| panic!("soft_argmax: unexpected {dtype:?}")))
}

/// A dtype that the backend stores.
trait Stored: Element {
    fn shared(tensor: NdArrayTensor) -> Option<SharedArray<Self>>;
}

impl Stored for f32 {
    fn shared(tensor: NdArrayTensor) -> Option<SharedArray<Self>> {
        match tensor {
            NdArrayTensor::F32(storage) => Some(storage.into_shared()),
            _ => None,
        }
    }
}

impl Stored for f64 {
    fn shared(tensor: NdArrayTensor) -> Option<SharedArray<Self>> {
        match tensor {
            NdArrayTensor::F64(storage) => Some(storage.into_shared()),
            _ => None,
        }
    }
}

/// Itself where its elements lie one after the other, else a copy.
fn contiguous<T: Clone>(array: SharedArray<T>) -> SharedArray<T> {
    if array.is_standard_layout() {
        array
    } else {
        array.as_standard_layout().into_owned().into_shared()
    }
}

fn values<T: Clone>(array: &SharedArray<T>) -> &[T] {
    array.as_slice().expect("made contiguous before")
}

fn array<T: Clone>(values: Vec<T>, shape: Shape) -> SharedArray<T> {
    let dims: Vec<usize> = shape.to_vec();
    ndarray::ArrayD::from_shape_vec(IxDyn(&dims), values)
        .expect("a kernel returns as many elements as the shape has")
        .into_shared()
}

/// An array of the same shape, in the memory of one that no other tensor sees.
fn replace<T: Clone>(array: SharedArray<T>, write: impl FnOnce(&mut [T])) -> SharedArray<T> {
    let mut array = contiguous(array);
    write(array.as_slice_mut().expect("made contiguous before"));
    array
}

/// An array of the same shape, in memory of its own.
fn map<T: Clone>(view: ArrayViewD<T>, values: impl FnOnce(&[T]) -> Vec<T>) -> SharedArray<T> {
    let contiguous = view.as_standard_layout();
    let result = values(contiguous.as_slice().expect("made contiguous"));
    array(result, Shape::from(view.shape().to_vec()))
}

/// As many numbers as there are of each map.
fn table<T: Clone>(values: Vec<T>, heatmaps: &Shape) -> SharedArray<T> {
    let maps = heatmaps[0];
    let entries = values.len() / maps;
    array(values, Shape::from([maps, entries]))
}
