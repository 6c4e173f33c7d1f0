use burn_core::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use crate::{ArgmaxOps, kernels::cube};

impl ArgmaxOps for CubeBackend {
    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        cube::soft_argmax_forward(logits, dim, beta)
    }

    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        cube::soft_argmax_backward(logits, state, grad, dim, beta)
    }

    fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        cube::one_hot(values, dim)
    }

    fn softmax_surrogate_backward(
        logits: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        cube::softmax_surrogate_backward(logits, grad, dim, beta)
    }

    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        cube::spatial_moments_forward(heatmaps, covariance, beta)
    }

    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> FloatTensor<Self> {
        cube::spatial_moments_backward(heatmaps, state, grad, covariance, beta)
    }

    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        cube::sign_one_hot(values, dim)
    }
}
