//! Losses on coordinates and on heatmaps, as those of the differentiable spatial to numerical
//! transform (DSNT), and on the scores of an index.
//!
//! Those of coordinates and heatmaps give one number for each location, `[batch, locations]`;
//! [`average_loss`] makes one number of them, over the locations that are labelled. Those of scores,
//! [`histogram_loss`], [`entmax_loss`] and [`expected_distance_loss`], take any rank and give one number a
//! row. All are differentiable by Burn's graph.
//!
//! All compute in `f32` at least and round once, to the dtype of their first argument. A location or row whose
//! data are broken (a NaN label, an infinite score) has the loss NaN, and masked out it leaves a gradient
//! of exactly 0. An empty batch gives an empty result, which stays in the graph.
//!
//! Source: Nibali et al., "Numerical Coordinate Regression with Convolutional Neural Networks",
//! 2018, and the project dsntnn.

mod average;
mod checks;
mod divergence;
mod entmax;
mod euclidean;
mod expected_distance;
mod histogram;
mod jensen_shannon;
mod kl_divergence;
mod l1;
mod mse;
mod scores;
mod variance;

pub(crate) use divergence::TINY;

#[doc(hidden)]
pub use divergence::Divergence;

pub use average::average_loss;
pub use entmax::entmax_loss;
pub use euclidean::euclidean_loss;
pub use expected_distance::expected_distance_loss;
pub use histogram::histogram_loss;
pub use jensen_shannon::jensen_shannon_loss;
pub use kl_divergence::kl_divergence_loss;
pub use l1::l1_loss;
pub use mse::mse_loss;
pub use variance::variance_loss;
