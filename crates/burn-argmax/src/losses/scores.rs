use burn_core::tensor::{Bool, Tensor};

use crate::{
    broken::{blank, not_finite},
    composed::accumulator_max,
    precision::sum_along,
};

/// Lines as the last dimension, `[outer, inner, n]`.
pub(super) fn as_rows<const D: usize>(tensor: Tensor<D>, dim: usize) -> Tensor<3> {
    let shape = tensor.dims();
    let outer = shape[..dim].iter().product();
    let inner = shape[dim + 1..].iter().product();
    tensor.reshape([outer, shape[dim], inner]).swap_dims(1, 2)
}

/// Losses of rows `[outer, inner]` in the shape of their lines, with `dim` at size 1.
pub(super) fn of_lines<const D: usize>(
    losses: Tensor<2>,
    mut lines: [usize; D],
    dim: usize,
) -> Tensor<D> {
    lines[dim] = 1;
    losses.reshape(lines)
}

/// Rows of scores, in the dtype to compute in.
pub(super) struct Scores {
    /// 0 where masked; what is not finite in a broken row is left.
    pub(super) scores: Tensor<3>,
    /// How far each is below the maximum of its row: 0 in a broken row, and where masked.
    pub(super) below: Tensor<3>,
    /// Masks, but those of a broken row.
    pub(super) masked: Tensor<3, Bool>,
    pub(super) broken: Tensor<2, Bool>,
}

impl Scores {
    /// Rows are broken also where the caller says so.
    pub(super) fn new(scores: Tensor<3>, broken: Tensor<2, Bool>) -> Self {
        let [outer, inner, _] = scores.dims();
        let largest = accumulator_max(scores.dtype());
        let masked = scores.clone().equal_elem(f64::NEG_INFINITY);
        let scores = scores.mask_fill(masked.clone(), 0.0);
        let only_masks = masked.clone().all_dim(2).reshape([outer, inner]);
        let broken = broken
            .bool_or(only_masks)
            .bool_or(not_finite(scores.clone()));
        let each = broken
            .clone()
            .reshape([outer, inner, 1])
            .expand(scores.dims());
        let masked = masked.bool_and(each.bool_not());
        let finite = blank(scores.clone(), &broken);
        let max = finite
            .clone()
            .detach()
            .mask_fill(masked.clone(), -largest)
            .max_dim(2);
        let below = (finite - max)
            .clamp_min(-largest)
            .mask_fill(masked.clone(), 0.0);
        Self {
            scores,
            below,
            masked,
            broken,
        }
    }

    /// The logarithm of the sum of the powers of what is below the maximum.
    pub(super) fn log_sum(&self) -> Tensor<3> {
        let powers = self.below.clone().exp();
        sum_along(powers.mask_fill(self.masked.clone(), 0.0), 2).log()
    }

    /// Infinite where there is a mask in a place that is not allowed to be one.
    pub(super) fn forbidden(&self, places: Tensor<3, Bool>) -> Tensor<2> {
        let [outer, inner, _] = self.below.dims();
        let forbidden = places
            .bool_and(self.masked.clone())
            .any_dim(2)
            .reshape([outer, inner]);
        let zeros = Tensor::zeros([outer, inner], (&self.below.device(), self.below.dtype()));
        zeros.mask_fill(forbidden, f64::INFINITY)
    }
}
