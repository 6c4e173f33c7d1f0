//! Hard choices and draws, with the gradients of surrogates and estimators.

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::Shape,
};

use super::{add, finite, softmax, softmax_rows, softmax_term, spoil, zero};
use crate::{
    Estimator, Surrogate,
    composed::{
        one_hot as hard,
        sampled::{self, Conditional, SCORES, gapped, less_maximum},
        select::{at_indices, finite_entries, in_parts},
        tensors::{accumulator, bool_dtype, cast, expand_dim, is_mask, is_nan, not_finite, widen},
        top_k,
    },
};

pub use crate::composed::one_hot::first_argmax;

/// The one-hot of the first maximum, with the gradient of the surrogate. A score that is not finite
/// gets none: whatever passes a gradient on to it also has its value, which must not meet the one-hot.
pub fn straight_through_one_hot<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    surrogate: Surrogate,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let one_hot = hard::one_hot::<B>(constant, dim);
    if !B::ad_enabled(&logits.device()) {
        return one_hot;
    }
    add::<B>(one_hot, surrogate_term::<B>(logits, dim, surrogate))
}

/// The term that has the gradient of a surrogate.
fn surrogate_term<B: Backend>(
    logits: FloatTensor<B>,
    dim: usize,
    surrogate: Surrogate,
) -> FloatTensor<B> {
    let constant = B::float_detach(logits.clone());
    let blocked = not_finite::<B>(constant.clone());
    match surrogate {
        Surrogate::Identity => zero::<B>(logits, blocked),
        Surrogate::Softmax { beta } => {
            let rows = softmax_rows::<B>(constant, dim, beta);
            softmax_term::<B>(logits, blocked, &rows, dim)
        }
    }
}

/// 1 at the `k` largest, with the gradient of the surrogate.
pub fn straight_through_top_k<B: Backend>(
    logits: FloatTensor<B>,
    k: usize,
    dim: usize,
    surrogate: Surrogate,
) -> FloatTensor<B> {
    let marked = top_k::top_k::<B>(B::float_detach(logits.clone()), k, dim);
    if !B::ad_enabled(&logits.device()) {
        return marked;
    }
    add::<B>(marked, surrogate_term::<B>(logits, dim, surrogate))
}

/// The rows of a code book at the first maxima, with their own gradient and that of the surrogate.
pub fn straight_through_select<B: Backend>(
    logits: FloatTensor<B>,
    codebook: FloatTensor<B>,
    surrogate: Surrogate,
) -> FloatTensor<B> {
    let dtype = codebook.dtype();
    let indices = first_argmax::<B>(B::float_detach(logits.clone()), 1);
    let codebook = widen::<B>(codebook);
    if !B::ad_enabled(&logits.device()) {
        return cast::<B>(at_indices::<B>(codebook, indices), dtype);
    }
    let (copies, places) = in_parts::<B>(codebook.clone(), indices);
    let selected = at_indices::<B>(copies, places);
    let codes = finite_entries::<B>(B::float_detach(codebook));
    let [outer, features, _] = selected.shape().dims();
    let count = codes.shape()[0];
    let codes = B::float_swap_dims(codes, 0, 1);
    let codes = B::float_reshape(codes, Shape::from([1, features, count]));
    let codes = B::float_expand(codes, Shape::from([outer, features, count]));
    let term = surrogate_term::<B>(logits, 1, surrogate);
    let wide = accumulator([term.dtype(), codes.dtype()]);
    let term = B::float_matmul(cast::<B>(codes, wide), cast::<B>(term, wide));
    cast::<B>(add::<B>(selected, term), dtype)
}

/// Scores with noise, which is a constant.
pub fn noisy<B: Backend>(logits: FloatTensor<B>, key: IntTensor<B>, stream: u32) -> FloatTensor<B> {
    sampled::noisy::<B>(logits, key, stream)
}

