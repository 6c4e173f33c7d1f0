//! Gumbel noise, draws with it, and the gradients that stand for theirs.

use alloc::vec::Vec;

use burn_core::{
    backend::{
        Backend, TensorMetadata,
        tensor::{FloatTensor, IntTensor},
    },
    tensor::TensorData,
};
use burn_std::reader::read_sync;

use super::tensors::{bool_dtype, cast, is_mask, is_nan, is_silent, sum_dim, widen};
use crate::{ArgmaxOps, Estimator, philox::Philox};

/// The stream of the noise that is added to scores. Those after it are of conditional noise.
pub(crate) const SCORES: u32 = 0;

/// The random words of a key.
pub(crate) fn words<B: Backend>(key: IntTensor<B>, stream: u32) -> Philox {
    let key = read_sync(B::int_into_data(key)).expect("a key that can be read");
    let words: Vec<u32> = key.iter::<i64>().map(|word| word as u32).collect();
    let words = words.try_into().expect("four words");
    Philox::new(words, stream)
}

/// Scores, in the dtype that sums run in, with the Gumbel noise of a stream.
pub fn noisy<B: Backend>(logits: FloatTensor<B>, key: IntTensor<B>, stream: u32) -> FloatTensor<B> {
    let (shape, words) = (logits.shape(), words::<B>(key, stream));
    let noise = (0..shape.num_elements() as u64).map(|place| gumbel(words.word(place)));
    let noise = TensorData::new(noise.collect::<Vec<f64>>(), shape);
    let noise = B::float_from_data(noise.convert_dtype(logits.dtype()), &logits.device());
    B::float_add(logits, noise)
}

/// `-ln(-ln(1 - u))` with `u = (word + 1/2) / 2^32`.
fn gumbel(word: u32) -> f64 {
    // By the nearer of 0 and 1.
    let distance = |word: u32| (f64::from(word) + 0.5) / 4_294_967_296.0;
    let exponential = match word < 1 << 31 {
        true => -(-distance(word)).ln_1p(),
        false => -distance(!word).ln(),
    };
    -exponential.ln()
}

/// Scores, in the dtype that sums run in, less the maximum of their row where that is finite: noise that is
/// added to large ones would be rounded away.
pub(super) fn less_maximum<B: Backend>(logits: FloatTensor<B>, dim: usize) -> FloatTensor<B> {
    let logits = widen::<B>(logits);
    // A constant: whatever comes off all scores of a row changes none of its probabilities.
    let max = B::float_max_dim(B::float_detach(logits.clone()), dim);
    let dtype = bool_dtype::<B>(&max.device());
    let broken = B::bool_or(
        B::float_is_inf(max.clone(), dtype),
        is_nan::<B>(max.clone()),
    );
    B::float_sub(logits, B::float_mask_fill(max, broken, 0f32.into()))
}

/// The index of the first maximum of scores with noise: a draw from their softmax.
pub fn sampled_argmax<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    dim: usize,
) -> IntTensor<B> {
    let logits = less_maximum::<B>(logits, dim);
    B::first_argmax(B::noisy(logits, key, SCORES), dim)
}

/// The one-hot of that index.
pub fn sampled_one_hot_forward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    dim: usize,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let noisy = B::noisy(less_maximum::<B>(logits, dim), key, SCORES);
    cast::<B>(B::one_hot(noisy, dim), dtype)
}

/// The softmax of scores with noise.
pub fn gumbel_softmax<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let dtype = logits.dtype();
    let noisy = B::noisy(less_maximum::<B>(logits, dim), key, SCORES);
    cast::<B>(<B as ArgmaxOps>::softmax(noisy, dim, beta), dtype)
}

/// The vector-Jacobian product that an estimator has for that of the drawn one-hot.
pub fn sampled_one_hot_backward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    key: IntTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    estimator: Estimator,
) -> FloatTensor<B> {
    let dtype = grad.dtype();
    let [logits, grad] = [logits, grad].map(widen::<B>);
    let masked = is_mask::<B>(logits.clone());
    // Where scores are made of the whole of a row, a broken one has no masks left.
    let at_scores = |grad| B::float_mask_fill(grad, masked.clone(), 0f32.into());
    let gradient = match estimator {
        Estimator::Identity => grad,
        Estimator::Softmax { beta } => B::softmax_backward(logits, grad, dim, beta),
        Estimator::GumbelSoftmax { beta } => {
            let noisy = B::noisy(less_maximum::<B>(logits, dim), key, SCORES);
            B::softmax_backward(noisy, grad, dim, beta)
        }
        Estimator::ReinMax { beta } => {
            let drawn = B::sampled_one_hot_forward(logits.clone(), key, dim);
            let first = middle_backward::<B>(logits.clone(), drawn, grad.clone(), dim, beta);
            let second = B::softmax_backward(logits, grad, dim, 1.0);
            B::float_sub(first, B::float_mul_scalar(second, 0.5f32.into()))
        }
        Estimator::GumbelRao { beta, samples } => {
            let drawn = B::sampled_one_hot_forward(logits.clone(), key.clone(), dim);
            let conditional = Conditional::<B>::new(logits, drawn, dim);
            let grad = at_scores(grad);
            (1..=samples)
                .map(|sample| {
                    let noise = B::noisy(conditional.zeros(), key.clone(), sample as u32);
                    let scores = conditional.scores(noise);
                    B::softmax_backward(scores, grad.clone(), dim, beta)
                })
                .reduce(B::float_add)
                .map(|sum| B::float_mul_scalar(sum, (1.0 / samples as f64).into()))
                .expect("there are samples")
        }
        Estimator::Gapped { beta, gap } => {
            let drawn = B::sampled_one_hot_forward(logits.clone(), key, dim);
            let scores = gapped::<B>(logits, drawn, dim, gap);
            B::softmax_backward(scores, at_scores(grad), dim, beta)
        }
    };
    // In a row of masks only, what is made of the scores are none.
    let gradient = match estimator {
        Estimator::Identity => gradient,
        _ => B::float_mask_fill(gradient, masked, 0f32.into()),
    };
    cast::<B>(gradient, dtype)
}

