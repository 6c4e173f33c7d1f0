mod checks;
mod coordinates;
pub(crate) mod dispatch;
pub(crate) mod gaussian;
mod render_gaussian;
mod sigma;
mod sign_one_hot;
mod soft_argmax;
mod soft_argmax_moments;
mod soft_argmax_over;
mod soft_argmin;
mod soft_argmin_over;
mod softmax;
mod spatial_soft_argmax;
mod spatial_soft_argmax_moments;
mod spatial_softmax;
mod straight_through_one_hot;
mod surrogate;

pub(crate) use checks::{
    check_beta, check_dim, check_heatmaps, check_sigma, check_weighting, empty, without_indices,
};
pub use coordinates::Coordinates;
pub use render_gaussian::render_gaussian;
pub use sigma::Sigma;
pub use sign_one_hot::sign_one_hot;
pub use soft_argmax::soft_argmax;
pub use soft_argmax_moments::{SoftArgmaxMoments, soft_argmax_moments};
pub use soft_argmax_over::soft_argmax_over;
pub use soft_argmin::soft_argmin;
pub use soft_argmin_over::soft_argmin_over;
pub use softmax::softmax;
pub use spatial_soft_argmax::spatial_soft_argmax;
pub(crate) use spatial_soft_argmax::{mean_of, moments_by, spatial_moments};
pub use spatial_soft_argmax_moments::{SpatialSoftArgmaxMoments, spatial_soft_argmax_moments};
pub(crate) use spatial_soft_argmax_moments::{moments_of, variance_along};
pub use spatial_softmax::spatial_softmax;
pub use straight_through_one_hot::straight_through_one_hot;
pub use surrogate::Surrogate;
