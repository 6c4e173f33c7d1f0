//! The operators of a backend that the crate was not compiled for, with gradients by Burn's own
//! graph.
//!
//! Burn lets only the backends that this crate names have a backward pass of its own. Here the
//! value is a constant of the graph, and to it is added a term that is exactly 0 and has the
//! gradient: the scores less themselves, times slopes that are constants too. The graph multiplies
//! from the last factor back to the first.

use burn_core::backend::{
    Backend, TensorMetadata,
    tensor::{BoolTensor, FloatTensor, IntTensor},
};
use burn_core::tensor::{IndexingUpdateOp, Shape};

mod choices;

pub use choices::{
    first_argmax, gumbel_softmax, noisy, sampled_argmax, sampled_one_hot, sign_one_hot,
    straight_through_one_hot, straight_through_select, straight_through_top_k,
};

use super::{
    divergence::Terms,
    entmax,
    rows::{Rows, argmax},
    soft_argmax::{self, soft_argmax_forward},
    soft_argmax_moments::{as_maps, of_lines},
    soft_argmax_over::{slope_over, soft_argmax_over_forward},
    spatial_moments::{self, spatial_moments_forward},
    tensors::{accumulator_max, bool_dtype, cast, expand_dim, is_mask, is_nan, sum_dim, widen},
    top_k,
};
use crate::{Weighting, losses::Divergence, weighting::Weights};

/// The expected index.
pub fn soft_argmax<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let (index, state) = soft_argmax_forward::<B>(constant.clone(), dim, weighting);
    if !B::ad_enabled(&logits.device()) {
        return index;
    }
    let (rows, slope) = soft_argmax::slope::<B>(constant, state, dim, weighting);
    let scores = scores::<B>(logits, rows.masked.clone(), &rows);
    let term = B::float_sum_dim(B::float_mul(scores, finite::<B>(slope)), dim);
    let broken = is_nan::<B>(index.clone());
    add::<B>(index, spoil::<B>(term, broken))
}

/// Mean and variance of the index.
pub fn soft_argmax_moments<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let (shape, dtype) = (logits.shape(), logits.dtype());
    let moments = spatial_moments::<B>(as_maps::<B>(logits, dim), true, weighting);
    of_lines::<B>(moments, &shape, dim, dtype)
}

/// The expected value of bins, which broadcast to the scores.
pub fn soft_argmax_over<B: Backend>(
    logits: FloatTensor<B>,
    bins: FloatTensor<B>,
    dim: usize,
    weighting: Weighting,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let of_bins = B::float_detach(bins.clone());
    let (value, state) =
        soft_argmax_over_forward::<B>(constant.clone(), of_bins.clone(), dim, weighting);
    if !B::ad_enabled(&logits.device()) && !B::ad_enabled(&bins.device()) {
        return value;
    }
    let (rows, slope) = slope_over::<B>(constant, of_bins, state, dim, weighting);
    let probabilities = finite::<B>(rows.probabilities());
    let scores = scores::<B>(logits, rows.masked.clone(), &rows);
    let of_scores = B::float_mul(scores, finite::<B>(slope));
    let mut bins = cast::<B>(bins, probabilities.dtype());
    for (dim, &size) in probabilities.shape().iter().enumerate() {
        if bins.shape()[dim] != size {
            bins = expand_dim::<B>(bins, dim, size);
        }
    }
    let bins = B::float_mask_fill(bins, rows.masked.clone(), 0f32.into());
    let bins = zero_of_finite::<B>(bins);
    let of_bins = B::float_mul(bins, probabilities);
    let term = B::float_sum_dim(B::float_add(of_scores, of_bins), dim);
    let broken = is_nan::<B>(value.clone());
    add::<B>(value, spoil::<B>(term, broken))
}

/// The moments of each map.
pub fn spatial_moments<B: Backend>(
    heatmaps: FloatTensor<B>,
    covariance: bool,
    weighting: Weighting,
) -> FloatTensor<B> {
    let constant = B::float_detach(heatmaps.clone());
    let (moments, state) = spatial_moments_forward::<B>(constant.clone(), covariance, weighting);
    if !B::ad_enabled(&heatmaps.device()) {
        return moments;
    }
    let (rows, slopes) = spatial_moments::slopes::<B>(constant, state, covariance, weighting);
    let maps = rows.weights.shape();
    let heatmaps = B::float_reshape(heatmaps, maps.clone());
    let scores = scores::<B>(heatmaps, rows.masked.clone(), &rows);
    // One product for all moments, `[maps, moments, positions]`: on a software Vulkan the fused sum of
    // nine products of a long map, each with a number of its own, came out wrong.
    let of_moment = Shape::from([maps[0], 1, maps[1]]);
    let slopes = slopes
        .into_iter()
        .map(|slope| B::float_reshape(finite::<B>(slope), of_moment.clone()));
    let slopes = B::float_cat(slopes.collect(), 1);
    let terms = B::float_mul(B::float_reshape(scores, of_moment), slopes);
    let term = B::float_reshape(B::float_sum_dim(terms, 2), moments.shape());
    let broken = is_nan::<B>(moments.clone());
    add::<B>(moments, spoil::<B>(term, broken))
}

