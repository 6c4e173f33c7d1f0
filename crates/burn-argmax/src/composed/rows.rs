use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor, IntTensor},
    },
    tensor::DType,
};

use super::tensors::{
    Dtypes, accumulator_dtype, accumulator_max, float_dtype, indices, is_mask, sum_dim, widen,
};

/// The softmax weights of every row, in the accumulator's dtype, before they are divided by their sum.
pub(super) struct Rows<B: Backend> {
    pub(super) weights: FloatTensor<B>,
    /// Where a score is `-inf`.
    pub(super) masked: BoolTensor<B>,
    pub(super) max: FloatTensor<B>,
    /// NaN in a row with a NaN or `+inf`, 0 in one of masks only: divided by it, every weight is NaN.
    pub(super) sum: FloatTensor<B>,
    beta: f64,
    dim: usize,
}

impl<B: Backend> Rows<B> {
    pub(super) fn new(logits: FloatTensor<B>, dim: usize, beta: f64) -> Self {
        let logits = widen::<B>(logits);
        let max = B::float_max_dim(logits.clone(), dim);
        Self::with_max(logits, max, dim, beta)
    }

    pub(super) fn with_max(
        logits: FloatTensor<B>,
        max: FloatTensor<B>,
        dim: usize,
        beta: f64,
    ) -> Self {
        let logits = widen::<B>(logits);
        let beta = beta.min(accumulator_max(logits.dtype()));
        let masked = is_mask::<B>(logits.clone());
        // The scalar is rounded to the dtype, where a tiny beta is 0.
        let flat = match logits.dtype() {
            DType::F64 => beta == 0.0,
            _ => beta as f32 == 0.0,
        };
        let weights = if flat {
            // 0 * (-inf - max) would be NaN for a mask; 0 * NaN must stay NaN.
            let logits = B::float_mask_fill(logits, masked.clone(), 0f32.into());
            B::float_add_scalar(B::float_mul_scalar(logits, 0f32.into()), 1f32.into())
        } else {
            let exponent = B::float_sub(logits, max.clone());
            B::float_exp(B::float_mul_scalar(exponent, beta.into()))
        };
        let weights = B::float_mask_fill(weights, masked.clone(), 0f32.into());
        let sum = sum_dim::<B>(weights.clone(), dim);
        Self {
            weights,
            masked,
            max,
            sum,
            beta,
            dim,
        }
    }

    pub(super) fn probabilities(&self) -> FloatTensor<B> {
        B::float_div(self.weights.clone(), self.sum.clone())
    }

    /// `sqrt(beta)`, of which a slope has two factors: one multiplies the weight first, and one the
    /// product of everything else last. So no product overflows unless the slope itself does,
    /// and a weight, a distance or an upstream gradient of 0 gives 0 however large beta is.
    pub(super) fn root_beta(&self) -> f64 {
        self.beta.sqrt()
    }

    /// Scores times beta, which may be infinite.
    pub(super) fn scaled(&self, scores: FloatTensor<B>) -> FloatTensor<B> {
        B::float_mul_scalar(scores, self.beta.into())
    }

    /// The probabilities times `sqrt(beta)`.
    pub(super) fn steepness(&self) -> FloatTensor<B> {
        B::float_mul_scalar(self.probabilities(), self.root_beta().into())
    }

    /// `i - center`, subtracted as integers so that no precision is lost at a large index.
    pub(super) fn distance_from(&self, center: FloatTensor<B>) -> FloatTensor<B> {
        let shape = self.weights.shape();
        let dtypes = Dtypes::of::<B>(&center.device());
        let indices = indices::<B>(&shape, self.dim, &center.device(), dtypes.int);
        let center = B::float_into_int(center, dtypes.int);
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
        let gradient = B::float_mul_scalar(slopes, self.root_beta().into());
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
    let dtype = Dtypes::of::<B>(&logits.device()).int;
    B::float_argmax(logits, dim, dtype)
}

/// The same as a float of the accumulator's precision, for logits of a `dtype`.
pub(super) fn center<B: Backend>(argmax: IntTensor<B>, dtype: DType) -> FloatTensor<B> {
    B::int_into_float(argmax, accumulator_dtype(dtype))
}
