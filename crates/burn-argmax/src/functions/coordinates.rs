use burn_core as burn;
use burn_core::{
    config::Config,
    tensor::{Tensor, TensorData},
};

/// The units of a position along an axis of `n` pixels.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Coordinates {
    /// The pixel index `i`, from 0 to `n - 1`.
    Index,
    /// `2 i / (n - 1) - 1`: the centers of the first and the last pixel are at -1 and 1. This is
    /// kornia's `normalized_coordinates`. The only pixel of an axis of one is at 0.
    AlignCorners,
    /// `(2 i + 1) / n - 1`: the borders of the image are at -1 and 1. This is dsntnn's
    /// `normalized_coordinates`.
    CellCenters,
}

impl Coordinates {
    /// Units of one pixel, on an axis of `size` pixels.
    pub(crate) fn per_pixel(self, size: usize) -> f64 {
        match self {
            Self::Index => 1.0,
            Self::AlignCorners if size == 1 => 0.0,
            Self::AlignCorners => 2.0 / (size as f64 - 1.0),
            Self::CellCenters => 2.0 / size as f64,
        }
    }

    /// The coordinate of the first pixel, on an axis of `size` pixels.
    pub(crate) fn of_first(self, size: usize) -> f64 {
        match self {
            Self::Index => 0.0,
            Self::AlignCorners if size == 1 => 0.0,
            Self::AlignCorners => -1.0,
            Self::CellCenters => 1.0 / size as f64 - 1.0,
        }
    }

    /// Pixel indices `[.., axis]` in the order x, y, z, in these units. `sizes` is in the order of
    /// memory: the last is that of x.
    pub(crate) fn of_index(self, index: Tensor<3>, sizes: &[usize]) -> Tensor<3> {
        if self == Self::Index {
            return index;
        }
        let [per_pixel, first] = self.lines(sizes, &index);
        index * per_pixel + first
    }

    /// Positions in these units as pixel indices, the inverse of [`of_index`](Self::of_index).
    /// On an axis of one pixel every position is at index 0 where the units do not tell.
    pub(crate) fn index_of(self, position: Tensor<3>, sizes: &[usize]) -> Tensor<3> {
        if self == Self::Index {
            return position;
        }
        let [per_pixel, first] = self.lines(sizes, &position);
        let pixels = per_pixel.clone().equal_elem(0.0);
        let per_unit = per_pixel.recip().mask_fill(pixels, 0.0);
        (position - first) * per_unit
    }

    /// Units of one pixel and the coordinate of the first, `[1, 1, axis]`.
    fn lines(self, sizes: &[usize], like: &Tensor<3>) -> [Tensor<3>; 2] {
        let line = |value: &dyn Fn(usize) -> f64| {
            let values: Vec<f64> = sizes.iter().rev().map(|&size| value(size)).collect();
            let data = TensorData::new(values, [1, 1, sizes.len()]).convert_dtype(like.dtype());
            Tensor::from_data(data, (&like.device(), like.dtype()))
        };
        [
            line(&|size| self.per_pixel(size)),
            line(&|size| self.of_first(size)),
        ]
    }
}
