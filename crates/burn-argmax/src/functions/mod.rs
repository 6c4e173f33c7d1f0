mod checks;
mod dispatch;
mod sign_one_hot;
mod soft_argmax;
mod straight_through_one_hot;
mod surrogate;

pub(crate) use checks::{check_beta, check_dim, without_indices};
pub use sign_one_hot::sign_one_hot;
pub use soft_argmax::soft_argmax;
pub use straight_through_one_hot::straight_through_one_hot;
pub use surrogate::Surrogate;
