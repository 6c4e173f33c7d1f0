use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, check_weighting, dispatch::dispatch, weights_of_lines, without_indices};
use crate::{Weighting, precision::accumulator};

/// The expected value of the bins under weights of the scores: soft-argmax over any coordinate.
///
/// `y = sum_i b_i * p_i` with, for a number `beta`, `p = softmax(beta * (x - max x))`. Where the
/// bins are `0..n-1` it is [`soft_argmax`](crate::soft_argmax).
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its weight and its
///   gradient are exactly 0.
/// * `bins` - The coordinate of each index along `dim`, in any order and at any spacing: depths,
///   times, angles, frequencies. Either one line of them for all rows, `[n]`, or a tensor of the rank
///   of `logits` with each dimension of size 1 or of that of `logits`: bins of each sample, or of each
///   pixel. The bin of a mask may be anything.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `weighting` - How scores become weights: a number is the `beta` of a softmax, finite and
///   `>= 0`; see [`Weighting`].
///
/// # Returns
///
/// The expected value, in the units of `bins`, with `dim` kept at size 1 and the dtype of `logits`.
/// Sums run in `f32` for `f16` and `bf16`, and in `f64` for `f64`, about the bin of the maximum, so
/// that a sharp peak gives its bin exactly. Ties give the mean of the tied bins as `beta` grows. A row
/// with a NaN or `+inf`, or wholly of `-inf`, gives NaN for that row only. An empty batch gives an empty
/// tensor.
///
/// # Gradient
///
/// `dx_j = g * (dw_j / dx_j) * (b_j - y) / sum_k w_k`, for a softmax `g * beta * p_j * (b_j - y)`,
/// and `db_j = g * p_j`, summed over the rows that share the bin. Both are exactly 0 at a mask, and
/// in a row whose `g` is exactly 0, whatever else the row holds. In any other row with a NaN or
/// `+inf` the gradient of the scores is NaN.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `bins` is neither a line with one entry for each index
/// nor a tensor as above, if it is on another device, or if
/// `weighting` is what [`soft_argmax`](crate::soft_argmax()) refuses.
///
/// # Source
///
/// Bins of learnt width: Bhat et al., "AdaBins: Depth Estimation Using Adaptive Bins", CVPR 2021.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::soft_argmax_over;
///
/// let device = Device::flex();
/// let logits = Tensor::<2>::from_floats([[0.0, 4.0, 4.0, 0.0]], &device);
/// let depths = Tensor::<1>::from_floats([1.0, 2.0, 4.0, 8.0], &device); // metres
/// assert_eq!(soft_argmax_over(logits, depths, 1, 100.0).into_scalar::<f32>(), 3.0);
/// ```
#[track_caller]
pub fn soft_argmax_over<const D: usize, const B: usize>(
    logits: Tensor<D>,
    bins: Tensor<B>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    over("soft_argmax_over", "logits", logits, bins, dim, weighting)
}

/// The operator under the name of the function, and of its scores, that was called.
#[track_caller]
pub(crate) fn over<const D: usize, const B: usize>(
    op: &str,
    scores: &str,
    logits: Tensor<D>,
    bins: Tensor<B>,
    dim: impl AsIndex,
    weighting: impl Into<Weighting>,
) -> Tensor<D> {
    let dim = check_dim(op, &logits, dim);
    let weighting = check_weighting(op, weighting, logits.dtype());
    let logits = logits.dequantize();
    let shape = logits.dims();
    let got = bins.dims();
    let mut line = [1; D];
    line[dim] = shape[dim];
    let bins = if B == D && broadcasts(&got, &shape) {
        bins.reshape::<D, _>(<[usize; D]>::try_from(&got[..]).expect("rank D"))
    } else {
        assert!(
            got[..] == [shape[dim]],
            "{op}: bins must be [{}], one for each index along dim {dim}, or of the rank of {scores} \
             with each dimension 1 or that of {shape:?}, got shape {got:?}",
            shape[dim]
        );
        bins.reshape(line)
    };
    assert!(
        bins.device() == logits.device(),
        "{op}: bins must be on the device of {scores}, {:?}, got {:?}",
        logits.device(),
        bins.device()
    );
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    // In the wider dtype first: what rows that share a bin leave in it is summed there.
    let bins = bins.dequantize().cast(accumulator([logits.dtype()]));
    let bins = spread(bins, shape, dim).into_dispatch();
    let dtype = logits.dtype();
    let is_sparse = weighting.alpha.is_some();
    let masked = is_sparse.then(|| logits.clone().equal_elem(f64::NEG_INFINITY));
    let (mut logits, weighting) = weights_of_lines(logits, dim, weighting);
    if let Some(masked) = masked.filter(|_| weighting == Weighting::given()) {
        // What has no weight is a mask: its bin may be infinite. A mask stays one in a row that is NaN.
        let nothing = logits.clone().equal_elem(0.0).bool_or(masked);
        logits = logits.mask_fill(nothing, f64::NEG_INFINITY);
    }
    let value: Tensor<D> = dispatch!(soft_argmax_over(logits, bins, dim, weighting));
    value.cast(dtype)
}

/// The bins in one of the shapes that the operator knows: one line, one for all rows that differ in
/// later dimensions only, or a bin for every score.
fn spread<const D: usize>(bins: Tensor<D>, logits: [usize; D], dim: usize) -> Tensor<D> {
    let got = bins.dims();
    let is_one = |sizes: &[usize]| sizes.iter().all(|&size| size == 1);
    let mut shape = logits;
    if is_one(&got[dim + 1..]) {
        shape[dim + 1..].fill(1);
        if is_one(&got[..dim]) {
            shape[..dim].fill(1);
        }
    }
    bins.expand(shape)
}

fn broadcasts(bins: &[usize], logits: &[usize]) -> bool {
    let mut sizes = bins.iter().zip(logits);
    sizes.all(|(&bins, &logits)| bins == logits || bins == 1)
}
