use burn_core as burn;
use burn_core::{
    module::Module,
    tensor::{DType, Device, Tensor},
};
use serde::{Deserialize, Serialize};

use super::{Beta, learning::Learning, softmax};
use crate::{
    Coordinates, Weighting,
    config::{config, deserialize},
    functions::accept,
    spatial_soft_argmax,
};

/// Configuration of [`SpatialSoftArgmax`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpatialSoftArgmaxConfig {
    /// The units of the result.
    pub coordinates: Coordinates,
    /// How scores become weights. A beta that is learnt starts from its beta. By default a
    /// softmax whose beta is 1.
    pub weighting: Weighting,
    /// Whether beta is learnt. It stays positive. By default it is not.
    pub learnable: bool,
    /// How many channels, along dim 1, have a beta each to learn; without it, or with 1, one beta is for all.
    pub channels: Option<usize>,
    /// The largest beta that is used, however far it learns.
    pub max_beta: Option<f64>,
}

#[derive(Deserialize)]
#[serde(remote = "SpatialSoftArgmaxConfig", deny_unknown_fields)]
struct Stored {
    coordinates: Coordinates,
    #[serde(default = "softmax")]
    weighting: Weighting,
    #[serde(default)]
    learnable: bool,
    channels: Option<usize>,
    max_beta: Option<f64>,
}

deserialize!(SpatialSoftArgmaxConfig, Stored, read => read.validate());
config!(SpatialSoftArgmaxConfig {
    with_weighting weighting: Weighting,
    with_learnable learnable: bool,
    with_channels channels: Option<usize>,
    with_max_beta max_beta: Option<f64>,
});

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
    /// In these units, by a softmax whose beta is 1 and not learnt.
    pub fn new(coordinates: Coordinates) -> Self {
        Self {
            coordinates,
            weighting: softmax(),
            learnable: false,
            channels: None,
            max_beta: None,
        }
    }

    /// Initialises the module.
    ///
    /// # Panics
    ///
    /// If beta is negative, infinite or NaN, or 0 and to be learnt, if there is none to be learnt, if
    /// `channels` or `max_beta` is given for a beta that is not, is 0, or smaller than beta, or if the
    /// weighting is another that the operator refuses.
    #[track_caller]
    pub fn init(&self, device: &Device) -> SpatialSoftArgmax {
        accept(self.validate());
        SpatialSoftArgmax {
            coordinates: self.coordinates,
            weighting: self.weighting,
            beta: Beta::new(self.weighting.beta(), self.learning(), device),
        }
    }

    fn learning(&self) -> Learning {
        Learning {
            learnable: self.learnable,
            channels: self.channels,
            max_beta: self.max_beta,
        }
    }

    fn validate(&self) -> Result<(), String> {
        let beta = self.weighting.beta();
        let why = "weights that are given, which have no beta";
        self.learning().validate("SpatialSoftArgmax", beta, why)?;
        self.weighting.validate("SpatialSoftArgmax", DType::F64)
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
