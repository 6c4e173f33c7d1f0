use burn_core as burn;
use burn_core::{
    config::Config,
    module::Module,
    tensor::{Device, Tensor},
};

use super::{Beta, beta::Learning};
use crate::{Coordinates, Weighting, spatial_soft_argmax};

/// Configuration of [`SpatialSoftArgmax`].
#[derive(Config, Debug, PartialEq)]
pub struct SpatialSoftArgmaxConfig {
    /// The units of the result.
    pub coordinates: Coordinates,
    /// How scores become weights. A beta that is learnt starts from its beta.
    #[config(default = "Weighting::softmax(1.0)")]
    pub weighting: Weighting,
    /// Whether beta is learnt. It stays positive.
    #[config(default = "false")]
    pub learnable: bool,
    /// How many channels, along dim 1, have a beta each to learn; without it, or with 1, one beta is for all.
    #[config(default = "None")]
    pub channels: Option<usize>,
    /// The largest beta that is used, however far it learns.
    #[config(default = "None")]
    pub max_beta: Option<f64>,
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
    /// How scores become weights, but for a beta that is learnt.
    #[module(skip)]
    pub weighting: Weighting,
    /// The inverse temperature, `None` for weights that are given.
    pub beta: Option<Beta>,
}

impl SpatialSoftArgmaxConfig {
    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt, if there is none to be learnt, if
    /// `channels` or `max_beta` is given for a beta that is not, is 0, or smaller than beta, or if the
    /// weighting is another that the operator refuses.
    #[track_caller]
    pub fn init(&self, device: &Device) -> SpatialSoftArgmax {
        let learning = Learning {
            learnable: self.learnable,
            channels: self.channels,
            max_beta: self.max_beta,
        };
        SpatialSoftArgmax {
            coordinates: self.coordinates,
            weighting: self.weighting,
            beta: Beta::of_weighting("SpatialSoftArgmax", self.weighting, learning, device),
        }
    }
}

impl SpatialSoftArgmax {
    /// The expected position `[batch, channels, coordinate]`, in the order x, y, z, of heatmaps
    /// `[batch, channels, spatial...]`.
    ///
    /// A learnt beta gets its exact gradient, to which masks of `-inf` add nothing.
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
        let (heatmaps, weighting) = match &self.beta {
            Some(beta) => beta.weigh("SpatialSoftArgmax", heatmaps, &dims, self.weighting),
            None => (heatmaps, self.weighting),
        };
        spatial_soft_argmax(heatmaps, weighting, self.coordinates).cast(dtype)
    }
}
