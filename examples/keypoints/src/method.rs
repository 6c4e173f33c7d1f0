use burn::tensor::Tensor;
use burn_argmax::{
    Coordinates,
    losses::{average_loss, euclidean_loss, jensen_shannon_loss},
    render_gaussian, spatial_soft_argmax, spatial_softmax,
};

/// Width of the target Gaussians, in pixels of the heatmap.
const SIGMA: f64 = 1.0;

/// How the network is trained. The network itself is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Through the expected position, with the distance to the corner and the shape of the heatmap
    /// as losses.
    SoftArgmax,
    /// Through the heatmap, with the mean squared difference from a Gaussian as the loss.
    Heatmap,
}

impl Method {
    /// In the order of the report.
    pub const ALL: [Self; 2] = [Self::SoftArgmax, Self::Heatmap];

    /// Name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftArgmax => "soft-argmax",
            Self::Heatmap => "heatmap",
        }
    }

    /// The loss `[1]` of heatmaps `[batch, corners, height, width]`, for corners between -1 and 1.
    pub fn loss(self, heatmaps: Tensor<4>, corners: Tensor<3>) -> Tensor<1> {
        let cells = Coordinates::CellCenters;
        match self {
            Self::SoftArgmax => {
                let found = spatial_soft_argmax(heatmaps.clone(), 1.0, cells);
                let distance = euclidean_loss(found, corners.clone());
                let probabilities = spatial_softmax(heatmaps, 1.0);
                let shape = jensen_shannon_loss(probabilities, corners, SIGMA, cells);
                average_loss(distance + shape, None)
            }
            Self::Heatmap => {
                let [_, _, height, width] = heatmaps.dims();
                let target: Tensor<4> = render_gaussian(corners, &[height, width], SIGMA, cells);
                // Of height 1, as is usual.
                let target = target * (std::f64::consts::TAU * SIGMA * SIGMA);
                let difference = heatmaps - target;
                (difference.clone() * difference).mean()
            }
        }
    }
}
