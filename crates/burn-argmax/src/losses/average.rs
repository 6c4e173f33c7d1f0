use burn_core::tensor::{Bool, Tensor};

use super::checks::check_device;
use crate::precision::{accumulator, divided, sum_rows};

/// The mean of the losses of the locations that `mask` selects.
///
/// `L = sum_k m_k * l_k / max(1, sum_k m_k)`.
///
/// # Arguments
///
/// * `losses` - One loss for each location, `[batch, locations]`.
/// * `mask` - Which locations count, of the same shape; without one, all do. A loss that does not
///   count may be anything, also NaN.
///
/// # Returns
///
/// The mean, `[1]`; 0 where nothing counts. Counted and summed in `f32` at least, in levels, and rounded
/// once to the dtype of `losses`.
///
/// # Gradient
///
/// `g * m_k / max(1, sum_k m_k)`: exactly 0 for what does not count, and the losses of this
/// crate then pass on exactly 0, whatever made them NaN.
///
/// # Panics
///
/// If the mask has another shape than the losses, or is on another device.
///
/// # Example
///
/// ```
/// use burn::tensor::{Bool, Device, Tensor};
/// use burn_argmax::losses::average_loss;
///
/// let device = Device::flex();
/// let losses = Tensor::<2>::from_floats([[1.0, 3.0, f32::NAN]], &device);
/// let labelled = Tensor::<2, Bool>::from_data([[true, true, false]], &device);
/// assert_eq!(average_loss(losses, Some(labelled)).into_scalar::<f32>(), 2.0);
/// ```
#[track_caller]
pub fn average_loss(losses: Tensor<2>, mask: Option<Tensor<2, Bool>>) -> Tensor<1> {
    if let Some(mask) = &mask {
        assert!(
            mask.dims() == losses.dims(),
            "average_loss: mask must have the shape of losses, {:?}, got {:?}",
            losses.dims(),
            mask.dims()
        );
        check_device(
            "average_loss",
            ["losses", "mask"],
            [&losses.device(), &mask.device()],
        );
    }
    let losses = losses.dequantize();
    let dtype = losses.dtype();
    let wide = accumulator([dtype]);
    let losses = losses.cast(wide);
    let elements = losses.shape().num_elements();
    if elements == 0 {
        return losses.sum().cast(dtype);
    }
    let sum = |values: Tensor<2>| sum_rows(values.reshape([1, 1, elements])).reshape([1]);
    let mean = match mask {
        None => divided(sum(losses), elements),
        Some(mask) => {
            let count: Tensor<1> = sum(mask.clone().float().cast(wide)).clamp_min(1.0);
            sum(losses.mask_fill(mask.bool_not(), 0.0)) / count
        }
    };
    mean.cast(dtype)
}
