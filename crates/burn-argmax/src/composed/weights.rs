//! How scores become weights.

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{BoolTensor, FloatTensor},
    },
    tensor::DType,
};

use super::tensors::{accumulator_max, bool_dtype, is_mask};
use crate::weighting::Weights;

/// The weights of scores, some number times what they are.
pub(super) struct Weighed<B: Backend> {
    pub(super) weights: FloatTensor<B>,
    /// How each grows with its score, but for a factor `root_rate`.
    pub(super) growth: FloatTensor<B>,
    pub(super) root_rate: f64,
}

impl<B: Backend> Weighed<B> {
    /// Of scores in the accumulator's dtype, with the maximum of each row. What a mask weighs is not
    /// told.
    pub(super) fn new(scores: FloatTensor<B>, max: FloatTensor<B>, weights: Weights) -> Self {
        let largest = accumulator_max(scores.dtype());
        match weights {
            Weights::Softmax { beta } => {
                let beta = beta.min(largest);
                let weights = softmax::<B>(scores, max, beta);
                let root_rate = beta.sqrt();
                Self {
                    growth: B::float_mul_scalar(weights.clone(), root_rate.into()),
                    weights,
                    root_rate,
                }
            }
            Weights::Above { beta, level } => {
                // A smaller one would vanish, and with it what the scores are.
                let beta = beta.clamp(1e-36, largest);
                above::<B>(scores, max, beta, level)
            }
            Weights::Given => {
                // NaN where a score is.
                let nothing = B::float_mul_scalar(scores.clone(), 0f32.into());
                Self {
                    weights: scores,
                    growth: B::float_add_scalar(nothing, 1f32.into()),
                    root_rate: 1.0,
                }
            }
        }
    }
}

/// `exp(beta * (x - max))`.
fn softmax<B: Backend>(scores: FloatTensor<B>, max: FloatTensor<B>, beta: f64) -> FloatTensor<B> {
    // The scalar is rounded to the dtype, where a tiny beta is 0.
    let flat = match scores.dtype() {
        DType::F64 => beta == 0.0,
        _ => beta as f32 == 0.0,
    };
    if flat {
        // 0 * (-inf - max) would be NaN for a mask; 0 * NaN must stay NaN.
        let masked = is_mask::<B>(scores.clone());
        let scores = B::float_mask_fill(scores, masked, 0f32.into());
        B::float_add_scalar(B::float_mul_scalar(scores, 0f32.into()), 1f32.into())
    } else {
        let exponent = B::float_sub(scores, max);
        B::float_exp(B::float_mul_scalar(exponent, beta.into()))
    }
}

/// The weights above a background, over that of the maximum.
fn above<B: Backend>(
    scores: FloatTensor<B>,
    max: FloatTensor<B>,
    beta: f64,
    level: f64,
) -> Weighed<B> {
    let device = scores.device();
    let dtype = bool_dtype::<B>(&device);
    let softmax = softmax::<B>(scores.clone(), max.clone(), beta);
    let rise = |scores| B::float_sub_scalar(scores, level.into());
    let (scores, max) = (rise(scores), rise(max));
    let zero = || B::float_zeros(max.shape(), &device, max.dtype().into());
    let fill = |tensor, mask: &BoolTensor<B>, value: f32| {
        B::float_mask_fill(tensor, mask.clone(), value.into())
    };
    let background = B::float_lower_equal_elem(max.clone(), 0f32.into(), dtype);
    let of_background = fill(zero(), &background, 1.0);
    let lowest = fill(zero(), &background, f32::NEG_INFINITY);
    // Any positive number does where there is no maximum above the background.
    let max = fill(max.clone(), &background, 1.0);

    // (exp(x) - 1) / (exp(max) - 1) = exp(x - max) * (x / max) * mean_slope(x) / mean_slope(max), where
    // nothing cancels, and nothing vanishes however faint the maximum is.
    let relative = B::float_clamp_min(B::float_div(scores.clone(), max.clone()), 0f32.into());
    // May be infinite.
    let highest = B::float_mul_scalar(max.clone(), beta.into());
    let of_max = mean_slope::<B>(highest.clone());
    let of_scores = mean_slope::<B>(B::float_mul(relative.clone(), highest));
    let share = B::float_div(B::float_mul(relative, of_scores), of_max.clone());
    // In a row of background, where no score is above the level, the relative ones are 0.
    let share = B::float_add(share, of_background);
    let below = B::float_lower_equal(scores, lowest, dtype);
    let weights = fill(B::float_mul(softmax.clone(), share), &below, 0.0);

    // beta * exp(x - max) / (beta * max * mean_slope(max)), less a factor sqrt(beta).
    let root_rate = beta.sqrt();
    let rate = B::float_mul_scalar(B::float_mul(max, of_max), root_rate.into());
    let rate = B::float_mask_fill(B::float_recip(rate), background, root_rate.into());
    Weighed {
        growth: B::float_mul(fill(softmax, &below, 0.0), rate),
        weights,
        root_rate,
    }
}

/// `(1 - exp(-x)) / x` of what is not negative, 1 at 0: by its series where the difference would cancel.
fn mean_slope<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    const SMALL: f64 = 0.5;
    // Terms of the series that single and double precision can tell, for `x` up to `SMALL`.
    let (terms, largest) = match x.dtype() {
        DType::F64 => (15, 1e307),
        _ => (9, 1e37),
    };
    let dtype = bool_dtype::<B>(&x.device());
    let is_large = B::float_greater_elem(x.clone(), SMALL.into(), dtype);
    // 1 - x/2 (1 - x/3 (1 - ...))
    let small = B::float_clamp_max(x.clone(), SMALL.into());
    let mut series = B::float_ones(small.shape(), &small.device(), small.dtype().into());
    for term in (2..=terms).rev() {
        let next = B::float_mul(small.clone(), series);
        let next = B::float_mul_scalar(next, (-1.0 / term as f64).into());
        series = B::float_add_scalar(next, 1f32.into());
    }
    // Finite, so that the quotient is not 0.
    let large = B::float_clamp(x, SMALL.into(), largest.into());
    let power = B::float_exp(B::float_neg(large.clone()));
    let difference = B::float_add_scalar(B::float_neg(power), 1f32.into());
    B::float_mask_where(series, is_large, B::float_div(difference, large))
}
