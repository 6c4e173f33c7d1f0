//! The operators written as Burn primitives: the default bodies of [`ArgmaxOps`](crate::ArgmaxOps),
//! and in [`graph`] the operators of a backend that the crate was not compiled for.

mod divergence;
mod entmax;
pub mod graph;
mod one_hot;
mod rows;
mod sampled;
mod select;
#[cfg(feature = "autodiff")]
mod select_backward;
mod soft_argmax;
mod soft_argmax_moments;
mod soft_argmax_over;
mod softmax;
mod spatial_moments;
mod tensors;
mod top_k;
mod weights;
mod window;

#[cfg(feature = "_cube-kernels")]
pub(crate) use divergence::scale_slopes;
pub use divergence::{divergence, divergence_backward, divergence_lines_backward};
pub(crate) use entmax::log1p;
#[cfg(feature = "_cube-kernels")]
pub(crate) use entmax::steps as entmax_steps;
pub use entmax::{entmax_backward, entmax_forward};
pub use one_hot::{first_argmax, one_hot, sign_one_hot};
pub(crate) use sampled::SCORES;
#[cfg(feature = "_cpu-kernels")]
pub(crate) use sampled::words;
pub use sampled::{
    gumbel_softmax, noisy, sampled_argmax, sampled_one_hot_backward, sampled_one_hot_forward,
};
pub use select::select_forward;
#[cfg(feature = "autodiff")]
pub use select_backward::{select_backward, select_codebook_backward};
pub use soft_argmax::{soft_argmax_backward, soft_argmax_forward};
pub use soft_argmax_moments::{soft_argmax_moments_backward, soft_argmax_moments_forward};
#[cfg(feature = "_cube-kernels")]
pub(crate) use soft_argmax_over::over_shared_bins;
pub use soft_argmax_over::{
    soft_argmax_over_backward, soft_argmax_over_bins_backward, soft_argmax_over_forward,
};
pub use softmax::{softmax, softmax_backward};
pub(crate) use spatial_moments::outside as outside_of_maps;
pub use spatial_moments::{spatial_moments_backward, spatial_moments_forward};
#[cfg(feature = "_custom-operations")]
pub(crate) use tensors::accumulator_dtype;
#[cfg(any(
    feature = "_cpu-kernels",
    feature = "_cube-kernels",
    feature = "capture"
))]
pub(crate) use tensors::cast;
#[cfg(any(
    feature = "_cpu-kernels",
    feature = "_cube-kernels",
    feature = "autodiff",
    feature = "capture"
))]
pub(crate) use tensors::widen;
#[cfg(any(feature = "_cpu-kernels", feature = "_custom-operations"))]
pub(crate) use tensors::with_dim_size;
pub(crate) use tensors::{accumulator, accumulator_max, expand_dim, sum_dim};
pub use top_k::{soft_top_k_backward, soft_top_k_forward, top_k};
pub(crate) use window::outside;
