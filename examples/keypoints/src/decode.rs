//! Heatmaps to positions in pixels of the image.

use burn::tensor::Tensor;
use burn_argmax::{Coordinates, spatial_soft_argmax};
use examples_common::numbers;

use crate::{
    data::{CORNERS, SIZE},
    method::Method,
};

/// How positions are read from heatmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoding {
    /// The expected position.
    SoftArgmax,
    /// The largest cell's centre.
    Argmax,
    /// The same, moved by a quarter of a cell towards the larger neighbour along each axis.
    Quarter,
}

/// The corners of one image, `(x, y)` in its pixels.
pub type Corners = [[f64; 2]; CORNERS];

impl Decoding {
    /// The decodings that a method is used with.
    pub fn of(method: Method) -> &'static [Self] {
        match method {
            Method::SoftArgmax => &[Self::SoftArgmax],
            Method::Heatmap => &[Self::Argmax, Self::Quarter],
        }
    }

    /// Name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftArgmax => "soft-argmax",
            Self::Argmax => "argmax",
            Self::Quarter => "argmax + quarter cell",
        }
    }

    /// The corners of every image.
    pub fn corners(self, heatmaps: Tensor<4>) -> Vec<Corners> {
        let [_, _, height, width] = heatmaps.dims();
        if self == Self::SoftArgmax {
            let found = spatial_soft_argmax(heatmaps, 1.0, Coordinates::CellCenters);
            let found = numbers(found);
            let pixels = found.iter().map(|c| ((c + 1.0) * SIZE as f64 - 1.0) / 2.0);
            return to_corners(&pixels.collect::<Vec<_>>());
        }
        let heatmaps = numbers(heatmaps);
        let pixels: Vec<f64> = heatmaps
            .chunks(height * width)
            .flat_map(|map| {
                let cell = self.cell(map, width, height);
                [(cell[0], width), (cell[1], height)]
                    .map(|(cell, cells)| (cell + 0.5) * SIZE as f64 / cells as f64 - 0.5)
            })
            .collect();
        to_corners(&pixels)
    }

    fn cell(self, map: &[f64], width: usize, height: usize) -> [f64; 2] {
        let largest = (0..map.len()).fold(0, |a, b| if map[b] > map[a] { b } else { a });
        let (x, y) = (largest % width, largest / width);
        let step = |at: usize, size: usize, stride: usize| {
            if self != Self::Quarter || at == 0 || at + 1 == size {
                return 0.0;
            }
            0.25 * (map[largest + stride] - map[largest - stride]).signum()
        };
        [
            x as f64 + step(x, width, 1),
            y as f64 + step(y, height, width),
        ]
    }
}

fn to_corners(pixels: &[f64]) -> Vec<Corners> {
    pixels.as_chunks::<2>().0.as_chunks::<CORNERS>().0.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_cell_and_its_larger_neighbour() {
        let map = [
            0.0, 0.0, 0.0, 0.0, //
            0.0, 0.3, 0.9, 0.4, //
            0.0, 0.0, 0.2, 0.0,
        ];
        assert_eq!(Decoding::Argmax.cell(&map, 4, 3), [2.0, 1.0]);
        assert_eq!(Decoding::Quarter.cell(&map, 4, 3), [2.25, 1.25]);
    }
}