/// The index that is drawn with the noise of a key.
pub fn sampled_argmax<B: Backend>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    dim: usize,
) -> IntTensor<B> {
    let logits = less_maximum::<B>(B::float_detach(logits), dim);
    first_argmax::<B>(sampled::noisy::<B>(logits, key, SCORES), dim)
}

/// The one-hot of that index, with the gradient of an estimator. A score that is not finite gets none, as in
/// [`straight_through_one_hot`].
pub fn sampled_one_hot<B: Backend>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    dim: usize,
    estimator: Estimator,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let constant = widen::<B>(B::float_detach(logits.clone()));
    let noisy = |scores, stream| sampled::noisy::<B>(scores, key.clone(), stream);
    let compared = noisy(less_maximum::<B>(constant.clone(), dim), SCORES);
    let drawn = hard::one_hot::<B>(compared.clone(), dim);
    if !B::ad_enabled(&logits.device()) {
        return cast::<B>(drawn, dtype);
    }
    let blocked = not_finite::<B>(constant.clone());
    let masked = is_mask::<B>(constant.clone());
    let of_softmax = |scores, beta| {
        let rows = softmax_rows::<B>(scores, dim, beta);
        let term = softmax_term::<B>(logits.clone(), blocked.clone(), &rows, dim);
        // Also where scores were made of the whole of a row: a broken one has no masks left.
        B::float_mask_fill(term, masked.clone(), 0f32.into())
    };
    let term = match estimator {
        Estimator::Identity => zero::<B>(logits.clone(), blocked),
        Estimator::Softmax { beta } => of_softmax(constant, beta),
        Estimator::GumbelSoftmax { beta } => of_softmax(compared, beta),
        Estimator::ReinMax { beta } => {
            let p = softmax_rows::<B>(constant.clone(), dim, beta).probabilities();
            let broken = is_nan::<B>(p.clone());
            let twice = finite::<B>(B::float_add(p, drawn.clone()));
            let zero = zero::<B>(widen::<B>(logits.clone()), blocked.clone());
            let slopes = B::float_mul(zero, twice.clone());
            let half = B::float_mul_scalar(B::float_sum_dim(slopes.clone(), dim), 0.5f32.into());
            let half = expand_dim::<B>(half, dim, twice.shape()[dim]);
            let first = B::float_sub(slopes, B::float_mul(twice, half));
            let first = B::float_mask_fill(spoil::<B>(first, broken), blocked.clone(), 0f32.into());
            let second = of_softmax(constant, 1.0);
            B::float_sub(first, B::float_mul_scalar(second, 0.5f32.into()))
        }
        Estimator::GumbelRao { beta, samples } => {
            let conditional = Conditional::<B>::new(constant, drawn.clone(), dim);
            (1..=samples)
                .map(|sample| {
                    let noise = noisy(conditional.zeros(), sample as u32);
                    of_softmax(conditional.scores(noise), beta)
                })
                .reduce(B::float_add)
                .map(|sum| B::float_mul_scalar(sum, (1.0 / samples as f64).into()))
                .expect("there are samples")
        }
        Estimator::Gapped { beta, gap } => {
            of_softmax(gapped::<B>(constant, drawn.clone(), dim, gap), beta)
        }
    };
    add::<B>(cast::<B>(drawn, dtype), term)
}

/// The softmax of scores with noise.
pub fn gumbel_softmax<B: Backend>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let noisy = sampled::noisy::<B>(less_maximum::<B>(logits, dim), key, SCORES);
    cast::<B>(softmax::<B>(noisy, dim, beta), dtype)
}

/// 1 at every maximum, with a gradient of 0.
pub fn sign_one_hot<B: Backend>(values: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let marked = hard::sign_one_hot::<B>(B::float_detach(values.clone()), dim);
    if !B::ad_enabled(&values.device()) {
        return marked;
    }
    let dtype = bool_dtype::<B>(&values.device());
    let everywhere = B::bool_ones(values.shape(), &values.device(), dtype);
    add::<B>(marked, zero::<B>(values, everywhere))
}
