//! CubeCL kernels, for every GPU that Burn runs on.
//!
//! A tensor is seen as `[outer, n, inner]` about `dim` (`layout`), and its lines are laid over cubes
//! (`geometry`, `work`). Two launches serve all operators: a reduction of every line and a map over
//! its entries (`launch`), on tensors that are checked where they enter (`lines`). What is summed
//! and mapped (`operator`) is one file each, on weights (`weights`) and their averages
//! (`moments`), on those within windows (`window`) or with noise (`noise`), or on maxima
//! (`first_max`, `peak`).
//!
//! `cubek-reduce` cannot carry these sums: its instructions are configured at compile time, and
//! `beta` is not known then; its accumulators hold values with `u32` coordinates and no more; and
//! its entry points take a closed list of operations.

mod bits;
mod divergence;
mod entmax;
mod first_max;
mod geometry;
mod kernels;
mod launch;
mod layout;
mod lines;
mod log;
mod moments;
mod noise;
mod noisy;
mod one_hot;
mod operator;
mod peak;
mod philox;
mod raster;
mod sampled;
mod soft_argmax;
mod soft_argmax_moments;
mod soft_argmax_over;
mod softmax;
mod spatial_moments;
#[cfg(all(test, any(feature = "wgpu", feature = "vulkan")))]
mod tests;
mod top_k;
mod weights;
mod window;
mod work;

pub(crate) use divergence::{divergence, divergence_backward, divergence_slopes};
pub(crate) use entmax::{entmax_backward, entmax_forward};
pub(crate) use noisy::noisy;
pub(crate) use one_hot::{first_argmax, one_hot, sign_one_hot};
pub(crate) use sampled::{
    gumbel_softmax, gumbel_softmax_backward, sampled_argmax, sampled_one_hot,
};
pub(crate) use soft_argmax::{soft_argmax_backward, soft_argmax_forward};
pub(crate) use soft_argmax_moments::{soft_argmax_moments_backward, soft_argmax_moments_forward};
pub(crate) use soft_argmax_over::{
    soft_argmax_over_backward, soft_argmax_over_bins_backward, soft_argmax_over_forward,
};
pub(crate) use softmax::{softmax, softmax_backward};
pub(crate) use spatial_moments::{spatial_moments_backward, spatial_moments_forward};
pub(crate) use top_k::top_k;
