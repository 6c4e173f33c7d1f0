use burn_core::backend::{
    TensorMetadata,
    ops::FloatTensorOps,
    tensor::{FloatTensor, IntTensor},
};
use burn_core::tensor::Shape;
use burn_cubecl::CubeBackend;

use crate::{ArgmaxOps, Estimator, Weighting, composed, kernels::cube, losses::Divergence};

impl ArgmaxOps for CubeBackend {
    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let dtype = logits.dtype();
        let (result, state) = cube::soft_argmax_forward(logits, dim, weighting);
        (composed::cast::<Self>(result, dtype), state)
    }

    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        let grad = composed::widen::<Self>(grad);
        cube::soft_argmax_backward(logits, state, grad, dim, weighting)
    }

    fn soft_argmax_moments_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let dtype = logits.dtype();
        let (moments, state) = cube::soft_argmax_moments_forward(logits, dim, weighting);
        (composed::cast::<Self>(moments, dtype), state)
    }

    fn soft_argmax_moments_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        let grad = composed::widen::<Self>(grad);
        cube::soft_argmax_moments_backward(logits, state, grad, dim, weighting)
    }

    fn soft_argmax_over_forward(
        logits: FloatTensor<Self>,
        bins: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let dtype = logits.dtype();
        let bins = Self::float_expand(bins, logits.shape());
        let (value, state) = cube::soft_argmax_over_forward(logits, bins, dim, weighting);
        (composed::cast::<Self>(value, dtype), state)
    }

    fn soft_argmax_over_backward(
        logits: FloatTensor<Self>,
        bins: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        let grad = composed::widen::<Self>(grad);
        let bins = Self::float_expand(bins, logits.shape());
        cube::soft_argmax_over_backward(logits, bins, state, grad, dim, weighting)
    }

    fn soft_argmax_over_bins_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
        shape: Shape,
    ) -> FloatTensor<Self> {
        let slopes = cube::soft_argmax_over_bins_backward(logits, state, grad, dim, weighting);
        composed::over_shared_bins::<Self>(slopes, &shape)
    }

    fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        cube::one_hot(values, dim)
    }

    fn first_argmax(values: FloatTensor<Self>, dim: usize) -> IntTensor<Self> {
        cube::first_argmax(values, dim)
    }

    fn top_k(values: FloatTensor<Self>, k: usize, dim: usize) -> FloatTensor<Self> {
        cube::top_k(values, k, dim)
    }

    fn softmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        cube::softmax(logits, dim, beta)
    }

    fn softmax_backward(
        logits: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        cube::softmax_backward(logits, grad, dim, beta)
    }

    fn entmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        alpha: f64,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        cube::entmax_forward(logits, dim, alpha, beta)
    }

    fn entmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        alpha: f64,
        beta: f64,
    ) -> FloatTensor<Self> {
        cube::entmax_backward(logits, state, grad, dim, alpha, beta)
    }

    fn noisy(logits: FloatTensor<Self>, key: IntTensor<Self>, stream: u32) -> FloatTensor<Self> {
        cube::noisy(logits, key, stream)
    }

    fn sampled_argmax(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
    ) -> IntTensor<Self> {
        cube::sampled_argmax(logits, key, dim)
    }

    fn sampled_one_hot_forward(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
    ) -> FloatTensor<Self> {
        cube::sampled_one_hot(logits, key, dim)
    }

    fn sampled_one_hot_backward(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        estimator: Estimator,
    ) -> FloatTensor<Self> {
        match estimator {
            Estimator::GumbelSoftmax { beta } => {
                cube::gumbel_softmax_backward(logits, key, grad, dim, beta)
            }
            _ => composed::sampled_one_hot_backward::<Self>(logits, key, grad, dim, estimator),
        }
    }

    fn gumbel_softmax(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        cube::gumbel_softmax(logits, key, dim, beta)
    }

    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        cube::spatial_moments_forward(heatmaps, covariance, weighting)
    }

    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        cube::spatial_moments_backward(heatmaps, state, grad, covariance, weighting)
    }

    fn divergence(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        cube::divergence(heatmaps, lines, divergence)
    }

    fn divergence_backward(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        losses: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        cube::divergence_backward(heatmaps, lines, losses, grad, divergence)
    }

    fn divergence_lines_backward(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        losses: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        let [of_x, of_rows] = cube::divergence_slopes(heatmaps, lines, divergence);
        let shape = of_rows.shape();
        let [of_y, of_z] = [(1, shape[2]), (2, shape[1])].map(|(dim, size)| {
            let sums = composed::sum_dim::<Self>(of_rows.clone(), dim);
            Self::float_reshape(sums, Shape::from([shape[0], size]))
        });
        let slopes = Self::float_cat(vec![of_x, of_y, of_z], 1);
        composed::scale_slopes::<Self>(slopes, losses, grad)
    }

    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        cube::sign_one_hot(values, dim)
    }
}