/// `softmax(beta * logits)`.
pub fn softmax<B: Backend>(logits: FloatTensor<B>, dim: usize, beta: f64) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let rows = softmax_rows::<B>(constant.clone(), dim, beta);
    let probabilities = cast::<B>(rows.probabilities(), logits.dtype());
    if !B::ad_enabled(&logits.device()) {
        return probabilities;
    }
    let blocked = is_mask::<B>(constant);
    add::<B>(
        probabilities,
        softmax_term::<B>(logits, blocked, &rows, dim),
    )
}

fn softmax_rows<B: Backend>(logits: FloatTensor<B>, dim: usize, beta: f64) -> Rows<B> {
    Rows::new(logits, dim, Weights::Softmax { beta }, None)
}

/// The term that has the gradient of a softmax.
fn softmax_term<B: Backend>(
    logits: FloatTensor<B>,
    blocked: BoolTensor<B>,
    rows: &Rows<B>,
    dim: usize,
) -> FloatTensor<B> {
    let argmax = argmax::<B>(B::float_detach(logits.clone()), dim);
    let probabilities = rows.probabilities();
    let broken = is_nan::<B>(probabilities.clone());
    let slopes = B::float_mul(
        scores::<B>(logits, blocked, rows),
        finite::<B>(rows.steepness()),
    );
    let term = less_mean::<B>(slopes, finite::<B>(probabilities), argmax, dim);
    B::float_mask_fill(spoil::<B>(term, broken), rows.masked.clone(), 0f32.into())
}

/// The entmax.
pub fn entmax<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    alpha: f64,
    beta: f64,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let (weights, state) = entmax::entmax_forward::<B>(constant.clone(), dim, alpha, beta);
    if !B::ad_enabled(&logits.device()) {
        return weights;
    }
    let slopes = entmax::slopes::<B>(constant, state, dim, alpha, beta);
    add::<B>(weights, term_of_slopes::<B>(logits, slopes, dim, beta))
}

/// The weights of the `k` largest.
pub fn soft_top_k<B: Backend>(
    logits: FloatTensor<B>,
    k: usize,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let (weights, state) = top_k::soft_top_k_forward::<B>(constant.clone(), k, dim, beta);
    if !B::ad_enabled(&logits.device()) {
        return weights;
    }
    let slopes = top_k::slopes::<B>(constant, state, dim, beta);
    add::<B>(weights, term_of_slopes::<B>(logits, slopes, dim, beta))
}

/// The term that has the gradient of weights that sum to a number, from how each grows with its score where the
/// threshold stays, over beta, and from which rows are broken.
fn term_of_slopes<B: Backend>(
    logits: FloatTensor<B>,
    (slopes, broken): (FloatTensor<B>, BoolTensor<B>),
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let argmax = argmax::<B>(constant.clone(), dim);
    // Masks, also of a broken row, and what is beyond the threshold.
    let dtype = bool_dtype::<B>(&slopes.device());
    let is_flat = B::float_equal_elem(slopes.clone(), 0f32.into(), dtype);
    let blocked = B::bool_or(is_mask::<B>(constant), is_flat);
    let beta = beta.min(accumulator_max(slopes.dtype()));
    let shape = slopes.shape();
    let scores = B::float_mul_scalar(zero::<B>(logits, blocked.clone()), beta.into());
    let slopes = finite::<B>(slopes);
    let shares = B::float_div(slopes.clone(), sum_dim::<B>(slopes.clone(), dim));
    let slopes = B::float_mul(scores, slopes);
    let term = less_mean::<B>(slopes, finite::<B>(shares), argmax, dim);
    let term = spoil::<B>(term, B::bool_expand(broken, shape));
    B::float_mask_fill(term, blocked, 0f32.into())
}

