use burn_core as burn;
use burn_core::backend::{Backend, backend_extension, tensor::FloatTensor};

use crate::{Surrogate, composed};

/// Axes of a map: an image has one layer, a trace one row.
pub(crate) const SPATIAL_AXES: usize = 3;

/// Numbers of the moments of a map: the means `x y z`, and the covariances `xx xy xz yy yz zz`.
pub(crate) const fn spatial_moments_len(covariance: bool) -> usize {
    if covariance { 9 } else { 3 }
}

/// Numbers of the state of a map: `max sum`, the centre, the offset, and the covariances.
pub(crate) const fn spatial_state_len(covariance: bool) -> usize {
    if covariance { 14 } else { 8 }
}

/// What a backend may override: the operators on its own tensors.
///
/// Every method has a body of plain tensor operations. `dim` is in range and has at least one
/// entry, `beta` is finite and not negative, and the tensor has at least one element: the public
/// functions have seen to it.
///
/// A *row* is a line of `logits` along `dim`. The *state* of [`soft_argmax_forward`] has the shape
/// of `logits` with `dim` of size 4, and holds for each row, in the dtype that sums run in:
/// `[max, sum, centre, offset]`, where `sum = sum_i exp(beta * (x_i - max))`, `centre` is the index
/// that the sums are taken about, and `centre + offset` is the result.
///
/// [`soft_argmax_forward`]: ArgmaxOps::soft_argmax_forward
#[cfg_attr(
    feature = "fusion",
    doc = "On a fusion backend each method is one opaque operation of the stream."
)]
#[backend_extension(
    Cube: cfg(feature = "_cube-kernels"),
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Autodiff: cfg(feature = "autodiff"),
    Fusion: cfg(all(feature = "fusion", feature = "_cube-kernels")),
)]
pub trait ArgmaxOps: Backend {
    /// The expected index along `dim`.
    #[fusion(dtype = logits, shape = composed::with_dim_size(logits, *dim, 1))]
    fn soft_argmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        Self::soft_argmax_forward(logits, dim, beta).0
    }

    /// The expected index along `dim`, and the state that the backward pass needs.
    #[fusion(meta = |logits, dim, _beta| composed::forward_metadata(logits, *dim))]
    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::soft_argmax_forward::<Self>(logits, dim, beta)
    }

    /// The gradient of [`soft_argmax`](ArgmaxOps::soft_argmax): `grad * beta * p_j * (j - y)`.
    #[fusion(dtype = logits, shape = logits)]
    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::soft_argmax_backward::<Self>(logits, state, grad, dim, beta)
    }

    /// The one-hot of the first maximum along `dim`.
    #[fusion(dtype = values, shape = values)]
    fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        composed::one_hot::<Self>(values, dim)
    }

    /// The one-hot of the first maximum along `dim`. The surrogate is the backward pass's.
    #[fusion(dtype = logits, shape = logits)]
    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        let _ = surrogate;
        Self::one_hot(logits, dim)
    }

    /// The vector-Jacobian product of `softmax(beta * logits)`: `beta * p * (grad - sum(grad * p))`.
    #[fusion(dtype = logits, shape = logits)]
    fn softmax_surrogate_backward(
        logits: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::softmax_surrogate_backward::<Self>(logits, grad, dim, beta)
    }

    /// The moments of the pixel index under the softmax over each map, and the state that the
    /// backward pass needs.
    ///
    /// `heatmaps` is `[maps, depth, height, width]`. The moments are `[maps, 3]`, the expected
    /// `x y z`, or with `covariance` `[maps, 9]`: the same and `xx xy xz yy yz zz`. The state is
    /// `[maps, 8]` or `[maps, 14]`: the maximum, the sum about it, the position that the sums are
    /// taken about, the distance of the mean from it, and the covariances.
    #[fusion(meta = |heatmaps, covariance, _beta| composed::spatial_metadata(heatmaps, *covariance))]
    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::spatial_moments_forward::<Self>(heatmaps, covariance, beta)
    }

    /// The expected `x y z` over each map, and with `covariance` their covariances.
    #[fusion(meta = |heatmaps, covariance, _beta| composed::spatial_metadata(heatmaps, *covariance).0)]
    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> FloatTensor<Self> {
        Self::spatial_moments_forward(heatmaps, covariance, beta).0
    }

    /// The gradient of [`spatial_moments`](ArgmaxOps::spatial_moments).
    #[fusion(dtype = heatmaps, shape = heatmaps)]
    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::spatial_moments_backward::<Self>(heatmaps, state, grad, covariance, beta)
    }

    /// 1 at every maximum along `dim`, 0 elsewhere.
    #[fusion(dtype = values, shape = values)]
    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        composed::sign_one_hot::<Self>(values, dim)
    }
}
