use burn::{
    config::Config,
    tensor::{Bool, Tensor},
};
use burn_argmax::{
    Coordinates, Weighting,
    losses::{average_loss, euclidean_loss, jensen_shannon_loss, mse_loss},
    render_gaussian, spatial_soft_argmax, spatial_softmax,
};
use clap::ValueEnum;

use crate::decoding::Decoding;

/// Width of the Gaussians that heatmaps are to be, in their cells.
pub const SIGMA: f64 = 1.0;

/// How the network is trained. The network itself is the same.
#[derive(Config, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Through the expected position: the losses are its distance from the point and the shape of the heatmap.
    SoftArgmax,
    /// Through the heatmap: the loss is the mean squared difference from a Gaussian.
    Heatmap,
}

impl Method {
    /// The name on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftArgmax => "soft-argmax",
            Self::Heatmap => "heatmap",
        }
    }

    /// The best of those that were tried: see the README.
    pub fn learning_rate(self) -> f64 {
        match self {
            Self::SoftArgmax => 3e-3,
            Self::Heatmap => 1e-3,
        }
    }

    /// How positions are read from its heatmaps; the first is what is validated and what a user gets.
    pub fn decodings(self) -> &'static [Decoding] {
        match self {
            Self::SoftArgmax => &[Decoding::SoftArgmax],
            Self::Heatmap => &[Decoding::Refined, Decoding::Argmax],
        }
    }

    /// How its heatmaps become a distribution.
    pub fn weighting(self) -> Weighting {
        match self {
            Self::SoftArgmax => Weighting::softmax(1.0),
            // A background near 0 weighs nothing: of a thousand cells it would outweigh the peak, whose height is 1.
            Self::Heatmap => Weighting::softmax(1.0).above(0.1),
        }
    }

    /// The loss `[1]` of heatmaps `[batch, points, height, width]`, for points between -1 and 1. What a point that
    /// is missing has for its position makes no difference, NaN neither.
    pub fn loss(
        self,
        heatmaps: Tensor<4>,
        points: Tensor<3>,
        visible: Tensor<2, Bool>,
    ) -> Tensor<1> {
        let cells = Coordinates::CellCenters;
        let losses = match self {
            Self::SoftArgmax => {
                let found = spatial_soft_argmax(heatmaps.clone(), self.weighting(), cells);
                let distance = euclidean_loss(found, points.clone());
                let probabilities = spatial_softmax(heatmaps, 1.0);
                distance + jensen_shannon_loss(probabilities, points, SIGMA, cells)
            }
            Self::Heatmap => {
                let [_, _, height, width] = heatmaps.dims();
                let target: Tensor<4> = render_gaussian(points, &[height, width], SIGMA, cells);
                // Of height 1, as is usual.
                let target = target * (std::f64::consts::TAU * SIGMA * SIGMA);
                mse_loss(heatmaps.flatten(2, 3), target.flatten(2, 3))
            }
        };
        average_loss(losses, Some(visible))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution, Tensor};

    use super::*;

    #[test]
    fn a_missing_point_leaves_a_gradient_of_zero() {
        let device = Device::flex().autodiff();
        for method in [Method::SoftArgmax, Method::Heatmap] {
            let heatmaps =
                Tensor::random([1, 2, 4, 4], Distribution::Default, &device).require_grad();
            let points = Tensor::from_floats([[[f32::NAN; 2], [0.3, -0.2]]], &device);
            let visible = Tensor::from_data([[false, true]], &device);
            let gradients = method.loss(heatmaps.clone(), points, visible).backward();
            let gradient = examples_common::numbers(heatmaps.grad(&gradients).unwrap());
            let (missing, there) = gradient.split_at(16);
            assert!(missing.iter().all(|&g| g == 0.0), "{missing:?}");
            assert!(there.iter().all(|g| g.is_finite()) && there.iter().any(|&g| g != 0.0));
        }
    }
}
