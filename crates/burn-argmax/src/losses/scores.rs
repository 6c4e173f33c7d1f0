use burn_core::{
    backend::Dispatch,
    tensor::{Bool, Tensor},
};

use crate::{
    Surrogate,
    broken::{blank, not_finite},
    composed::{self, accumulator_max},
    precision::{copies, sum_along},
    straight_through_one_hot,
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
    /// How far each is below the first maximum of its row: 0 in a broken row, and where masked. Where that has
    /// more than half of the weight, its gradient is all that the others do not have; else it is its own.
    /// So none is a small difference of large numbers.
    pub(super) below: Tensor<3>,
    /// 1 at the first maximum of each row.
    first: Tensor<3>,
    /// Masks, but those of a broken row.
    pub(super) masked: Tensor<3, Bool>,
    pub(super) broken: Tensor<2, Bool>,
    /// Rows with a mask in a place that is not allowed to be one.
    forbidden: Tensor<2, Bool>,
}

impl Scores {
    /// Rows are broken also where the caller says so. Targets are where a loss of the scores has masses.
    pub(super) fn new(
        scores: Tensor<3>,
        broken: Tensor<2, Bool>,
        targets: Tensor<3, Bool>,
    ) -> Self {
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
        let open = finite.clone().detach().mask_fill(masked.clone(), -largest);
        let first = straight_through_one_hot(open, 2, Surrogate::Identity);
        let max = (finite.clone() * first.clone()).sum_dim(2);
        let powers = (finite.clone().detach() - max.clone().detach()).exp();
        let others = powers.mask_fill(masked.clone(), 0.0) - first.clone();
        // With a mass at a mask what the others do not have is not all.
        let forbidden = targets.bool_and(masked.clone()).any_dim(2);
        let has_most = sum_along(others, 2).lower_elem(1.0);
        let has_most = has_most.bool_and(forbidden.clone().bool_not());
        let max = max.clone().detach().mask_where(has_most.clone(), max);
        let shape = finite.dims();
        let is_first = first.clone().greater_elem(0.0);
        let constant = is_first.bool_and(has_most.expand(shape));
        let below = (finite - copies(max, 2, shape[2]))
            .clamp_min(-largest)
            .mask_fill(masked.clone().bool_or(constant), 0.0);
        Self {
            scores,
            below,
            first,
            masked,
            broken,
            forbidden: forbidden.reshape([outer, inner]),
        }
    }

    /// The logarithm of the sum of the powers of what is below the maximum: that of 1 and the others.
    pub(super) fn log_sum(&self) -> Tensor<3> {
        let powers = self.below.clone().exp();
        let others = powers.mask_fill(self.masked.clone(), 0.0) - self.first.clone();
        let sum = sum_along(others, 2).into_dispatch();
        Tensor::from_dispatch(composed::log1p::<Dispatch>(sum))
    }

    /// Infinite where there is a mask in a place that is not allowed to be one.
    pub(super) fn infinite(&self) -> Tensor<2> {
        let options = (&self.below.device(), self.below.dtype());
        let zeros = Tensor::zeros(self.forbidden.dims(), options);
        zeros.mask_fill(self.forbidden.clone(), f64::INFINITY)
    }
}
