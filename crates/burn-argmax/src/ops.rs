use burn_core as burn;
use burn_core::{
    backend::{
        Backend, backend_extension,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::Shape,
};

use crate::{Estimator, Surrogate, Weighting, composed, losses::Divergence};

/// Axes of a map: an image has one layer, a trace one row.
pub(crate) const SPATIAL_AXES: usize = 3;

/// Numbers of the moments of a map: the means `x y z`, and the covariances `xx xy xz yy yz zz`.
pub(crate) const fn spatial_moments_len(covariance: bool) -> usize {
    if covariance { 9 } else { 3 }
}

/// Numbers of the state of a map: `max sum`, the center, the offset, and the covariances.
#[cfg(any(feature = "_cpu-kernels", feature = "_custom-operations"))]
pub(crate) const fn spatial_state_len(covariance: bool) -> usize {
    if covariance { 14 } else { 8 }
}

/// Numbers of the moments of a line: mean and variance.
#[cfg(feature = "_custom-operations")]
pub(crate) const LINE_MOMENTS: usize = 2;

/// Numbers of its state on CubeCL: `max sum`, the center, the offset, and the variance.
#[cfg(feature = "_custom-operations")]
pub(crate) const LINE_STATE: usize = 5;

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
/// On a fusion backend and on remote devices each method that `custom.rs` lists is one opaque operation.
#[backend_extension(
    Capture: cfg(feature = "capture"),
    Cube: cfg(feature = "_cube-kernels"),
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Remote: cfg(feature = "remote-kernels"),
    Autodiff: cfg(feature = "autodiff"),
)]
#[doc(hidden)]
pub trait ArgmaxOps: Backend {
    /// The expected index along `dim`.
    fn soft_argmax(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        Self::soft_argmax_forward(logits, dim, weighting).0
    }

