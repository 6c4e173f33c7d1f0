use burn_core::tensor::{AsIndex, Tensor};

use super::{check_dim, dispatch::dispatch};

/// 1 at *every* maximum and 0 elsewhere, by the sign trick. **Its gradient is zero everywhere.**
///
/// `y = 1 - sign(max x - x)`.
///
/// It marks the peaks of values of any sign. It does **not** train: a network whose loss reaches
/// its weights through this operator alone gets a zero gradient and learns nothing. Use
/// [`soft_argmax`](crate::soft_argmax) or
/// [`straight_through_one_hot`](crate::straight_through_one_hot) where a gradient is wanted.
///
/// # Arguments
///
/// * `values` - Values of any sign, rank and layout.
/// * `dim` - The dimension of the index; a negative one counts from the end.
///
/// # Returns
///
/// A tensor of the shape and dtype of `values`. Ties give several ones in a row, `+inf` and a row
/// wholly of `-inf` included. A row with a NaN gives NaN for that row only. An empty batch gives
/// an empty tensor.
///
/// # Gradient
///
/// **Exactly zero**, for any upstream gradient. It is registered, so that a graph through this
/// operator still runs.
///
/// # Panics
///
/// If `dim` is out of range or has size 0.
///
/// # Source
///
/// Folklore of tensor code that wants an argmax without an index.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::sign_one_hot;
///
/// let values = Tensor::<1>::from_floats([-3.0, -1.0, -1.0], &Device::flex());
/// let marked = sign_one_hot(values, 0);
/// assert_eq!(marked.into_data().to_vec::<f32>().unwrap(), [0.0, 1.0, 1.0]);
/// ```
#[track_caller]
pub fn sign_one_hot<const D: usize>(values: Tensor<D>, dim: impl AsIndex) -> Tensor<D> {
    let dim = check_dim("sign_one_hot", &values, dim);
    if values.shape().num_elements() == 0 {
        return values;
    }
    dispatch!(sign_one_hot(values, dim))
}