/// Scores times slopes, from which backwards the mean of the upstream gradient comes off, and before that its
/// entry at the maximum: where one weight is nearly all, its gradient is a small difference.
fn less_mean<B: Backend>(
    slopes: FloatTensor<B>,
    shares: FloatTensor<B>,
    argmax: IntTensor<B>,
    dim: usize,
) -> FloatTensor<B> {
    let sum = B::float_sum_dim(slopes.clone(), dim);
    let sum = expand_dim::<B>(sum, dim, shares.shape()[dim]);
    let less_mean = B::float_sub(slopes, B::float_mul(shares, sum));
    let sum = B::float_neg(B::float_sum_dim(less_mean.clone(), dim));
    B::float_scatter(dim, less_mean, argmax, sum, IndexingUpdateOp::Add)
}

/// The divergence of every map from the product of its lines.
pub fn divergence<B: Backend>(
    heatmaps: FloatTensor<B>,
    lines: FloatTensor<B>,
    divergence: Divergence,
) -> FloatTensor<B> {
    let constants = [&heatmaps, &lines].map(|tensor| B::float_detach(tensor.clone()));
    let [of_maps, of_lines] = constants;
    let terms = Terms::<B>::new(of_maps, of_lines, divergence);
    let value = terms.sum();
    if !B::ad_enabled(&heatmaps.device()) {
        return value;
    }
    let slopes = terms.slope();
    let heatmaps = B::float_reshape(widen::<B>(heatmaps), slopes.shape());
    // NaN only in maps that are broken.
    let of_maps = B::float_sub(heatmaps.clone(), B::float_detach(heatmaps));
    let of_maps = B::float_mul(of_maps, finite::<B>(slopes));
    let of_lines = finite::<B>(terms.slope_of_lines());
    let of_lines = B::float_mul(zero_of_finite::<B>(lines), of_lines);
    let term = B::float_add(B::float_sum_dim(of_maps, 1), B::float_sum_dim(of_lines, 1));
    add::<B>(value, spoil::<B>(term, terms.broken()))
}

/// Zeros with the slope 1 along each value, or none where it is not finite.
fn zero_of_finite<B: Backend>(values: FloatTensor<B>) -> FloatTensor<B> {
    let zero = B::float_sub(values.clone(), B::float_detach(values));
    let broken = is_nan::<B>(B::float_detach(zero.clone()));
    B::float_mask_fill(zero, broken, 0f32.into())
}

/// Zeros with the root of the rate for a slope along each score, or none where `blocked`.
pub(super) fn scores<B: Backend>(
    logits: FloatTensor<B>,
    blocked: BoolTensor<B>,
    rows: &Rows<B>,
) -> FloatTensor<B> {
    let zero = zero::<B>(widen::<B>(logits), blocked);
    B::float_mul_scalar(zero, rows.root_rate().into())
}

/// Zeros with the slope 1 along each value, or none where `blocked`; NaN at others that are not
/// finite.
pub(super) fn zero<B: Backend>(values: FloatTensor<B>, blocked: BoolTensor<B>) -> FloatTensor<B> {
    let values = B::float_mask_fill(values, blocked, 0f32.into());
    B::float_sub(values.clone(), B::float_detach(values))
}

/// The slopes, and 1 in rows that have none: [`spoil`] sees to these. An infinite one would make NaN of
/// an upstream gradient of 0.
pub(super) fn finite<B: Backend>(slopes: FloatTensor<B>) -> FloatTensor<B> {
    let largest = accumulator_max(slopes.dtype());
    let broken = is_nan::<B>(slopes.clone());
    let slopes = B::float_mask_fill(slopes, broken, 1f32.into());
    B::float_clamp(slopes, (-largest).into(), largest.into())
}

/// The term, through which an upstream gradient becomes NaN where `broken` unless it is exactly 0.
pub(crate) fn spoil<B: Backend>(term: FloatTensor<B>, broken: BoolTensor<B>) -> FloatTensor<B> {
    let max = accumulator_max(term.dtype());
    // An upstream gradient overflows on both ways, and the sum of the two is inf - inf, or 0.
    let [one, other] = [max, -max].map(|max| {
        let term = B::float_mul_scalar(term.clone(), max.into());
        B::float_mul_scalar(term, max.abs().into())
    });
    B::float_mask_where(term, broken, B::float_add(one, other))
}

fn add<B: Backend>(value: FloatTensor<B>, term: FloatTensor<B>) -> FloatTensor<B> {
    let term = cast::<B>(term, value.dtype());
    B::float_add(value, term)
}