/// `2 J(q) grad` at the middle `q` of a softmax and a one-hot.
fn middle_backward<B: Backend + ArgmaxOps>(
    logits: FloatTensor<B>,
    drawn: FloatTensor<B>,
    grad: FloatTensor<B>,
    dim: usize,
    beta: f64,
) -> FloatTensor<B> {
    let masked = is_mask::<B>(logits.clone());
    let grad = B::float_mask_fill(grad, masked.clone(), 0f32.into());
    let silent = is_silent::<B>(grad.clone(), dim);
    let twice = B::float_add(<B as ArgmaxOps>::softmax(logits, dim, beta), drawn.clone());
    // About that of the drawn entry, which has at least half of the weight.
    let of_drawn = sum_dim::<B>(B::float_mul(drawn, grad.clone()), dim);
    let grad = B::float_sub(grad, of_drawn);
    let mean = sum_dim::<B>(B::float_mul(twice.clone(), grad.clone()), dim);
    let mean = B::float_mul_scalar(mean, 0.5f32.into());
    let gradient = B::float_mul(twice, B::float_sub(grad, mean));
    let nothing = B::bool_or(masked, B::bool_expand(silent, gradient.shape()));
    B::float_mask_fill(gradient, nothing, 0f32.into())
}

/// Scores with noise of which it is known what it draws.
pub(super) struct Conditional<B: Backend> {
    /// Logarithms of the probabilities; `-inf` at masks.
    logarithms: FloatTensor<B>,
    probabilities: FloatTensor<B>,
    drawn: FloatTensor<B>,
    dim: usize,
}

impl<B: Backend> Conditional<B> {
    pub(super) fn new(logits: FloatTensor<B>, drawn: FloatTensor<B>, dim: usize) -> Self {
        let max = B::float_max_dim(logits.clone(), dim);
        let logits = B::float_sub(logits, max);
        let sum = sum_dim::<B>(B::float_exp(logits.clone()), dim);
        let logarithms = B::float_sub(logits, B::float_log(sum));
        Self {
            probabilities: B::float_exp(logarithms.clone()),
            logarithms,
            drawn,
            dim,
        }
    }

    /// Zeros, one for each score.
    pub(super) fn zeros(&self) -> FloatTensor<B> {
        let like = &self.probabilities;
        B::float_zeros(like.shape(), &like.device(), like.dtype().into())
    }

    /// With independent exponential variables `e`, of which Gumbel variables are the logarithms, negated, and
    /// about the logarithm of the sum of all: the score of the drawn entry is `-ln e_i`, and each other
    /// `ln p_j - ln(e_j + p_j e_i)`, which is below.
    pub(super) fn scores(&self, gumbels: FloatTensor<B>) -> FloatTensor<B> {
        let variables = B::float_exp(B::float_neg(gumbels));
        let product = B::float_mul(self.drawn.clone(), variables.clone());
        let of_drawn = sum_dim::<B>(product, self.dim);
        let others = B::float_mul(self.probabilities.clone(), of_drawn.clone());
        let others = B::float_log(B::float_add(variables, others));
        let others = B::float_sub(self.logarithms.clone(), others);
        let of_drawn = B::float_neg(B::float_log(of_drawn));
        let dtype = bool_dtype::<B>(&others.device());
        let is_drawn = B::float_greater_elem(self.drawn.clone(), 0f32.into(), dtype);
        let of_drawn = B::float_expand(of_drawn, others.shape());
        B::float_mask_where(others, is_drawn, of_drawn)
    }
}

/// Scores with the drawn one raised to the maximum, and the others at least `gap` below that.
pub(super) fn gapped<B: Backend>(
    logits: FloatTensor<B>,
    drawn: FloatTensor<B>,
    dim: usize,
    gap: f64,
) -> FloatTensor<B> {
    let max = B::float_max_dim(logits.clone(), dim);
    let logits = B::float_sub(logits, max.clone());
    // No lower clamp: a mask stays one.
    let others = B::float_clamp_max(logits, (-gap).into());
    let dtype = bool_dtype::<B>(&others.device());
    let is_drawn = B::float_greater_elem(drawn, 0f32.into(), dtype);
    let gapped = B::float_mask_fill(others, is_drawn, 0f32.into());
    // All of a row without a finite maximum is NaN.
    B::float_add(gapped, B::float_mul_scalar(max, 0f32.into()))
}
