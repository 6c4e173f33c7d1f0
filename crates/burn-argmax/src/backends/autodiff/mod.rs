mod node;

use burn_autodiff::{
    Autodiff,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, unary},
};
use burn_core::backend::{
    Backend, TensorMetadata,
    tensor::{FloatTensor, IntTensor},
};

use self::node::{binary_operator, identity, unary_operator};
use crate::{
    ArgmaxOps, Estimator, Surrogate, Weighting,
    composed::{self, widen},
    losses::Divergence,
};

impl<B: Backend + ArgmaxOps, C: CheckpointStrategy> ArgmaxOps for Autodiff<B, C> {
    fn soft_argmax(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        unary_operator::<B, C, _>(
            logits,
            |logits| B::soft_argmax(logits, dim, weighting),
            |logits| {
                let (index, state) = B::soft_argmax_forward(logits, dim, weighting);
                (index, (state, dim, weighting))
            },
            |logits, (state, dim, weighting), grad| {
                B::soft_argmax_backward(logits, state, grad, dim, weighting)
            },
        )
    }

    fn soft_argmax_moments(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        unary_operator::<B, C, _>(
            logits,
            |logits| B::soft_argmax_moments(logits, dim, weighting),
            |logits| {
                let (moments, state) = B::soft_argmax_moments_forward(logits, dim, weighting);
                (moments, (state, dim, weighting))
            },
            |logits, (state, dim, weighting), grad| {
                B::soft_argmax_moments_backward(logits, state, grad, dim, weighting)
            },
        )
    }

    fn soft_argmax_over(
        logits: FloatTensor<Self>,
        bins: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        binary_operator::<B, C, _>(
            [logits, bins],
            |[logits, bins]| B::soft_argmax_over(logits, bins, dim, weighting),
            |[logits, bins]| {
                let (value, state) = B::soft_argmax_over_forward(logits, bins, dim, weighting);
                (value, (state, dim, weighting))
            },
            |[logits, bins], (state, dim, weighting), grad| {
                B::soft_argmax_over_backward(logits, bins, state, grad, dim, weighting)
            },
            |[logits, bins], (state, dim, weighting), grad| {
                let (logits, grad) = (widen::<B>(logits), widen::<B>(grad));
                let shape = bins.shape();
                B::soft_argmax_over_bins_backward(logits, state, grad, dim, weighting, shape)
            },
        )
    }

    fn first_argmax(values: FloatTensor<Self>, dim: usize) -> IntTensor<Self> {
        B::first_argmax(values.into_primitive(), dim)
    }

    fn straight_through_top_k(
        logits: FloatTensor<Self>,
        k: usize,
        dim: usize,
        surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        with_surrogate::<B, C>(logits, dim, surrogate, |logits| B::top_k(logits, k, dim))
    }

    fn soft_top_k(logits: FloatTensor<Self>, k: usize, dim: usize, beta: f64) -> FloatTensor<Self> {
        unary_operator::<B, C, _>(
            logits,
            |logits| B::soft_top_k(logits, k, dim, beta),
            |logits| {
                let (weights, state) = B::soft_top_k_forward(logits, k, dim, beta);
                (weights, (state, dim, beta))
            },
            |logits, (state, dim, beta), grad| {
                B::soft_top_k_backward(logits, state, grad, dim, beta)
            },
        )
    }

    fn straight_through_select(
        logits: FloatTensor<Self>,
        codebook: FloatTensor<Self>,
        surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        binary_operator::<B, C, _>(
            [logits, codebook],
            |[logits, codebook]| B::straight_through_select(logits, codebook, surrogate),
            |[logits, codebook]| {
                let (selected, indices) = composed::select_forward::<B>(logits, codebook);
                (selected, (indices, surrogate))
            },
            |[logits, codebook], (_, surrogate), grad| {
                composed::select_backward::<B>(logits, codebook, grad, surrogate)
            },
            |[_, codebook], (indices, _), grad| {
                composed::select_codebook_backward::<B>(codebook, indices, grad)
            },
        )
    }

