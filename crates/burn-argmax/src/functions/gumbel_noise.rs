use burn_core::tensor::{Device, Shape, Tensor};

use super::dispatch::dispatch;
use crate::{Noise, precision::accumulator};

/// Independent standard Gumbel variables: the noise of every sampled operator.
///
/// `g = -ln(-ln(1 - u))`, with `u` uniform on the middles of 2^32 intervals of `0..1`.
///
/// # Arguments
///
/// * `shape` - Of the noise, that of the logits of an operator.
/// * `noise` - Where it comes from.
/// * `device` - Where it goes.
///
/// # Returns
///
/// From -3.2 to 22.9, right in both tails, in `f32`, or `f64` where that is the device's default: exactly
/// what an operator that is given the same seed adds to logits of that shape.
///
/// # Source
///
/// Gumbel, "Statistical Theory of Extreme Values and Some Practical Applications", 1954.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Noise, gumbel_noise};
///
/// let noise: Tensor<1> = gumbel_noise([100_000], Noise::Seed(1), &Device::flex());
/// let mean = noise.mean().into_scalar::<f32>();
/// assert!((mean - 0.5772).abs() < 0.02); // Euler's constant
/// ```
pub fn gumbel_noise<const D: usize>(
    shape: impl Into<Shape>,
    noise: Noise,
    device: &Device,
) -> Tensor<D> {
    let dtype = accumulator([Tensor::<1>::empty([0], device).dtype()]);
    let zeros = Tensor::<D>::zeros(shape, (device, dtype));
    if zeros.shape().num_elements() == 0 {
        return zeros;
    }
    let key = noise.key(device).into_dispatch();
    dispatch!(noisy(zeros, key, 0))
}
