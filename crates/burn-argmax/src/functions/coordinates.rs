use burn_core as burn;
use burn_core::{
    config::Config,
    tensor::{Tensor, TensorData},
};

use crate::precision::accumulator;

/// The units of a position along an axis of `n` pixels.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
#[non_exhaustive]
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

    /// Pixel indices in these units.
    ///
    /// `per_pixel * index + first` along each axis, as the variants say.
    ///
    /// # Arguments
    ///
    /// * `index` - `[batch, channels, axis]` in the order x, y, z: anywhere, between pixels and
    ///   outside of the image too.
    /// * `sizes` - The spatial sizes in the order of memory: `[width]`, `[height, width]` or
    ///   `[depth, height, width]`.
    ///
    /// # Returns
    ///
    /// Positions of the same shape and dtype, computed in `f32` at least and rounded once. A NaN stays
    /// one. On an axis of one pixel every index is at 0 in [`AlignCorners`](Self::AlignCorners).
    ///
    /// # Gradient
    ///
    /// Units per pixel, by Burn's graph.
    ///
    /// # Panics
    ///
    /// If the last dimension has not one entry for each of `sizes`, or if one of these is 0.
    ///
    /// # Example
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use burn_argmax::Coordinates::{AlignCorners, CellCenters};
    ///
    /// // The last pixel of a row of 5, and the first of 3 rows.
    /// let corner = Tensor::<3>::from_floats([[[4.0, 0.0]]], &Device::flex());
    /// let position = AlignCorners.of_index(corner.clone(), &[3, 5]);
    /// position.clone().into_data().assert_eq(&[[[1.0f32, -1.0]]].into(), false);
    /// let index = AlignCorners.index_of(position, &[3, 5]);
    /// index.into_data().assert_eq(&corner.clone().into_data(), false);
    /// let position = CellCenters.of_index(corner, &[3, 5]);
    /// position.into_data().assert_approx_eq::<f32>(&[[[0.8, -2.0 / 3.0]]].into(), Default::default());
    /// ```
    #[track_caller]
    pub fn of_index(self, index: Tensor<3>, sizes: &[usize]) -> Tensor<3> {
        check_axes("Coordinates::of_index", "index", &index, sizes);
        if self == Self::Index {
            return index;
        }
        let dtype = index.dtype();
        let index = index.dequantize().cast(accumulator([dtype]));
        let [per_pixel, first] = self.lines(sizes, &index);
        (index * per_pixel + first).cast(dtype)
    }

    /// Positions in these units as pixel indices: the inverse of [`of_index`](Self::of_index), with the
    /// same arguments, dtypes and panics.
    ///
    /// On an axis of one pixel every position is at index 0 where the units do not tell.
    #[track_caller]
    pub fn index_of(self, position: Tensor<3>, sizes: &[usize]) -> Tensor<3> {
        check_axes("Coordinates::index_of", "position", &position, sizes);
        if self == Self::Index {
            return position;
        }
        let dtype = position.dtype();
        let position = position.dequantize().cast(accumulator([dtype]));
        let [per_pixel, first] = self.lines(sizes, &position);
        let pixels = per_pixel.clone().equal_elem(0.0);
        let per_unit = per_pixel.recip().mask_fill(pixels, 0.0);
        ((position - first) * per_unit).cast(dtype)
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

#[track_caller]
fn check_axes(op: &str, argument: &str, tensor: &Tensor<3>, sizes: &[usize]) {
    let shape = tensor.dims();
    assert!(
        !sizes.contains(&0),
        "{op}: sizes must be numbers of at least 1, got {sizes:?}"
    );
    assert!(
        shape[2] == sizes.len(),
        "{op}: {argument} must have one entry along dim 2 for each of sizes {sizes:?}, got shape \
         {shape:?}"
    );
}
