//! Mean and covariance of the coordinates of an image or a volume under the softmax of its values.
//!
//! A *map* is one image or volume, seen as a line of all its entries with x along its rows. A vector
//! never reaches over the end of a row, so that only x changes along it (`raster`). The sums of a map
//! are taken about the position of its maximum (`sums`), in one read of it (`forward`); the gradient
//! is mapped over it again (`backward`).

mod backward;
mod forward;
mod raster;
mod sums;

pub(crate) use backward::spatial_moments_backward;
pub(crate) use forward::spatial_moments_forward;

use burn_core::{backend::TensorMetadata, tensor::Shape};
use burn_cubecl::{ops::reshape, tensor::CubeTensor};

use super::layout::{Layout, Strides};
use crate::ops::SPATIAL_AXES as AXES;

/// The dimension of `[maps, positions]` that a map runs along.
const DIM: usize = 1;

/// Pairs of axes in the order of the covariances: xx, xy, xz, yy, yz, zz.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// Heatmaps as the kernels read them: a line for each map.
struct Maps {
    tensor: CubeTensor,
    strides: Strides,
    layout: Layout,
    width: usize,
    height: usize,
}

impl Maps {
    /// Of `[maps, depth, height, width]`; copied once if the kernels cannot read it as it lies.
    fn new(heatmaps: CubeTensor) -> Self {
        let shape = heatmaps.shape();
        let [maps, depth, height, width] = shape[..] else {
            unreachable!("the public functions give four dimensions");
        };
        let tensor = reshape(heatmaps, Shape::from([maps, depth * height * width]));
        let layout = Layout::of(&tensor, DIM);
        let layout = Layout {
            vector_size: layout.vector_size.min(1 << width.trailing_zeros()),
            ..layout
        };
        let (tensor, strides) = layout.view(tensor, DIM);
        Self {
            tensor,
            strides,
            layout,
            width,
            height,
        }
    }
}
