use burn_core::{
    backend::{Flex, TensorMetadata, tensor::FloatTensor},
    tensor::{DType, Shape},
};
use burn_flex::{FlexTensor, Layout};
use burn_std::{Bytes, bf16, f16};

use crate::{
    ArgmaxOps, Surrogate,
    composed::with_dim_size,
    kernels::cpu::{
        self, Element, Lines,
        spatial_moments::{self, Extent},
    },
};

/// A dtype that the backend stores.
trait Stored: Element + burn_core::tensor::Element + bytemuck::Pod {}

impl<T: Element + burn_core::tensor::Element + bytemuck::Pod> Stored for T {}

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
                "{}: logits must be a float tensor of f16, bf16, f32 or f64, got {dtype:?}",
                $op
            ),
        }
    };
}

impl ArgmaxOps for Flex {
    fn soft_argmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        with_float!("soft_argmax", logits, T => {
            let input = Contiguous::new(logits);
            let lines = Lines::along(&input.shape, dim);
            let (results, _) = cpu::forward::<T>(input.values(), lines, beta, false);
            tensor(results, with_dim_size(&input.shape, dim, 1))
        })
    }

    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        with_float!("soft_argmax", logits, T => {
            let input = Contiguous::new(logits);
            let lines = Lines::along(&input.shape, dim);
            let (results, state) = cpu::forward::<T>(input.values(), lines, beta, true);
            (
                tensor(results, with_dim_size(&input.shape, dim, 1)),
                tensor(state, with_dim_size(&input.shape, dim, 4)),
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
        with_float!("soft_argmax", logits, T => {
            let (state, grad) = (Contiguous::new(state), Contiguous::new(grad));
            let (state, grad) = (state.values(), grad.values());
            let input = Contiguous::new(logits);
            let lines = Lines::along(&input.shape, dim);
            input.map_or_replace::<T>(
                |logits| cpu::backward(logits, state, grad, lines, beta),
                |logits| cpu::backward_in_place(logits, state, grad, lines, beta),
            )
        })
    }

    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        with_float!("spatial_soft_argmax", heatmaps, T => {
            let input = Contiguous::new(heatmaps);
            let extent = Extent::of(&input.shape);
            let (moments, state) =
                spatial_moments::forward::<T>(input.values(), extent, covariance, beta);
            (table(moments, &input.shape), table(state, &input.shape))
        })
    }

    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> FloatTensor<Self> {
        with_float!("spatial_soft_argmax", heatmaps, T => {
            let (state, grad) = (Contiguous::new(state), Contiguous::new(grad));
            let (state, grad) = (state.values(), grad.values());
            let input = Contiguous::new(heatmaps);
            let extent = Extent::of(&input.shape);
            input.map_or_replace::<T>(
                |maps| spatial_moments::backward(maps, state, grad, extent, covariance, beta),
                |maps| {
                    spatial_moments::backward_in_place(maps, state, grad, extent, covariance, beta);
                },
            )
        })
    }

    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        _surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        with_float!("straight_through_one_hot", logits, T => {
            let input = Contiguous::new(logits);
            let lines = Lines::along(&input.shape, dim);
            tensor(cpu::one_hot::<T>(input.values(), lines), input.shape.clone())
        })
    }

    fn softmax_surrogate_backward(
        logits: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        with_float!("straight_through_one_hot", logits, T => {
            let (input, mut grad) = (Contiguous::new(logits), Contiguous::new(grad));
            let lines = Lines::along(&input.shape, dim);
            cpu::softmax_surrogate_backward::<T>(input.values(), grad.values_mut(), lines, beta);
            grad.tensor
        })
    }

    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        with_float!("sign_one_hot", values, T => {
            let input = Contiguous::new(values);
            let lines = Lines::along(&input.shape, dim);
            tensor(cpu::sign_one_hot::<T>(input.values(), lines), input.shape.clone())
        })
    }
}

/// A tensor whose elements lie one after the other: itself, or a copy of a view.
struct Contiguous {
    tensor: FlexTensor,
    shape: Shape,
}

impl Contiguous {
    fn new(tensor: FlexTensor) -> Self {
        Self {
            shape: tensor.shape(),
            tensor: tensor.to_contiguous(),
        }
    }

    fn values<T: Stored>(&self) -> &[T] {
        let length = self.shape.num_elements();
        let start = self.tensor.layout().start_offset();
        &self.tensor.storage::<T>()[start..start + length]
    }

    /// The elements, copied first where another tensor has them too.
    fn values_mut<T: Stored>(&mut self) -> &mut [T] {
        let length = self.shape.num_elements();
        let start = self.tensor.layout().start_offset();
        &mut self.tensor.storage_mut::<T>()[start..start + length]
    }

    /// A tensor of the same shape: in the memory of this one where nothing else is in it or sees it,
    /// else in its own.
    fn map_or_replace<T: Stored>(
        mut self,
        map: impl FnOnce(&[T]) -> Vec<T>,
        replace: impl FnOnce(&mut [T]),
    ) -> FlexTensor {
        let is_whole = self.tensor.storage::<T>().len() == self.shape.num_elements();
        if is_whole && self.tensor.is_unique() {
            replace(self.values_mut());
            self.tensor
        } else {
            tensor(map(self.values()), self.shape)
        }
    }
}

fn tensor<T: Stored>(values: Vec<T>, shape: Shape) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(values),
        Layout::contiguous(shape),
        <T as burn_core::tensor::Element>::dtype(),
    )
}

/// As many numbers as there are of each map.
fn table<T: Stored>(values: Vec<T>, heatmaps: &Shape) -> FlexTensor {
    let maps = heatmaps[0];
    let entries = values.len() / maps;
    tensor(values, Shape::from([maps, entries]))
}
