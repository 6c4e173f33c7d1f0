use burn_core::tensor::{DType, Device, Distribution, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// Where the random numbers of an operator come from.
///
/// An operator draws a *key* of four words, and its noise is a function of that and of the place of each
/// entry alone (Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011). It is
/// the same for a view and its copy and for any number of threads, and on every backend but for the last
/// digit of a logarithm. It is never stored: the backward pass computes it again.
///
/// # Example
///
/// ```
/// use burn::tensor::Device;
/// use burn_argmax::{Noise, gumbel_noise};
///
/// let device = Device::flex();
/// let noise = || gumbel_noise::<2>([2, 3], Noise::Seed(7), &device).into_data();
/// noise().assert_eq(&noise(), true);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Noise {
    /// The device's generator, which [`Device::seed`] sets: other numbers in each call.
    Device,
    /// These numbers, in each call.
    Seed(u64),
}

impl Noise {
    /// Four integers of 32 bits, signed, whatever integers the device has by default.
    pub(crate) fn key(self, device: &Device) -> Tensor<1, Int> {
        let options = (device, DType::I32);
        match self {
            Self::Device => {
                // Of halves: a backend that draws floats has 24 bits of each.
                let halves = || {
                    let halves = Distribution::Uniform(0.0, 65536.0);
                    Tensor::<1, Int>::random([4], halves, options).clamp(0, 65535)
                };
                (halves() - 32768) * 65536 + halves()
            }
            Self::Seed(seed) => {
                let words = [seed as u32, (seed >> 32) as u32, 0, 0];
                let words = words.map(|word| i64::from(word.cast_signed()));
                Tensor::from_data(TensorData::from(words), options)
            }
        }
    }
}