    /// The expected index along `dim`, and the state that the backward pass needs.
    fn soft_argmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::soft_argmax_forward::<Self>(logits, dim, weighting)
    }

    /// The gradient of [`soft_argmax`](ArgmaxOps::soft_argmax): `grad * beta * p_j * (j - y)`.
    fn soft_argmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        composed::soft_argmax_backward::<Self>(logits, state, grad, dim, weighting)
    }

    /// The expected index along `dim` and its variance, one after the other along `dim`.
    fn soft_argmax_moments(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        Self::soft_argmax_moments_forward(logits, dim, weighting).0
    }

    /// The same, and the state that the backward pass needs, of any shape.
    fn soft_argmax_moments_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::soft_argmax_moments_forward::<Self>(logits, dim, weighting)
    }

    /// The gradient of [`soft_argmax_moments`](ArgmaxOps::soft_argmax_moments).
    fn soft_argmax_moments_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        composed::soft_argmax_moments_backward::<Self>(logits, state, grad, dim, weighting)
    }

    /// The expected value of `bins` along `dim`.
    ///
    /// These are in the dtype that sums run in, and a line along `dim` of size 1 along every other
    /// dimension, or of size 1 along every later one, or of the shape of `logits`.
    fn soft_argmax_over(
        logits: FloatTensor<Self>,
        bins: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        Self::soft_argmax_over_forward(logits, bins, dim, weighting).0
    }

    /// The expected value of bins, and the state that the backward passes need: that of
    /// [`soft_argmax_forward`](ArgmaxOps::soft_argmax_forward), with a bin in the place of the index.
    fn soft_argmax_over_forward(
        logits: FloatTensor<Self>,
        bins: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::soft_argmax_over_forward::<Self>(logits, bins, dim, weighting)
    }

    /// The gradient of [`soft_argmax_over`](ArgmaxOps::soft_argmax_over) for the scores:
    /// `grad * beta * p_j * (b_j - y)`.
    fn soft_argmax_over_backward(
        logits: FloatTensor<Self>,
        bins: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        composed::soft_argmax_over_backward::<Self>(logits, bins, state, grad, dim, weighting)
    }

    /// The same for bins of a `shape`: `grad * p_j`, summed over the lines that share a bin. Scores and
    /// upstream gradient are in the dtype that sums run in.
    fn soft_argmax_over_bins_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
        shape: Shape,
    ) -> FloatTensor<Self> {
        composed::soft_argmax_over_bins_backward::<Self>(logits, state, grad, dim, weighting, shape)
    }

    /// 1 at the first maximum along `dim`, 0 elsewhere.
    fn one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        composed::one_hot::<Self>(values, dim)
    }

    /// The index of that maximum. A NaN is the largest of all.
    fn first_argmax(values: FloatTensor<Self>, dim: usize) -> IntTensor<Self> {
        composed::first_argmax::<Self>(values, dim)
    }

    /// The rows of a code book `[codes, features]` at the first maxima of `logits`, `[outer, codes, inner]`:
    /// `[outer, features, inner]`. Autodiff alone overrides it, and looks at the surrogate.
    fn straight_through_select(
        logits: FloatTensor<Self>,
        codebook: FloatTensor<Self>,
        _surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        composed::select_forward::<Self>(logits, codebook).0
    }

    /// 1 at the `k` largest along `dim`, of equals at the first, 0 elsewhere. A NaN is the largest of all.
    fn top_k(values: FloatTensor<Self>, k: usize, dim: usize) -> FloatTensor<Self> {
        composed::top_k::<Self>(values, k, dim)
    }

    /// [`top_k`](ArgmaxOps::top_k) for a backend without gradients. Autodiff alone overrides it, and looks at
    /// the surrogate.
    fn straight_through_top_k(
        logits: FloatTensor<Self>,
        k: usize,
        dim: usize,
        _surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        Self::top_k(logits, k, dim)
    }

    /// `clip(beta * x - t, 0, 1)` with a `t` for each row such that they sum to `k`, of logits in the dtype that
    /// sums run in, and the state that the backward pass needs: a score of each row, and how far the threshold
    /// is below it.
    fn soft_top_k_forward(
        logits: FloatTensor<Self>,
        k: usize,
        dim: usize,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::soft_top_k_forward::<Self>(logits, k, dim, beta)
    }

    /// [`soft_top_k_forward`](ArgmaxOps::soft_top_k_forward) without the state.
    fn soft_top_k(logits: FloatTensor<Self>, k: usize, dim: usize, beta: f64) -> FloatTensor<Self> {
        Self::soft_top_k_forward(logits, k, dim, beta).0
    }

    /// The gradient of [`soft_top_k`](ArgmaxOps::soft_top_k): where a weight is between 0 and 1, `beta` times
    /// `grad` less its mean there, and 0 elsewhere.
    fn soft_top_k_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::soft_top_k_backward::<Self>(logits, state, grad, dim, beta)
    }

    /// [`one_hot`](ArgmaxOps::one_hot) for a backend without gradients. Autodiff alone overrides it,
    /// and looks at the surrogate.
    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        _surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        Self::one_hot(logits, dim)
    }

    /// `softmax(beta * logits)` along `dim`. A row with a NaN or `+inf`, or wholly of masks, is NaN.
    fn softmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        composed::softmax::<Self>(logits, dim, beta)
    }

    /// The gradient of [`softmax`](ArgmaxOps::softmax): `beta * p * (grad - sum(grad * p))`.
    /// The upstream gradient of a score of `-inf` takes no part in the sum.
    fn softmax_backward(
        logits: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::softmax_backward::<Self>(logits, grad, dim, beta)
    }

    /// The entmax along `dim`, for an `alpha` above 1 and up to 2 of logits in the dtype that sums run in,
    /// and the state that the backward pass needs: the maximum of each row, and the root of its weight,
    /// `w^(alpha - 1)`, in two parts, all NaN in a row that has no entmax.
    fn entmax_forward(
        logits: FloatTensor<Self>,
        dim: usize,
        alpha: f64,
        beta: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::entmax_forward::<Self>(logits, dim, alpha, beta)
    }

    /// [`entmax_forward`](ArgmaxOps::entmax_forward) without the state.
    fn entmax(logits: FloatTensor<Self>, dim: usize, alpha: f64, beta: f64) -> FloatTensor<Self> {
        Self::entmax_forward(logits, dim, alpha, beta).0
    }

    /// The gradient of [`entmax`](ArgmaxOps::entmax): `beta * s * (grad - sum(s * grad) / sum(s))` with
    /// `s = p^(2 - alpha)` where `p` is above 0, and 0 elsewhere.
    fn entmax_backward(
        logits: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        alpha: f64,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::entmax_backward::<Self>(logits, state, grad, dim, alpha, beta)
    }

    /// Scores, in the dtype that sums run in, with Gumbel noise. The key is four integers, of which the lower
    /// 32 bits count. Each stream of a key has noise of its own; that of scores is 0.
    fn noisy(logits: FloatTensor<Self>, key: IntTensor<Self>, stream: u32) -> FloatTensor<Self> {
        composed::noisy::<Self>(logits, key, stream)
    }

    /// The index of the first maximum of logits with noise, along `dim`.
    fn sampled_argmax(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
    ) -> IntTensor<Self> {
        composed::sampled_argmax::<Self>(logits, key, dim)
    }

    /// 1 there, and 0 elsewhere.
    fn sampled_one_hot_forward(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
    ) -> FloatTensor<Self> {
        composed::sampled_one_hot_forward::<Self>(logits, key, dim)
    }

    /// The same for a backend without gradients. Autodiff alone overrides it, and looks at the estimator.
    fn sampled_one_hot(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
        _estimator: Estimator,
    ) -> FloatTensor<Self> {
        Self::sampled_one_hot_forward(logits, key, dim)
    }

    /// The gradient of an estimator.
    fn sampled_one_hot_backward(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        grad: FloatTensor<Self>,
        dim: usize,
        estimator: Estimator,
    ) -> FloatTensor<Self> {
        composed::sampled_one_hot_backward::<Self>(logits, key, grad, dim, estimator)
    }

    /// The softmax of logits with noise along `dim`.
    fn gumbel_softmax(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        composed::gumbel_softmax::<Self>(logits, key, dim, beta)
    }

    /// The moments of the pixel index under the softmax over each map, and the state that the
    /// backward pass needs.
    ///
    /// `heatmaps` is `[maps, depth, height, width]`. The moments are `[maps, 3]`, the expected
    /// `x y z`, or with `covariance` `[maps, 9]`: the same and `xx xy xz yy yz zz`. The state is
    /// `[maps, 8]` or `[maps, 14]`: the maximum, the sum about it, the position that the sums are
    /// taken about, the distance of the mean from it, and the covariances. All are in the dtype that sums
    /// run in: a mean or a square in other units, rounded once to half precision, is put together from
    /// them.
    fn spatial_moments_forward(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        composed::spatial_moments_forward::<Self>(heatmaps, covariance, weighting)
    }

    /// The expected `x y z` over each map, and with `covariance` their covariances.
    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        Self::spatial_moments_forward(heatmaps, covariance, weighting).0
    }

    /// The gradient of [`spatial_moments`](ArgmaxOps::spatial_moments).
    fn spatial_moments_backward(
        heatmaps: FloatTensor<Self>,
        state: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        composed::spatial_moments_backward::<Self>(heatmaps, state, grad, covariance, weighting)
    }

    /// The divergence of every map `[maps, depth, height, width]` from the product of its lines, in the
    /// dtype that sums run in: `[maps, 1]`. The logarithms of these, `[maps, width + height + depth]` in
    /// the same dtype, are one after the other, x first.
    fn divergence(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        composed::divergence::<Self>(heatmaps, lines, divergence)
    }

    /// The gradient of [`divergence`](ArgmaxOps::divergence) for the maps. It is NaN throughout a map
    /// whose loss is.
    fn divergence_backward(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        losses: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        composed::divergence_backward::<Self>(heatmaps, lines, losses, grad, divergence)
    }

    /// The same for the logarithms of the lines.
    fn divergence_lines_backward(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        losses: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        composed::divergence_lines_backward::<Self>(heatmaps, lines, losses, grad, divergence)
    }

    /// 1 at every maximum along `dim`, 0 elsewhere.
    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        composed::sign_one_hot::<Self>(values, dim)
    }
}
