use burn::tensor::{Device, Tensor};
use burn_argmax::{Coordinates, spatial_soft_argmax_moments};
use examples_common::numbers;

use crate::{
    data::{Point, SIZE, stacked},
    decoding::Decoding,
    method::{Method, SIGMA},
    model::HeatmapNet,
};

/// Images that go through the network at once.
const BATCH: usize = 64;

/// A point that a network has found.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// Where, in pixels of the image as the network gets it.
    pub at: Point,
    /// 1 where its heatmap is as narrow as those that were trained for; towards 0 as it spreads, over several places
    /// or over all.
    pub confidence: f64,
}

impl HeatmapNet {
    /// The points of every image.
    pub fn find<'a>(
        &self,
        images: impl Iterator<Item = &'a [f32]>,
        method: Method,
        decoding: Decoding,
        device: &Device,
    ) -> Vec<Vec<Found>> {
        let images: Vec<&[f32]> = images.collect();
        images
            .chunks(BATCH)
            .flat_map(|images| {
                let heatmaps = self.forward(stacked(images.iter().copied(), device));
                let points = heatmaps.dims()[1];
                let confidences = numbers(confidences(heatmaps.clone(), method));
                let positions = decoding.positions(heatmaps);
                let pixels = Coordinates::CellCenters.index_of(positions, &[SIZE, SIZE]);
                let pixels = numbers(pixels);
                let found = pixels.as_chunks().0.iter().zip(confidences);
                let found = found.map(|(&at, confidence)| Found { at, confidence });
                let found: Vec<Found> = found.collect();
                found
                    .chunks(points)
                    .map(<[Found]>::to_vec)
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// The variance of the Gaussians that heatmaps `[batch, points, height, width]` are to be, as a share of their own.
fn confidences(heatmaps: Tensor<4>, method: Method) -> Tensor<4> {
    let moments = spatial_soft_argmax_moments(heatmaps, method.weighting(), Coordinates::Index);
    let along = |axis: usize| {
        let covariance = moments.covariance.clone();
        covariance.narrow(2, axis, 1).narrow(3, axis, 1)
    };
    let variance = along(0) + along(1);
    (variance.recip() * (2.0 * SIGMA * SIGMA)).clamp_max(1.0)
}

#[cfg(test)]
mod tests {
    use burn_argmax::render_gaussian;

    use super::*;

    #[test]
    fn a_heatmap_that_spreads_is_not_trusted() {
        let device = Device::flex();
        let map = |points: Tensor<3>, sigma: f64| -> Tensor<4> {
            render_gaussian(points, &[32, 32], sigma, Coordinates::CellCenters)
        };
        let at = |x: f32, y: f32| Tensor::<3>::from_floats([[[x, y]]], &device);
        let sharp = map(at(0.1, 0.2), SIGMA);
        let two = sharp.clone() + map(at(-0.5, 0.2), SIGMA);
        let wide = map(at(0.1, 0.2), 3.0 * SIGMA);
        let confidence = |map: Tensor<4>| {
            let scores = map.clamp_min(1e-12).log();
            numbers(confidences(scores, Method::SoftArgmax))[0]
        };
        assert!(confidence(sharp) > 0.95);
        assert!((confidence(wide) - 1.0 / 9.0).abs() < 0.02);
        assert!(confidence(two) < 0.1);
    }

    #[test]
    fn a_faint_background_is_no_doubt() {
        let device = Device::flex();
        let at = Tensor::<3>::from_floats([[[0.1, 0.2]]], &device);
        let peak: Tensor<4> = render_gaussian(at, &[32, 32], SIGMA, Coordinates::CellCenters);
        let peak = peak.clone() / peak.max().reshape([1, 1, 1, 1]);
        let confidence = |map: Tensor<4>| numbers(confidences(map, Method::Heatmap))[0];
        assert!(confidence(peak.clone() + 0.02) > 0.9);
        // Where all is background, all of it counts.
        assert!(confidence(peak * 0.05) < 0.02);
    }
}
