use burn_autodiff::{
    Autodiff, NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, unary},
};
use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};

use crate::{ArgmaxOps, Surrogate, Weighting};

impl<B: Backend + ArgmaxOps, C: CheckpointStrategy> ArgmaxOps for Autodiff<B, C> {
    fn soft_argmax(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct SoftArgmax;

        impl<B: Backend + ArgmaxOps> Backward<B, 1> for SoftArgmax {
            type State = (NodeId, FloatTensor<B>, usize, Weighting);

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let (logits, state, dim, weighting) = ops.state;
                let logits = checkpointer.retrieve_node_output(logits);
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::soft_argmax_backward(logits, state, grad, dim, weighting)
                });
            }
        }

        match SoftArgmax
            .prepare::<C>([logits.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let id = prep.checkpoint(&logits);
                let (result, state) =
                    B::soft_argmax_forward(logits.into_primitive(), dim, weighting);
                prep.finish((id, state, dim, weighting), result)
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::soft_argmax(logits.into_primitive(), dim, weighting))
            }
        }
    }

    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct SpatialMoments;

        impl<B: Backend + ArgmaxOps> Backward<B, 1> for SpatialMoments {
            type State = (NodeId, FloatTensor<B>, bool, Weighting);

            fn backward(
                self,
                ops: Ops<Self::State, 1>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let (heatmaps, state, covariance, weighting) = ops.state;
                let heatmaps = checkpointer.retrieve_node_output(heatmaps);
                unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                    B::spatial_moments_backward(heatmaps, state, grad, covariance, weighting)
                });
            }
        }

        match SpatialMoments
            .prepare::<C>([heatmaps.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let id = prep.checkpoint(&heatmaps);
                let (result, state) =
                    B::spatial_moments_forward(heatmaps.into_primitive(), covariance, weighting);
                prep.finish((id, state, covariance, weighting), result)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::spatial_moments(
                heatmaps.into_primitive(),
                covariance,
                weighting,
            )),
        }
    }

    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        match surrogate {
            Surrogate::Identity => identity::<B, C>(logits, dim),
            Surrogate::Softmax { beta } => softmax::<B, C>(logits, dim, beta),
        }
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

fn identity<B: Backend + ArgmaxOps, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    dim: usize,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct IdentitySurrogate;

    impl<B: Backend> Backward<B, 1> for IdentitySurrogate {
        type State = ();

        fn backward(
            self,
            ops: Ops<Self::State, 1>,
            grads: &mut Gradients,
            _checkpointer: &mut Checkpointer,
        ) {
            unary::<B, _>(ops.parents, ops.node, grads, |grad| grad);
        }
    }

    IdentitySurrogate
        .prepare::<C>([logits.node()])
        .compute_bound()
        .stateless(B::one_hot(logits.into_primitive(), dim))
}

fn softmax<B: Backend + ArgmaxOps, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    dim: usize,
    beta: f64,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct SoftmaxSurrogate;

    impl<B: Backend + ArgmaxOps> Backward<B, 1> for SoftmaxSurrogate {
        type State = (NodeId, usize, f64);

        fn backward(
            self,
            ops: Ops<Self::State, 1>,
            grads: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let (logits, dim, beta) = ops.state;
            let logits = checkpointer.retrieve_node_output(logits);
            unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                B::softmax_surrogate_backward(logits, grad, dim, beta)
            });
        }
    }

    match SoftmaxSurrogate
        .prepare::<C>([logits.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let id = prep.checkpoint(&logits);
            prep.finish((id, dim, beta), B::one_hot(logits.into_primitive(), dim))
        }
        OpsKind::UnTracked(prep) => prep.finish(B::one_hot(logits.into_primitive(), dim)),
    }
}
