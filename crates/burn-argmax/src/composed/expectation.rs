//! Expected values of any coordinate, with gradients for the scores and for the coordinate.

use alloc::vec::Vec;

use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};
use burn_core::tensor::DType;

use super::{
    graph::{finite, scores, spoil, zero},
    rows::Rows,
    tensors::{Dtypes, cast, is_nan, sum_dim, widen},
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
    let rows = Rows::<B>::new(constant.clone(), dim, beta);
    let (weights, steepness) = match weights {
        Weights::Softmax => (rows.weights.clone(), rows.weights.clone()),
        Weights::AboveZero => above_zero::<B>(constant, &rows, beta),
    };
    let sum = sum_dim::<B>(weights.clone(), dim);
    // Divided before any mean is taken: on a software Vulkan the fused division after it read the mean
    // in place of the sum.
    let steepness = B::float_div(steepness, sum.clone());
    let steepness = B::float_mul_scalar(steepness, rows.root_beta().into());
    let probabilities = B::float_div(weights, sum);
    let scores =
        B::ad_enabled(&logits.device()).then(|| scores::<B>(logits, rows.masked.clone(), &rows));
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
            let of_scores = B::float_mul(scores, finite::<B>(slope));
            let share = finite::<B>(probabilities.clone());
            let of_bins = B::float_mul(zero::<B>(bins, rows.masked.clone()), share);
            let term = B::float_sum_dim(B::float_add(of_scores, of_bins), dim);
            let broken = is_nan::<B>(value.clone());
            B::float_add(value, spoil::<B>(term, broken))
        })
        .collect()
}

/// The weights above a background of 0, over `exp(beta * max)`, and their derivatives over `beta`.
fn above_zero<B: Backend>(
    scores: FloatTensor<B>,
    rows: &Rows<B>,
    beta: f64,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let device = scores.device();
    let dtype = Dtypes::of::<B>(&device).bool;
    let softmax = rows.weights.clone();
    let zero = || B::float_zeros(rows.max.shape(), &device, rows.max.dtype().into());
    let highest = B::float_mul_scalar(
        B::float_clamp_min(rows.max.clone(), 0f32.into()),
        beta.into(),
    );
    let background = B::float_lower_equal_elem(highest, 0f32.into(), dtype);
    let one_of_background = B::float_mask_fill(zero(), background.clone(), 1f32.into());
    let level = B::float_mask_fill(zero(), background, f32::NEG_INFINITY.into());
    let exponent =
        B::float_mul_scalar(B::float_clamp_min(scores.clone(), 0f32.into()), beta.into());
    // exp(x - max) - exp(-max) = exp(x - max) * (1 - exp(-x)), where nothing cancels: 0 throughout a
    // row of background.
    let share = B::float_add(one_minus_exp::<B>(exponent), one_of_background);
    let below = B::float_lower_equal(scores, level, dtype);
    (
        B::float_mask_fill(
            B::float_mul(softmax.clone(), share),
            below.clone(),
            0f32.into(),
        ),
        B::float_mask_fill(softmax, below, 0f32.into()),
    )
}

/// `1 - exp(-x)` of what is not negative: by its series where the difference would cancel.
fn one_minus_exp<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    const SMALL: f64 = 0.5;
    // Terms of the series that single and double precision can tell, for `x` up to [`SMALL`].
    let terms = match x.dtype() {
        DType::F64 => 15,
        _ => 9,
    };
    let dtype = Dtypes::of::<B>(&x.device()).bool;
    let large = B::float_greater_elem(x.clone(), SMALL.into(), dtype);
    let difference = B::float_exp(B::float_neg(x.clone()));
    let difference = B::float_add_scalar(B::float_neg(difference), 1f32.into());
    // x (1 - x/2 (1 - x/3 (1 - ...)))
    let small = B::float_clamp_max(x, SMALL.into());
    let mut series = B::float_ones(small.shape(), &small.device(), small.dtype().into());
    for term in (2..=terms).rev() {
        let next = B::float_mul_scalar(
            B::float_mul(small.clone(), series),
            (-1.0 / term as f64).into(),
        );
        series = B::float_add_scalar(next, 1f32.into());
    }
    B::float_mask_where(B::float_mul(small, series), large, difference)
}
