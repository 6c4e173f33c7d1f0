//! The operators as modules: with a sharpness that may be learnt, or with a training mode.
//!
//! Their configurations are saved and loaded as those of Burn are. In JSON, what has a default may be left out; a
//! field that there is not is refused, and so is what `init` would refuse, in the same words. What a record holds of
//! a beta that is learnt, and what an optimizer does to it, [`Beta`] says.
//!
//! ```
//! use burn::config::Config;
//! use burn_argmax::{Weighting, nn::SoftArgmaxConfig};
//!
//! let config = SoftArgmaxConfig::load_binary(br#"{"learnable": true, "channels": 17}"#)?;
//! assert_eq!(config.weighting, Weighting::softmax(1.0));
//!
//! let refused = SoftArgmaxConfig::load_binary(br#"{"learnable": true, "max_beta": 0.5}"#);
//! let message = refused.unwrap_err().to_string();
//! assert!(message.contains("max_beta must be finite and at least the beta to start from, 1"));
//! # Ok::<(), burn::config::ConfigError>(())
//! ```

mod beta;
mod learning;
mod sampled_one_hot;
mod soft_argmax;
mod spatial_soft_argmax;
mod straight_through_one_hot;

use crate::Weighting;

pub use beta::Beta;
pub use sampled_one_hot::{SampledOneHot, SampledOneHotConfig};
pub use soft_argmax::{SoftArgmax, SoftArgmaxConfig};
pub use spatial_soft_argmax::{SpatialSoftArgmax, SpatialSoftArgmaxConfig};
pub use straight_through_one_hot::{StraightThroughOneHot, StraightThroughOneHotConfig};

/// The dimension that a configuration has by default.
fn last() -> i64 {
    -1
}

/// The weights that a configuration has by default.
fn softmax() -> Weighting {
    Weighting::softmax(1.0)
}
