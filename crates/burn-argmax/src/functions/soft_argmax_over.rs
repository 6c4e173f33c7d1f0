use burn_core::{
    backend::Dispatch,
    tensor::{AsIndex, Tensor},
};

use super::{check_beta, check_dim, without_indices};
use crate::composed::graph;

/// The expected value of the bins under `softmax(beta * logits)`: soft-argmax over any coordinate.
///
/// `y = sum_i b_i * p_i` with `p = softmax(beta * (x - max x))`. Where the bins are `0..n-1` it is
/// [`soft_argmax`](crate::soft_argmax).
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`: its weight and its
///   gradient are exactly 0.
/// * `bins` - The coordinate of each index along `dim`, in any order and at any spacing: depths,
///   times, angles, frequencies.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `beta` - The inverse temperature, finite and `>= 0`. Large is sharp; 0 gives the plain mean
///   of the unmasked bins.
///
/// # Returns
///
/// The expected value, in the units of `bins`, with `dim` kept at size 1 and the dtype of `logits`.
/// It is taken about the bin of the argmax, so a sharp peak gives that bin exactly. Ties give the
/// mean of the tied bins as `beta` grows. A row with a NaN or `+inf`, or wholly of `-inf`, gives NaN
/// for that row only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// `dx_j = g * beta * p_j * (b_j - y)` and `db_j = sum over rows of g * p_j`, by Burn's graph.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `bins` has not one entry for each index, or if `beta`
/// is negative, infinite or NaN.
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
pub fn soft_argmax_over<const D: usize>(
    logits: Tensor<D>,
    bins: Tensor<1>,
    dim: impl AsIndex,
    beta: f64,
) -> Tensor<D> {
    let dim = check_dim("soft_argmax_over", &logits, dim);
    check_beta("soft_argmax_over", beta);
    let n = logits.dims()[dim];
    let got = bins.dims()[0];
    assert!(
        got == n,
        "soft_argmax_over: bins must have {n} entries, one for each index along dim {dim}, got {got}"
    );
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }

    let mut line = [1; D];
    line[dim] = n;
    let bins = bins.cast(logits.dtype());
    let argmax = logits.clone().detach().argmax(dim);
    let center = bins
        .clone()
        .select(0, argmax.clone().reshape([-1]))
        .reshape(argmax.dims());
    let probabilities: Tensor<D> = Tensor::from_dispatch(graph::softmax::<Dispatch>(
        logits.dequantize().into_dispatch(),
        dim,
        beta,
    ));
    let offset = (probabilities * (bins.reshape(line) - center.clone())).sum_dim(dim);
    center + offset
}
