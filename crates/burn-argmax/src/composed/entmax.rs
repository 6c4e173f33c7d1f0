use alloc::vec;

use burn_core::backend::{
    Backend, TensorMetadata,
    tensor::{BoolTensor, FloatTensor},
};

use super::tensors::{accumulator_max, bool_dtype, entry_of, is_mask, is_nan, is_silent, sum_dim};

/// Steps to the threshold of a line, enough for one that leaves out no more than half of what is above it, and
/// some that double the digits.
pub(crate) fn steps(length: usize) -> usize {
    length.ilog2() as usize + 8
}

const SHORTER: f64 = 1.0 - 1.0 / 65536.0;
/// What the larger part of a level is a multiple of.
const GRAIN: f64 = 1.0 / 65536.0;

/// Weights that sum to 1, and the state for the backward pass.
pub fn entmax_forward<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let shape = logits.shape();
    let max = B::float_max_dim(logits.clone(), dim);
    // NaN in a row without a finite maximum.
    let zero = B::float_mul_scalar(max.clone(), 0f32.into());
    let mut level = [B::float_add_scalar(zero.clone(), 1f32.into()), zero.clone()];
    let roots = Roots::<B>::new(logits, max.clone(), alpha, beta);
    for _ in 0..steps(shape[dim]) {
        // Newton's step for the norm of the roots, which is convex in the level: it falls. A little shorter than
        // exact, for a level that was rounded to be too small might leave out all but the peak.
        let (weights, slopes) = roots.weigh(level.clone());
        let [weights, slopes] = [weights, slopes].map(|values| sum_dim::<B>(values, dim));
        let log = B::float_log(weights.clone());
        let less = B::float_exp(B::float_mul_scalar(log, (1.0 - alpha).into()));
        let less = B::float_sub_scalar(less, 1f32.into());
        let step = B::float_div(B::float_mul(weights, less), slopes);
        let step = B::float_clamp_max(B::float_mul_scalar(step, SHORTER.into()), 0f32.into());
        let [high, low] = level;
        let low = B::float_add(low, step);
        let sum = B::float_add(high.clone(), low.clone());
        let grains = B::float_round(B::float_mul_scalar(sum, (1.0 / GRAIN).into()));
        let nearest = B::float_mul_scalar(grains, GRAIN.into());
        let low = B::float_add(B::float_sub(high, nearest.clone()), low);
        level = [nearest, low];
    }
    let (weights, _) = roots.weigh(level.clone());
    let weights = shares::<B>(weights.clone(), weights, dim);
    let [high, low] = level;
    let broken = is_nan::<B>(high.clone());
    let weights = B::float_mask_fill(
        weights,
        B::bool_expand(broken.clone(), shape),
        f32::NAN.into(),
    );
    let max = B::float_mask_fill(max, broken, f32::NAN.into());
    (weights, B::float_cat(vec![max, high, low], dim))
}

/// The vector-Jacobian product.
pub fn entmax_backward<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> FloatTensor<B> {
    let masked = is_mask::<B>(logits.clone());
    let grad = B::float_mask_fill(grad, masked.clone(), 0f32.into());
    let silent = is_silent::<B>(grad.clone(), dim);
    let (slopes, broken) = slopes::<B>(logits, state, dim, alpha, beta);
    let shape = slopes.shape();
    let dtype = bool_dtype::<B>(&grad.device());
    let nothing = B::float_equal_elem(slopes.clone(), 0f32.into(), dtype);
    let grad = B::float_mask_fill(grad, nothing, 0f32.into());
    let sum = sum_dim::<B>(slopes.clone(), dim);
    // In two steps: where one weight is nearly all, its gradient is a small difference.
    let mean = |grad: FloatTensor<B>| {
        let product = B::float_mul(slopes.clone(), grad);
        B::float_div(sum_dim::<B>(product, dim), sum.clone())
    };
    let grad = B::float_sub(grad.clone(), mean(grad));
    let grad = B::float_sub(grad.clone(), mean(grad));
    let beta = beta.min(accumulator_max(grad.dtype()));
    let gradient = B::float_mul(B::float_mul_scalar(slopes, beta.into()), grad);
    let broken = B::bool_expand(broken, shape.clone());
    let gradient = B::float_mask_fill(gradient, broken, f32::NAN.into());
    let nothing = B::bool_or(masked, B::bool_expand(silent, shape));
    B::float_mask_fill(gradient, nothing, 0f32.into())
}

