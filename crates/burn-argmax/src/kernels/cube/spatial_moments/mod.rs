//! Mean and covariance of the coordinates of an image or a volume under the softmax of its values.
//!
//! A *map* is one image or volume, seen as a line of all its entries with x along its rows. A vector
//! never reaches over the end of a row, so that only x changes along it (`raster`). The sums of a map
//! are taken about the position of its maximum (`sums`), in one read of it; the gradient is mapped
//! over it again (`gradient`).

mod gradient;
mod sums;

use burn_core::{backend::TensorMetadata, tensor::Shape};
use burn_cubecl::{cubecl, ops::reshape, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    launch::Inputs,
    lines::Lines,
    operator::Counts,
    raster::{Raster, RasterLaunch},
    weights::Weights,
};
use crate::{
    Weighting,
    ops::{SPATIAL_AXES as AXES, spatial_moments_len, spatial_state_len},
};

/// The dimension of `[maps, positions]` that a map runs along.
const DIM: usize = 1;

/// Pairs of axes in the order of the covariances: xx, xy, xz, yy, yz, zz.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

#[derive(CubeType, CubeLaunch)]
struct SpatialMoments {
    weights: Weights,
    nan: InputScalar,
    raster: Raster,
    #[cube(comptime)]
    covariance: bool,
}

/// Heatmaps `[maps, depth, height, width]`, seen as a line for each map.
struct Maps {
    heatmaps: CubeTensor,
    lines: Lines,
    width: usize,
    height: usize,
}

impl Maps {
    fn new(op: &'static str, heatmaps: CubeTensor) -> Self {
        let shape = heatmaps.shape();
        let [maps, depth, height, width] = shape[..] else {
            panic!(
                "burn-argmax: {op}: heatmaps has the shape {shape:?}, and must have four \
                 dimensions",
            );
        };
        let heatmaps = reshape(heatmaps, Shape::from([maps, depth * height * width]));
        let lines = Lines::new(op, "heatmaps", &heatmaps, DIM).within(width);
        Self {
            heatmaps,
            lines,
            width,
            height,
        }
    }

    fn op(&self, covariance: bool, weighting: Weighting) -> SpatialMomentsLaunch {
        // A map has at most 2^30 entries.
        let raster = RasterLaunch::new(self.width as i32, self.height as i32);
        SpatialMomentsLaunch::new(
            self.lines.weights(weighting.weights),
            self.lines.nan(),
            raster,
            covariance,
        )
    }

    fn inputs(&self, radius: Option<usize>) -> Inputs {
        let heatmaps = self.lines.view(self.heatmaps.clone());
        Inputs::of(heatmaps).within_maps(&self.lines, radius, [self.width, self.height])
    }
}

/// See [`ArgmaxOps::spatial_moments_forward`](crate::ArgmaxOps::spatial_moments_forward).
pub(crate) fn spatial_moments_forward(
    heatmaps: CubeTensor,
    covariance: bool,
    weighting: Weighting,
) -> (CubeTensor, CubeTensor) {
    let maps = Maps::new("spatial_moments_forward", heatmaps);
    let moments = spatial_moments_len(covariance);
    let counts = Counts {
        sums: 2 + AXES + moments,
        state: spatial_state_len(covariance),
        result: moments,
    };
    let op = || maps.op(covariance, weighting);
    let (state, moments) =
        maps.lines
            .reduce::<SpatialMoments>(maps.inputs(weighting.radius), counts, op);
    (moments.expect("a result is counted"), state)
}

/// See [`ArgmaxOps::spatial_moments_backward`](crate::ArgmaxOps::spatial_moments_backward).
pub(crate) fn spatial_moments_backward(
    heatmaps: CubeTensor,
    state: CubeTensor,
    grad: CubeTensor,
    covariance: bool,
    weighting: Weighting,
) -> CubeTensor {
    let shape = heatmaps.shape();
    let mut maps = Maps::new("spatial_moments_backward", heatmaps);
    let lines = &mut maps.lines;
    let accumulator = lines.accumulator;
    lines.admit("state", &state, spatial_state_len(covariance), accumulator);
    lines.admit("grad", &grad, spatial_moments_len(covariance), accumulator);
    let op = maps.op(covariance, weighting);
    let gradient = maps.lines.map::<SpatialMoments>(
        maps.inputs(weighting.radius),
        Some(state),
        Some(grad),
        op,
    );
    reshape(gradient, shape)
}
