use burn_core::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;

use crate::{ArgmaxOps, Weighting, composed, kernels::cube, weighting::Weights};

impl ArgmaxOps for CubeBackend {
    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        match weighting {
            Weighting {
                weights: Weights::Softmax { beta },
                radius: None,
            } => cube::soft_argmax_forward(logits, dim, beta),
            _ => composed::soft_argmax_forward::<Self>(logits, dim, weighting),
        }
    }

    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        match weighting {
            Weighting {
                weights: Weights::Softmax { beta },
                radius: None,
            } => cube::soft_argmax_backward(logits, state, grad, dim, beta),
            _ => composed::soft_argmax_backward::<Self>(logits, state, grad, dim, weighting),
        }
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
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        match weighting {
            Weighting {
                weights: Weights::Softmax { beta },
                radius: None,
            } => cube::spatial_moments_forward(heatmaps, covariance, beta),
            _ => composed::spatial_moments_forward::<Self>(heatmaps, covariance, weighting),
        }
    }

    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        match weighting {
            Weighting {
                weights: Weights::Softmax { beta },
                radius: None,
            } => cube::spatial_moments_backward(heatmaps, state, grad, covariance, beta),
            _ => composed::spatial_moments_backward::<Self>(
                heatmaps, state, grad, covariance, weighting,
            ),
        }
    }

    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        cube::sign_one_hot(values, dim)
    }
}