/// How each weight grows with its score where the threshold stays, over beta, and which rows are broken.
pub(super) fn slopes<B: Backend>(
    logits: FloatTensor<B>,
    state: FloatTensor<B>,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> (FloatTensor<B>, BoolTensor<B>) {
    let [max, high, low] = [0, 1, 2].map(|entry| entry_of::<B>(state.clone(), dim, entry));
    let broken = is_nan::<B>(high.clone());
    let (weights, slopes) = Roots::<B>::new(logits, max, alpha, beta).weigh([high, low]);
    (shares::<B>(slopes, weights, dim), broken)
}

/// Over the sum of the weights: near an alpha of 1 the rounding of the level is a large part of each.
fn shares<B: Backend>(
    values: FloatTensor<B>,
    weights: FloatTensor<B>,
    dim: usize,
) -> FloatTensor<B> {
    B::float_div(values, sum_dim::<B>(weights, dim))
}

/// The roots of weights, but for the level of their row.
struct Roots<B: Backend> {
    /// How far scores are below the maximum of their row, times `beta * (alpha - 1)`.
    distance: FloatTensor<B>,
    alpha: f64,
}

impl<B: Backend> Roots<B> {
    fn new(logits: FloatTensor<B>, max: FloatTensor<B>, alpha: f64, beta: f64) -> Self {
        /// Below every threshold.
        const FAR: f32 = -2.0;

        let largest = accumulator_max(logits.dtype());
        let masked = is_mask::<B>(logits.clone());
        let rate = (beta * (alpha - 1.0)).min(largest);
        let distance = B::float_clamp_min(B::float_sub(logits, max), (-largest).into());
        let distance = B::float_mul_scalar(distance, rate.into());
        Self {
            distance: B::float_mask_fill(distance, masked, FAR.into()),
            alpha,
        }
    }

    /// The weights and their slopes, where the root of the largest is the sum of these two parts: there may be
    /// very many weights less than the last digit of it.
    fn weigh(&self, [high, low]: [FloatTensor<B>; 2]) -> (FloatTensor<B>, FloatTensor<B>) {
        /// From which the power of a root near 1 is the more exact by how far it is from 1.
        const STEEP: f64 = 4.0;

        let dtype = bool_dtype::<B>(&high.device());
        let from = |high| B::float_add(B::float_add(self.distance.clone(), high), low.clone());
        let roots = from(high.clone());
        // A NaN stays.
        let below = B::float_lower_equal_elem(roots.clone(), 0f32.into(), dtype);
        let cleared = |values| B::float_mask_fill(values, below.clone(), 0f32.into());
        let exponent = 1.0 / (self.alpha - 1.0);
        if exponent == 1.0 {
            let ones = B::float_powf_scalar(roots.clone(), 0f32.into());
            return (cleared(roots), cleared(ones));
        }
        if exponent == 2.0 {
            let squares = B::float_mul(roots.clone(), roots.clone());
            return (cleared(squares), cleared(roots));
        }
        let positive = B::float_mask_fill(roots, below.clone(), 1f32.into());
        let weights = if exponent > STEEP {
            let less = from(B::float_sub_scalar(high, 1f32.into()));
            let less = B::float_mask_fill(less, below.clone(), 0f32.into());
            B::float_exp(B::float_mul_scalar(log1p::<B>(less), exponent.into()))
        } else {
            // Not by a power: the exponent of one may be of single precision.
            let log = B::float_log(positive.clone());
            B::float_exp(B::float_mul_scalar(log, exponent.into()))
        };
        let slopes = B::float_div(weights.clone(), positive);
        (cleared(weights), cleared(slopes))
    }
}

/// `ln(1 + x)`, exact near 0 too, where that of a GPU may be the logarithm of a rounded sum.
pub(crate) fn log1p<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    /// Up to which the series has the digits of an `f64`.
    const SMALL: f32 = 0.1;

    // Twice the inverse hyperbolic tangent of `x / (2 + x)`.
    let ratio = B::float_div(x.clone(), B::float_add_scalar(x.clone(), 2f32.into()));
    let square = B::float_mul(ratio.clone(), ratio.clone());
    let zeros = B::float_mul_scalar(square.clone(), 0f32.into());
    let sum = (0..7).rev().fold(zeros, |sum, term| {
        let coefficient = 2.0 / (2 * term + 1) as f64;
        let sum = B::float_mul(sum, square.clone());
        B::float_add_scalar(sum, coefficient.into())
    });
    let dtype = bool_dtype::<B>(&x.device());
    let is_large = B::float_greater_elem(B::float_abs(x.clone()), SMALL.into(), dtype);
    B::float_mask_where(B::float_mul(sum, ratio), is_large, B::float_log1p(x))
}
