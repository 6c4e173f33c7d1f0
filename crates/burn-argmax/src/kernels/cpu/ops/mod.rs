//! What is computed: one file of maths an operator.

mod above;
mod beta;
pub(crate) mod divergence;
pub(crate) mod entmax;
mod flat;
mod given;
pub(crate) mod gumbel;
pub(crate) mod one_hot;
pub(crate) mod sampled_peaks;
pub(crate) mod sign_one_hot;
pub(crate) mod soft_argmax;
pub(crate) mod soft_argmax_moments;
pub(crate) mod soft_argmax_over;
pub(crate) mod softmax;
pub(crate) mod spatial_moments;
pub(crate) mod top_k;
mod weights;
