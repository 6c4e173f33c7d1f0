use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor, IntTensor},
    },
    tensor::DType,
};

use super::{
    tensors::{
        INDEX, accumulator_dtype, bool_dtype, float_dtype, indices, is_mask, sum_dim, widen,
    },
    weights::Weighed,
};
use crate::weighting::Weights;

/// The weights of every row, in the accumulator's dtype, before they are divided by their sum.
pub(super) struct Rows<B: Backend> {
    pub(super) weights: FloatTensor<B>,
    /// Where a score is `-inf`, or outside of the window.
    pub(super) masked: BoolTensor<B>,
    pub(super) max: FloatTensor<B>,
    /// NaN in a row with a NaN or `+inf`, 0 or NaN in one that has no weights: divided by it, every
    /// weight is NaN.
    pub(super) sum: FloatTensor<B>,
    /// How each weight grows with its score, but for a factor [`root_rate`](Rows::root_rate).
    growth: FloatTensor<B>,
    root_rate: f64,
    dim: usize,
}

impl<B: Backend> Rows<B> {
    /// Entries `outside` of a window weigh nothing.
    pub(super) fn new(
        logits: FloatTensor<B>,
        dim: usize,
        weights: Weights,
        outside: Option<BoolTensor<B>>,
    ) -> Self {
        let logits = widen::<B>(logits);
        let max = B::float_max_dim(logits.clone(), dim);
        Self::with_max(logits, max, dim, weights, outside)
    }

    pub(super) fn with_max(
        logits: FloatTensor<B>,
        max: FloatTensor<B>,
        dim: usize,
        weights: Weights,
        outside: Option<BoolTensor<B>>,
    ) -> Self {
        let logits = widen::<B>(logits);
        let masked = is_mask::<B>(logits.clone());
        let masked = match outside {
            Some(outside) => B::bool_or(masked, outside),
            None => masked,
        };
        let Weighed {
            weights,
            growth,
            root_rate,
        } = Weighed::<B>::new(logits, max.clone(), weights);
        let weights = B::float_mask_fill(weights, masked.clone(), 0f32.into());
        let growth = B::float_mask_fill(growth, masked.clone(), 0f32.into());
        let sum = sum_dim::<B>(weights.clone(), dim);
        // Masses of both signs may sum to 0.
        let dtype = bool_dtype::<B>(&sum.device());
        let nothing = B::float_equal_elem(sum.clone(), 0f32.into(), dtype);
        Self {
            weights,
            masked,
            max,
            sum: B::float_mask_fill(sum, nothing, f32::NAN.into()),
            growth,
            root_rate,
            dim,
        }
    }

    /// Where neither a weight nor its growth is anything but 0. A weight that is given may be 0, and grows.
    pub(super) fn idle(&self) -> BoolTensor<B> {
        let dtype = bool_dtype::<B>(&self.weights.device());
        let [weights, growth] = [&self.weights, &self.growth]
            .map(|values| B::float_equal_elem(values.clone(), 0f32.into(), dtype));
        B::bool_and(weights, growth)
    }

    pub(super) fn probabilities(&self) -> FloatTensor<B> {
        B::float_div(self.weights.clone(), self.sum.clone())
    }

    /// The root of the rate, which is beta, or 1 where there is none. A slope has two factors of it:
    /// one multiplies the weight first, and one the product of everything else last. So no product
    /// overflows unless the slope itself does, and a weight, a distance or an upstream gradient of 0
    /// gives 0 however large beta is.
    pub(super) fn root_rate(&self) -> f64 {
        self.root_rate
    }

    /// How each probability grows with its score where the sum stays, but for a factor
    /// [`root_rate`](Rows::root_rate).
    pub(super) fn steepness(&self) -> FloatTensor<B> {
        B::float_div(self.growth.clone(), self.sum.clone())
    }

    /// `i - center`, subtracted as integers so that no precision is lost at a large index.
    pub(super) fn distance_from(&self, center: FloatTensor<B>) -> FloatTensor<B> {
        let shape = self.weights.shape();
        let indices = indices::<B>(&shape, self.dim, &center.device());
        let center = B::float_into_int(center, INDEX);
        let distance = B::int_sub(
            B::int_expand(indices, shape.clone()),
            B::int_expand(center, shape),
        );
        B::int_into_float(distance, float_dtype(self.weights.dtype()))
    }

    /// The weighted mean of a distance.
    pub(super) fn offset(&self, distance: FloatTensor<B>) -> FloatTensor<B> {
        let weighted = B::float_mul(self.weights.clone(), distance);
        B::float_div(sum_dim::<B>(weighted, self.dim), self.sum.clone())
    }

    /// The gradient from slopes times their upstream gradients: exactly 0 at a mask, and in a row
    /// whose upstream gradient is `silent`.
    pub(super) fn gradient(&self, slopes: FloatTensor<B>, silent: BoolTensor<B>) -> FloatTensor<B> {
        let gradient = B::float_mul_scalar(slopes, self.root_rate.into());
        let silent = B::bool_expand(silent, gradient.shape());
        B::float_mask_fill(
            gradient,
            B::bool_or(self.masked.clone(), silent),
            0f32.into(),
        )
    }
}

/// The index of the maximum of every row.
pub(super) fn argmax<B: Backend>(logits: FloatTensor<B>, dim: usize) -> IntTensor<B> {
    B::float_argmax(logits, dim, INDEX)
}

/// The same as a float of the accumulator's precision, for logits of a `dtype`.
pub(super) fn center<B: Backend>(argmax: IntTensor<B>, dtype: DType) -> FloatTensor<B> {
    B::int_into_float(argmax, accumulator_dtype(dtype))
}
