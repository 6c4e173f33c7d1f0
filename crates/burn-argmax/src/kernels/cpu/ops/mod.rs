//! What is computed: one file of maths an operator.

mod above;
mod given;
pub(crate) mod one_hot;
pub(crate) mod sign_one_hot;
pub(crate) mod soft_argmax;
mod softmax;
pub(crate) mod softmax_surrogate;
pub(crate) mod spatial_moments;
mod weights;
