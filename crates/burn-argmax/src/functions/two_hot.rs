use burn_core::tensor::{AsIndex, Tensor};

use super::target_of_bins::target_of_bins;

/// A position between bins as the shares of the two bins that are nearest to it.
///
/// `m_i = max(0, 1 - |i - t|)`, with `t` no lower than the first bin and no higher than the last.
///
/// # Arguments
///
/// * `target` - Positions in units of the index, from `0` to `bins - 1`; `dim` has size 1. In other
///   units: `(value - first) / spacing`.
/// * `dim` - The dimension that the bins take; a negative one counts from the end.
/// * `bins` - How many there are, at least 1.
///
/// # Returns
///
/// The shape and the dtype of `target`, with `bins` entries along `dim`: at most two that are not 0, whose
/// sum is 1 and whose expected index is `t`. A target that is NaN or infinite gives NaN for its row.
/// Computed in `f32` at least, and rounded once.
///
/// # Gradient
///
/// None: a target is a constant.
///
/// # Panics
///
/// If `dim` is out of range or has not size 1, or if `bins` is 0.
///
/// # Source
///
/// Li et al., "Generalized Focal Loss", NeurIPS 2020 (the target of the distribution focal loss); Schrittwieser
/// et al., "Mastering Atari, Go, Chess and Shogi by Planning with a Learned Model", 2020.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::two_hot;
///
/// let target = Tensor::<2>::from_floats([[1.25]], &Device::flex());
/// let want = [[0.0f32, 0.75, 0.25, 0.0]];
/// two_hot(target, 1, 4).into_data().assert_eq(&want.into(), false);
/// ```
#[track_caller]
pub fn two_hot<const D: usize>(target: Tensor<D>, dim: impl AsIndex, bins: usize) -> Tensor<D> {
    target_of_bins("two_hot", target, dim, bins, |target, index, _| {
        let last = bins as f64 - 1.0;
        let distance = index - target.clamp(0.0, last);
        (distance.abs().neg() + 1.0).clamp_min(0.0)
    })
}
