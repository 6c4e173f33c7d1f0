use burn_core as burn;
use burn_core::backend::{Backend, backend_extension, tensor::FloatTensor};

use crate::{Surrogate, Weighting, composed};

/// Axes of a map: an image has one layer, a trace one row.
pub(crate) const SPATIAL_AXES: usize = 3;

/// Numbers of the moments of a map: the means `x y z`, and the covariances `xx xy xz yy yz zz`.
pub(crate) const fn spatial_moments_len(covariance: bool) -> usize {
    if covariance { 9 } else { 3 }
}

/// Numbers of the state of a map: `max sum`, the center, the offset, and the covariances.
#[cfg(any(feature = "_cpu-kernels", feature = "_cube-kernels"))]
pub(crate) const fn spatial_state_len(covariance: bool) -> usize {
    if covariance { 14 } else { 8 }
}

/// What a backend may override: the operators on its own tensors. No part of the public API: it may
/// change in any version.
///
/// Every method has a body of plain tensor operations. `dim` is in range and has at least one
/// entry, `beta` is finite and not negative, and the tensor has at least one element: the public
/// functions have seen to it. What else a backend needs to hold, it asserts.
///
/// A *row* is a line of `logits` along `dim`. The *state* of [`soft_argmax_forward`] has the shape
/// of `logits` with `dim` of size 4, and holds for each row, in the dtype that sums run in:
/// `[max, sum, center, offset]`, where `sum = sum_i exp(beta * (x_i - max))`, `center` is the index
/// that the sums are taken about, and `center + offset` is the result.
///
/// A gradient is exactly 0 where a score is `-inf`, and in a row whose upstream gradient is exactly
/// 0, whatever else these hold. In other rows with a NaN or `+inf` it is NaN.
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
#[doc(hidden)]
pub trait ArgmaxOps: Backend {
    /// The expected index along `dim`.
    #[fusion(dtype = logits, shape = composed::with_dim_size(logits, *dim, 1))]
    fn soft_argmax(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        Self::soft_argmax_forward(logits, dim, weighting).0
    }

    /// The expected index along `dim`, and the state that the backward pass needs.
    #[fusion(meta = |logits, dim, _weighting| composed::forward_metadata(logits, *dim))]
    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::soft_argmax_forward::<Self>(logits, dim, weighting)
    }

    /// The gradient of [`soft_argmax`](ArgmaxOps::soft_argmax): `grad * beta * p_j * (j - y)`.
    #[fusion(dtype = logits, shape = logits)]
    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        composed::soft_argmax_backward::<Self>(logits, state, grad, dim, weighting)
    }

    /// 1 at the first maximum along `dim`, 0 elsewhere.
    #[fusion(dtype = values, shape = values)]
    fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        composed::one_hot::<Self>(values, dim)
    }

    /// [`one_hot`](ArgmaxOps::one_hot) for a backend without gradients. Autodiff alone overrides it,
    /// and looks at the surrogate.
    #[fusion(default)]
    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        _surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        Self::one_hot(logits, dim)
    }

    /// The vector-Jacobian product of `softmax(beta * logits)`: `beta * p * (grad - sum(grad * p))`.
    /// The upstream gradient of a score of `-inf` takes no part in the sum.
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
    #[fusion(meta = |heatmaps, covariance, _weighting| composed::spatial_metadata(heatmaps, *covariance))]
    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::spatial_moments_forward::<Self>(heatmaps, covariance, weighting)
    }

    /// The expected `x y z` over each map, and with `covariance` their covariances.
    #[fusion(meta = |heatmaps, covariance, _weighting| composed::spatial_metadata(heatmaps, *covariance).0)]
    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        Self::spatial_moments_forward(heatmaps, covariance, weighting).0
    }

    /// The gradient of [`spatial_moments`](ArgmaxOps::spatial_moments).
    #[fusion(dtype = heatmaps, shape = heatmaps)]
    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        composed::spatial_moments_backward::<Self>(heatmaps, state, grad, covariance, weighting)
    }

    /// 1 at every maximum along `dim`, 0 elsewhere.
    #[fusion(dtype = values, shape = values)]
    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        composed::sign_one_hot::<Self>(values, dim)
    }
}
