//! The operators on backends whose tensors lie in the memory of the host.

use burn_core::{backend::TensorMetadata, tensor::Shape};

use crate::kernels::cpu;

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

/// A tensor of as many numbers as there are of each map.
pub(super) fn table<T: Stored, H: HostTensor>(values: Vec<T>, maps: usize) -> H {
    let entries = values.len() / maps;
    H::from_vec(values, Shape::from([maps, entries]))
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

/// Implements the operators for a backend whose tensors are a [`HostTensor`].
macro_rules! implement_on_host {
    ($backend:ty) => {
        use $crate::{
            ArgmaxOps, Weighting,
            backends::cpu::{table, updated, with_float},
            composed::with_dim_size,
            kernels::cpu::{
                self, Lines,
                spatial_moments::{self, Extent},
            },
        };
        use burn_core::{
            backend::{TensorMetadata, tensor::FloatTensor},
            tensor::DType,
        };
        use burn_std::{bf16, f16};

        impl ArgmaxOps for $backend {
            fn soft_argmax(logits: FloatTensor<Self>, dim: usize, weighting: Weighting) -> FloatTensor<Self> {
                with_float!("soft_argmax", logits, T => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (results, _) =
                        logits.read(|logits| cpu::soft_argmax::forward::<T>(logits, lines, weighting, false));
                    HostTensor::from_vec(results, with_dim_size(&shape, dim, 1))
                })
            }

            fn soft_argmax_forward(
                logits: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                with_float!("soft_argmax", logits, T => {
                    let shape = logits.shape();
                    let lines = Lines::along(&shape, dim);
                    let (results, state) =
                        logits.read(|logits| cpu::soft_argmax::forward::<T>(logits, lines, weighting, true));
                    (
                        HostTensor::from_vec(results, with_dim_size(&shape, dim, 1)),
                        HostTensor::from_vec(state, with_dim_size(&shape, dim, cpu::STATE)),
                    )
                })
            }

            fn soft_argmax_backward(
                logits: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                with_float!("soft_argmax", logits, T => {
                    let lines = Lines::along(&logits.shape(), dim);
                    state.read(|state| grad.read(|grad| logits.map_or_replace::<T>(
                        |logits| cpu::soft_argmax::backward(logits, state, grad, lines, weighting),
                        |logits| cpu::soft_argmax::backward_in_place(logits, state, grad, lines, weighting),
                    )))
                })
            }

            fn spatial_moments_forward(
                heatmaps: FloatTensor<Self>,
                covariance: bool,
                weighting: Weighting,
            ) -> (FloatTensor<Self>, FloatTensor<Self>) {
                with_float!("spatial_soft_argmax", heatmaps, T => {
                    let shape = heatmaps.shape();
                    let extent = Extent::of(&shape);
                    let (moments, state) = heatmaps.read(|maps| {
                        spatial_moments::forward::<T>(maps, extent, covariance, weighting)
                    });
                    (table(moments, shape[0]), table(state, shape[0]))
                })
            }

            fn spatial_moments_backward(
                heatmaps: FloatTensor<Self>,
                state: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                covariance: bool,
                weighting: Weighting,
            ) -> FloatTensor<Self> {
                with_float!("spatial_soft_argmax", heatmaps, T => {
                    let extent = Extent::of(&heatmaps.shape());
                    state.read(|state| grad.read(|grad| heatmaps.map_or_replace::<T>(
                        |maps| {
                            spatial_moments::backward(maps, state, grad, extent, covariance, weighting)
                        },
                        |maps| spatial_moments::backward_in_place(
                            maps, state, grad, extent, covariance, weighting,
                        ),
                    )))
                })
            }

            fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
                with_float!("straight_through_one_hot", values, T => {
                    let shape = values.shape();
                    let lines = Lines::along(&shape, dim);
                    let one_hot = values.read(|values| cpu::one_hot::<T>(values, lines));
                    HostTensor::from_vec(one_hot, shape)
                })
            }

            fn softmax_surrogate_backward(
                logits: FloatTensor<Self>,
                grad: FloatTensor<Self>,
                dim: usize,
                beta: f64,
            ) -> FloatTensor<Self> {
                with_float!("straight_through_one_hot", logits, T => {
                    let lines = Lines::along(&logits.shape(), dim);
                    logits.read(|logits| updated(grad, |grad| {
                        cpu::softmax_surrogate_backward::<T>(logits, grad, lines, beta);
                    }))
                })
            }

            fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
                with_float!("sign_one_hot", values, T => {
                    let shape = values.shape();
                    let lines = Lines::along(&shape, dim);
                    let marks = values.read(|values| cpu::sign_one_hot::<T>(values, lines));
                    HostTensor::from_vec(marks, shape)
                })
            }
        }
    };
}

pub(super) use {implement_on_host, with_float};
