//! Expected values of any coordinate, with gradients for the scores and for the coordinate.

use alloc::vec::Vec;

use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn_core::tensor::DType;

use super::{
    graph::{finite, scores, spoil, zero},
    rows::Rows,
    tensors::{Dtypes, accumulator_max, cast, is_nan, sum_dim, widen},
};

/// How scores become weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    /// `exp(beta * x)`.
    Softmax,
    /// `max(exp(beta * x) - 1, 0)`, and the softmax in a row that is nowhere above 0.
    AboveZero,
}

/// The expected value of each of `bins`, which broadcast to the scores, along `dim`: in the dtype that
/// sums run in, for the caller to round once it is in its units.
pub fn expectations<B: Backend>(
    logits: FloatTensor<B>,
    bins: Vec<FloatTensor<B>>,
    dim: usize,
    beta: f64,
    weights: Weights,
) -> Vec<FloatTensor<B>> {
    let constant = widen::<B>(B::float_detach(logits.clone()));
    let beta = match weights {
        Weights::Softmax => beta,
        // Below, the weights are those of the scores themselves, and beta would vanish.
        Weights::AboveZero => beta.max(1e-36),
    };
    let rows = Rows::<B>::new(constant.clone(), dim, beta);
    let (weights, steepness) = match weights {
        Weights::Softmax => {
            let steepness = B::float_mul_scalar(rows.weights.clone(), rows.root_beta().into());
            (rows.weights.clone(), steepness)
        }
        Weights::AboveZero => above_zero::<B>(constant, &rows),
    };
    let sum = sum_dim::<B>(weights.clone(), dim);
    // Divided before any mean is taken: on a software Vulkan the fused division after it read the mean
    // in place of the sum.
    let steepness = B::float_div(steepness, sum.clone());
    let probabilities = B::float_div(weights, sum);
    let tracked =
        B::ad_enabled(&logits.device()) || bins.iter().any(|bins| B::ad_enabled(&bins.device()));
    let scores = tracked.then(|| scores::<B>(logits, rows.masked.clone(), &rows));
    let largest = accumulator_max(probabilities.dtype());
    bins.into_iter()
        .map(|bins| {
            // The bin of a mask may be infinite: it weighs nothing.
            let bins = cast::<B>(bins, probabilities.dtype());
            let bins = B::float_expand(bins, probabilities.shape());
            let bins = B::float_mask_fill(bins, rows.masked.clone(), 0f32.into());
            let of_bins = B::float_detach(bins.clone());
            let mean = |values| sum_dim::<B>(B::float_mul(probabilities.clone(), values), dim);
            // About a first estimate, so that nothing is lost at a large coordinate.
            let center = mean(of_bins.clone());
            let distance = B::float_sub(of_bins, center.clone());
            let offset = mean(distance.clone());
            let value = B::float_add(center, offset.clone());
            let Some(scores) = scores.clone() else {
                return value;
            };
            let slope = B::float_mul(steepness.clone(), B::float_sub(distance, offset));
            // An infinite one would make NaN of an upstream gradient of 0.
            let slope = B::float_clamp(slope, (-largest).into(), largest.into());
            let of_scores = B::float_mul(scores, finite::<B>(slope));
            let share = finite::<B>(probabilities.clone());
            let of_bins = B::float_mul(zero::<B>(bins, rows.masked.clone()), share);
            let term = B::float_sum_dim(B::float_add(of_scores, of_bins), dim);
            let broken = is_nan::<B>(value.clone());
            B::float_add(value, spoil::<B>(term, broken))
        })
        .collect()
}

/// The weights above a background of 0, over that of the maximum, and their derivatives over
/// `sqrt(beta)`.
fn above_zero<B: Backend>(
    scores: FloatTensor<B>,
    rows: &Rows<B>,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let device = scores.device();
    let dtype = Dtypes::of::<B>(&device).bool;
    let softmax = rows.weights.clone();
    let zero = || B::float_zeros(rows.max.shape(), &device, rows.max.dtype().into());
    let background = B::float_lower_equal_elem(rows.max.clone(), 0f32.into(), dtype);
    let of_background = B::float_mask_fill(zero(), background.clone(), 1f32.into());
    let level = B::float_mask_fill(zero(), background.clone(), f32::NEG_INFINITY.into());
    // Any positive number does where there is no maximum above the background.
    let max = B::float_mask_fill(rows.max.clone(), background.clone(), 1f32.into());

    // (exp(x) - 1) / (exp(max) - 1) = exp(x - max) * (x / max) * mean_slope(x) / mean_slope(max), where
    // nothing cancels, and nothing vanishes however faint the maximum is.
    let relative = B::float_clamp_min(B::float_div(scores.clone(), max.clone()), 0f32.into());
    let highest = rows.scaled(max.clone());
    let of_max = mean_slope::<B>(highest.clone());
    let of_scores = mean_slope::<B>(B::float_mul(relative.clone(), highest));
    let share = B::float_div(B::float_mul(relative, of_scores), of_max.clone());
    // In a row of background, where no score is above 0, the relative ones are 0.
    let share = B::float_add(share, of_background);
    let below = B::float_lower_equal(scores, level, dtype);
    let weights = B::float_mul(softmax.clone(), share);
    let weights = B::float_mask_fill(weights, below.clone(), 0f32.into());

    // beta * exp(x - max) / (beta * max * mean_slope(max)), less a factor sqrt(beta).
    let root = rows.root_beta();
    let rate = B::float_recip(B::float_mul_scalar(B::float_mul(max, of_max), root.into()));
    let rate = B::float_mask_fill(rate, background, root.into());
    let steepness = B::float_mul(B::float_mask_fill(softmax, below, 0f32.into()), rate);
    (weights, steepness)
}

/// `(1 - exp(-x)) / x` of what is not negative, 1 at 0: by its series where the difference would cancel.
fn mean_slope<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    const SMALL: f64 = 0.5;
    // Terms of the series that single and double precision can tell, for `x` up to `SMALL`.
    let (terms, largest) = match x.dtype() {
        DType::F64 => (15, 1e307),
        _ => (9, 1e37),
    };
    let dtype = Dtypes::of::<B>(&x.device()).bool;
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
