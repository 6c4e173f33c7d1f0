use burn::tensor::Tensor;
use burn_argmax::{
    Coordinates, refined_spatial_argmax, spatial_soft_argmax, straight_through_spatial_argmax,
};

/// Below this a heatmap that is to have the height 1 is background.
const BACKGROUND: f64 = 0.01;

/// How positions are read from heatmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// The expected position.
    SoftArgmax,
    /// The largest cell's centre.
    Argmax,
    /// The top of the Gaussian through the cells about it.
    Refined,
}

impl Decoding {
    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftArgmax => "soft-argmax",
            Self::Argmax => "argmax",
            Self::Refined => "argmax, refined",
        }
    }

    /// Positions `[batch, points, 2]`, from -1 to 1 between the borders of the image.
    pub fn positions(self, heatmaps: Tensor<4>) -> Tensor<3> {
        let cells = Coordinates::CellCenters;
        match self {
            Self::SoftArgmax => spatial_soft_argmax(heatmaps, 1.0, cells),
            Self::Argmax => straight_through_spatial_argmax(heatmaps, 1.0, cells),
            Self::Refined => refined_spatial_argmax(heatmaps.clamp_min(BACKGROUND).log(), cells),
        }
    }
}
