//! The operators as modules, with a sharpness that may be learnt.

mod beta;
mod soft_argmax;
mod spatial_soft_argmax;
mod straight_through_one_hot;

pub use beta::Beta;
pub use soft_argmax::{SoftArgmax, SoftArgmaxConfig};
pub use spatial_soft_argmax::{SpatialSoftArgmax, SpatialSoftArgmaxConfig};
pub use straight_through_one_hot::{StraightThroughOneHot, StraightThroughOneHotConfig};
