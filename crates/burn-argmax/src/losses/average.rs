use burn_core::tensor::{Bool, Tensor};

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
/// The mean, `[1]`; 0 where nothing counts.
///
/// # Gradient
///
/// `g * m_k / max(1, sum_k m_k)`: exactly 0 for what does not count.
///
/// # Panics
///
/// If the mask has another shape than the losses.
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
pub fn average_loss(losses: Tensor<2>, mask: Option<Tensor<2, Bool>>) -> Tensor<1> {
    let Some(mask) = mask else {
        let count = losses.shape().num_elements().max(1);
        return losses.sum() / count as f64;
    };
    assert!(
        mask.dims() == losses.dims(),
        "average_loss: mask must have the shape of losses, {:?}, got {:?}",
        losses.dims(),
        mask.dims()
    );
    let count = mask
        .clone()
        .float()
        .cast(losses.dtype())
        .sum()
        .clamp_min(1.0);
    losses.mask_fill(mask.bool_not(), 0.0).sum() / count
}
