//! The operators as modules: with a sharpness that may be learnt, or with a training mode.

mod beta;
mod sampled_one_hot;
mod soft_argmax;
mod spatial_soft_argmax;
mod straight_through_one_hot;

pub use beta::Beta;
pub use sampled_one_hot::{SampledOneHot, SampledOneHotConfig};
pub use soft_argmax::{SoftArgmax, SoftArgmaxConfig};
pub use spatial_soft_argmax::{SpatialSoftArgmax, SpatialSoftArgmaxConfig};
pub use straight_through_one_hot::{StraightThroughOneHot, StraightThroughOneHotConfig};
