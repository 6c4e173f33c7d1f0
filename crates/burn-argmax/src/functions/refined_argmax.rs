use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, refine::refined_maximum, without_indices};

/// The index of the first maximum, refined by the parabola through it and its neighbours.
///
/// `y = i + (x_{i-1} - x_{i+1}) / (2 (x_{i-1} - 2 x_i + x_{i+1}))` with `i = argmax x`.
///
/// Of the logarithm of a Gaussian it is exact, wherever the center lies between two indices.
///
/// # Arguments
///
/// * `values` - Scores, of any rank and layout; of a heatmap, its logarithm. A mask is a score of `-inf`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
///
/// # Returns
///
/// The index, with `dim` kept at size 1 and the dtype of `values`; at most half an index from that of the
/// first maximum, exactly that at a border and beside a mask, and in the middle of two equal ones. Computed in
/// `f32` at least, and rounded once. A row with a NaN or `+inf`, or wholly of `-inf`, gives NaN for that row
/// only. An empty batch gives an empty tensor.
///
/// # Gradient
///
/// Exact for the three values that the parabola goes through, by Burn's graph, and 0 for all others: where
/// the maximum is does not change with them. An upstream gradient of exactly 0 gives exactly 0, whatever the
/// row holds. Any other gives NaN where the result is NaN.
///
/// # Panics
///
/// If `dim` is out of range or has size 0.
///
/// # Source
///
/// Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", CVPR 2020.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::refined_argmax;
///
/// // The logarithm of a Gaussian about 1.25.
/// let values = [0.0, 1.0, 2.0, 3.0].map(|i: f32| -(i - 1.25).powi(2) / 2.0);
/// let values = Tensor::<2>::from_floats([values], &Device::flex());
/// assert!((refined_argmax(values, 1).into_scalar::<f32>() - 1.25).abs() < 1e-6);
/// ```
#[track_caller]
pub fn refined_argmax<const D: usize>(values: Tensor<D>, dim: impl AsIndex) -> Tensor<D> {
    let dim = check_dim("refined_argmax", &values, dim);
    if values.shape().num_elements() == 0 {
        return without_indices(values, dim);
    }
    let values = values.dequantize();
    let dtype = values.dtype();
    let mut shape = values.dims();
    let outer = shape[..dim].iter().product();
    let inner = shape[dim + 1..].iter().product();
    let lines = values.reshape([outer, shape[dim], inner]).swap_dims(1, 2);
    shape[dim] = 1;
    refined_maximum(lines).reshape(shape).cast(dtype)
}
