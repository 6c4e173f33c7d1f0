//! CubeCL kernels, for every GPU that Burn runs on.
//!
//! A tensor is seen as `[outer, n, inner]` about `dim` (`layout`), and its lines are laid over cubes
//! (`geometry`, `line`). One reduction serves all (`moments`): the softmax sums of a line about its
//! maximum. The forward pass runs it over the indices (`state`), the backward passes map over the
//! logits again (`gradient`).
//!
//! `cubek-reduce`, which serves the plain maxima here, cannot carry these sums: its instructions are
//! configured at compile time, and `beta` is not known then; its accumulators hold values with
//! `u32` coordinates and no more; and its entry points take a closed list of operations.

mod finite;
mod geometry;
mod gradient;
mod layout;
mod line;
mod moments;
mod one_hot;
mod soft_argmax;
mod state;

pub(crate) use one_hot::{one_hot, sign_one_hot};
pub(crate) use soft_argmax::{
    soft_argmax_backward, soft_argmax_forward, softmax_surrogate_backward,
};