    fn entmax(logits: FloatTensor<Self>, dim: usize, alpha: f64, beta: f64) -> FloatTensor<Self> {
        unary_operator::<B, C, _>(
            logits,
            |logits| B::entmax(logits, dim, alpha, beta),
            |logits| {
                let (weights, state) = B::entmax_forward(logits, dim, alpha, beta);
                (weights, (state, dim, alpha, beta))
            },
            |logits, (state, dim, alpha, beta), grad| {
                B::entmax_backward(logits, state, grad, dim, alpha, beta)
            },
        )
    }

    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        unary_operator::<B, C, _>(
            heatmaps,
            |maps| B::spatial_moments(maps, covariance, weighting),
            |maps| {
                let (moments, state) = B::spatial_moments_forward(maps, covariance, weighting);
                (moments, (state, covariance, weighting))
            },
            |maps, (state, covariance, weighting), grad| {
                B::spatial_moments_backward(maps, state, grad, covariance, weighting)
            },
        )
    }

    fn divergence(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        binary_operator::<B, C, _>(
            [heatmaps, lines],
            |[maps, lines]| B::divergence(maps, lines, divergence),
            |[maps, lines]| {
                let losses = B::divergence(maps, lines, divergence);
                (losses.clone(), (losses, divergence))
            },
            |[maps, lines], (losses, divergence), grad| {
                B::divergence_backward(maps, lines, losses, grad, divergence)
            },
            |[maps, lines], (losses, divergence), grad| {
                B::divergence_lines_backward(maps, lines, losses, grad, divergence)
            },
        )
    }

    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        with_surrogate::<B, C>(logits, dim, surrogate, |logits| B::one_hot(logits, dim))
    }

    fn softmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        with_softmax_gradient::<B, C>(logits, dim, beta, |logits| {
            <B as ArgmaxOps>::softmax(logits, dim, beta)
        })
    }

    fn noisy(logits: FloatTensor<Self>, key: IntTensor<Self>, stream: u32) -> FloatTensor<Self> {
        identity::<B, C>(logits, |logits| B::noisy(logits, key, stream))
    }

    fn sampled_argmax(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
    ) -> IntTensor<Self> {
        B::sampled_argmax(logits.into_primitive(), key, dim)
    }

    fn sampled_one_hot(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
        estimator: Estimator,
    ) -> FloatTensor<Self> {
        if estimator == Estimator::Identity {
            return identity::<B, C>(logits, |logits| {
                B::sampled_one_hot_forward(logits, key, dim)
            });
        }
        with_estimator::<B, C>(logits, key, dim, estimator, |logits, key| {
            B::sampled_one_hot_forward(logits, key, dim)
        })
    }

    fn gumbel_softmax(
        logits: FloatTensor<Self>,
        key: IntTensor<Self>,
        dim: usize,
        beta: f64,
    ) -> FloatTensor<Self> {
        let estimator = Estimator::GumbelSoftmax { beta };
        with_estimator::<B, C>(logits, key, dim, estimator, |logits, key| {
            B::gumbel_softmax(logits, key, dim, beta)
        })
    }

    fn sign_one_hot(values: FloatTensor<Self>, dim: usize) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct SignOneHot;

        impl<B: Backend> Backward<B, 1> for SignOneHot {
            type State = ();

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                _checkpointer: &mut Checkpointer,
            ) {
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::float_zeros(grad.shape(), &grad.device(), grad.dtype().into())
                });
            }
        }

        SignOneHot
            .prepare::<C>([values.node()])
            .compute_bound()
            .stateless(B::sign_one_hot(values.into_primitive(), dim))
    }
}

/// What `forward` makes of the logits, with the gradient of a surrogate.
fn with_surrogate<B: Backend + ArgmaxOps, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    dim: usize,
    surrogate: Surrogate,
    forward: impl Fn(FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match surrogate {
        Surrogate::Identity => identity::<B, C>(logits, forward),
        Surrogate::Softmax { beta } => with_softmax_gradient::<B, C>(logits, dim, beta, forward),
    }
}

/// What `forward` makes of the logits, with the gradient of their softmax.
fn with_softmax_gradient<B: Backend + ArgmaxOps, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    dim: usize,
    beta: f64,
    forward: impl Fn(FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    unary_operator::<B, C, _>(
        logits,
        &forward,
        |logits| (forward(logits), (dim, beta)),
        |logits, (dim, beta), grad| B::softmax_backward(logits, grad, dim, beta),
    )
}

/// What `forward` makes of the logits and the noise of a key, with the gradient of an estimator. The key is
/// kept, and not the noise.
fn with_estimator<B: Backend + ArgmaxOps, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    key: IntTensor<B>,
    dim: usize,
    estimator: Estimator,
    forward: impl Fn(FloatTensor<B>, IntTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    unary_operator::<B, C, _>(
        logits,
        |logits| forward(logits, key.clone()),
        |logits| (forward(logits, key.clone()), (key.clone(), dim, estimator)),
        |logits, (key, dim, estimator), grad| {
            B::sampled_one_hot_backward(logits, key, grad, dim, estimator)
        },
    )
}
