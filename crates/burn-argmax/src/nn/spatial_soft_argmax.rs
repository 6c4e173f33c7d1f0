use burn_core as burn;
use burn_core::{
    config::Config,
    module::Module,
    tensor::{Device, Tensor},
};

use super::Beta;
use crate::{Coordinates, spatial_soft_argmax};

/// Configuration of [`SpatialSoftArgmax`].
#[derive(Config, Debug, PartialEq)]
pub struct SpatialSoftArgmaxConfig {
    /// The units of the result.
    pub coordinates: Coordinates,
    /// The inverse temperature, or where it starts if it is learnt.
    #[config(default = "1.0")]
    pub beta: f64,
    /// Whether beta is learnt. It stays positive.
    #[config(default = "false")]
    pub learnable: bool,
}

/// [`spatial_soft_argmax`](crate::spatial_soft_argmax()) as a module.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, nn::SpatialSoftArgmaxConfig};
///
/// let device = Device::flex();
/// let keypoints = SpatialSoftArgmaxConfig::new(Coordinates::Index).init(&device);
/// let flat = Tensor::<4>::zeros([1, 1, 5, 7], &device);
/// keypoints.forward(flat).into_data().assert_eq(&[[[3.0f32, 2.0]]].into(), false);
/// ```
#[derive(Module, Debug)]
pub struct SpatialSoftArgmax {
    /// The units of the result.
    #[module(skip)]
    pub coordinates: Coordinates,
    /// The inverse temperature.
    pub beta: Beta,
}

impl SpatialSoftArgmaxConfig {
    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt.
    #[track_caller]
    pub fn init(&self, device: &Device) -> SpatialSoftArgmax {
        SpatialSoftArgmax {
            coordinates: self.coordinates,
            beta: Beta::new("SpatialSoftArgmax", self.beta, self.learnable, device),
        }
    }
}

impl SpatialSoftArgmax {
    /// The expected position `[batch, channels, coordinate]`, in the order x, y, z, of heatmaps
    /// `[batch, channels, spatial...]`.
    ///
    /// A learnt beta gets the gradient of `softmax(beta * heatmaps)`, to which masks of `-inf` add
    /// nothing.
    ///
    /// # Panics
    ///
    /// As [`spatial_soft_argmax`](crate::spatial_soft_argmax()).
    #[track_caller]
    pub fn forward<const D: usize>(&self, heatmaps: Tensor<D>) -> Tensor<3> {
        crate::functions::check_heatmaps("SpatialSoftArgmax", &heatmaps);
        let dims: alloc::vec::Vec<usize> = (2..D).collect();
        let heatmaps = heatmaps.dequantize();
        let dtype = heatmaps.dtype();
        let (heatmaps, beta) = self.beta.apply(heatmaps, &dims);
        spatial_soft_argmax(heatmaps, beta, self.coordinates).cast(dtype)
    }
}
