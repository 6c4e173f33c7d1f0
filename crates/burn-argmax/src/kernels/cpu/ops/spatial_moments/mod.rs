//! Mean and covariance of the coordinates of an image or a volume under the softmax of its values.
//!
//! A *map* is one image or volume, contiguous, with x along its rows. Within a row only x changes,
//! so the inner loops see one axis; what the other axes add is a constant of the row.

mod backward;
mod extent;
mod forward;

pub(crate) use backward::{backward, backward_in_place};
pub(crate) use extent::Extent;
pub(crate) use forward::forward;
