//! CubeCL kernels, for every GPU that Burn runs on.
//!
//! A tensor is seen as `[outer, n, inner]` about `dim` (`layout`), and its lines are laid over cubes
//! (`geometry`, `line`). Two reductions serve all: the softmax sums of a line about its maximum
//! (`moments`), which the forward pass takes over the indices (`state`) and the backward passes map
//! over the logits again (`gradient`); and its first maximum (`peak`), for the one-hots. The moments of
//! images and volumes have sums of their own, about a position (`spatial_moments`).
//!
//! `cubek-reduce` cannot carry these sums: its instructions are configured at compile time, and
//! `beta` is not known then; its accumulators hold values with `u32` coordinates and no more; and
//! its entry points take a closed list of operations.

mod finite;
mod geometry;
mod gradient;
mod layout;
mod line;
mod moments;
mod one_hot;
mod peak;
mod soft_argmax;
mod spatial_moments;
mod state;

pub(crate) use one_hot::{one_hot, sign_one_hot};
pub(crate) use soft_argmax::{
    soft_argmax_backward, soft_argmax_forward, softmax_surrogate_backward,
};
pub(crate) use spatial_moments::{spatial_moments_backward, spatial_moments_forward};
