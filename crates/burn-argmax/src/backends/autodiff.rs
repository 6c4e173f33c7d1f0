use core::{fmt::Debug, marker::PhantomData};

use burn_autodiff::{
    Autodiff, NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, binary, unary},
};
use burn_core::backend::{Backend, TensorMetadata, tensor::FloatTensor};

use crate::{ArgmaxOps, Surrogate, Weighting, composed::widen, losses::Divergence};

impl<B: Backend + ArgmaxOps, C: CheckpointStrategy> ArgmaxOps for Autodiff<B, C> {
    fn soft_argmax(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        with_state::<B, C, _>(
            logits,
            (dim, weighting),
            |logits, (dim, weighting)| B::soft_argmax(logits, dim, weighting),
            |logits, (dim, weighting)| B::soft_argmax_forward(logits, dim, weighting),
            |logits, state, grad, (dim, weighting)| {
                B::soft_argmax_backward(logits, state, grad, dim, weighting)
            },
        )
    }

    fn soft_argmax_moments(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        with_state::<B, C, _>(
            logits,
            (dim, weighting),
            |logits, (dim, weighting)| B::soft_argmax_moments(logits, dim, weighting),
            |logits, (dim, weighting)| B::soft_argmax_moments_forward(logits, dim, weighting),
            |logits, state, grad, (dim, weighting)| {
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
        #[derive(Debug)]
        struct SoftArgmaxOver;

        impl<B: Backend + ArgmaxOps> Backward<B, 2> for SoftArgmaxOver {
            type State = ([NodeId; 2], FloatTensor<B>, usize, Weighting);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let (nodes, state, dim, weighting) = ops.state;
                let [logits, bins] =
                    nodes.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
                let shape = bins.shape();
                // Nothing else holds the logits then, and their gradient takes their place.
                let bins_are_learnt = ops.parents[1].is_some();
                let of_bins = bins_are_learnt.then(|| (logits.clone(), state.clone()));
                binary::<B, _, _>(
                    ops.parents,
                    ops.node,
                    grads,
                    |grad| B::soft_argmax_over_backward(logits, bins, state, grad, dim, weighting),
                    |grad| {
                        let (logits, state) = of_bins.expect("bins with a gradient");
                        let (logits, grad) = (widen::<B>(logits), widen::<B>(grad));
                        B::soft_argmax_over_bins_backward(
                            logits, state, grad, dim, weighting, shape,
                        )
                    },
                );
            }
        }

        match SoftArgmaxOver
            .prepare::<C>([logits.node(), bins.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let nodes = [prep.checkpoint(&logits), prep.checkpoint(&bins)];
                let (logits, bins) = (logits.into_primitive(), bins.into_primitive());
                let (value, state) = B::soft_argmax_over_forward(logits, bins, dim, weighting);
                prep.finish((nodes, state, dim, weighting), value)
            }
            OpsKind::UnTracked(prep) => {
                let (logits, bins) = (logits.into_primitive(), bins.into_primitive());
                prep.finish(B::soft_argmax_over(logits, bins, dim, weighting))
            }
        }
    }

    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        with_state::<B, C, _>(
            heatmaps,
            (covariance, weighting),
            |maps, (covariance, weighting)| B::spatial_moments(maps, covariance, weighting),
            |maps, (covariance, weighting)| B::spatial_moments_forward(maps, covariance, weighting),
            |maps, state, grad, (covariance, weighting)| {
                B::spatial_moments_backward(maps, state, grad, covariance, weighting)
            },
        )
    }

    fn divergence(
        heatmaps: FloatTensor<Self>,
        lines: FloatTensor<Self>,
        divergence: Divergence,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct OfMaps;

        impl<B: Backend + ArgmaxOps> Backward<B, 2> for OfMaps {
            type State = ([NodeId; 2], FloatTensor<B>, Divergence);

            fn backward(
                self,
                ops: Ops<Self::State, 2>,
                grads: &mut Gradients,
                checkpointer: &mut Checkpointer,
            ) {
                let (nodes, losses, divergence) = ops.state;
                let [maps, lines] =
                    nodes.map(|node| checkpointer.retrieve_node_output::<FloatTensor<B>>(node));
                let lines_are_learnt = ops.parents[1].is_some();
                let of_lines =
                    lines_are_learnt.then(|| (maps.clone(), lines.clone(), losses.clone()));
                binary::<B, _, _>(
                    ops.parents,
                    ops.node,
                    grads,
                    |grad| B::divergence_backward(maps, lines, losses, grad, divergence),
                    |grad| {
                        let (maps, lines, losses) = of_lines.expect("lines with a gradient");
                        B::divergence_lines_backward(maps, lines, losses, grad, divergence)
                    },
                );
            }
        }

        match OfMaps
            .prepare::<C>([heatmaps.node(), lines.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let nodes = [prep.checkpoint(&heatmaps), prep.checkpoint(&lines)];
                let (heatmaps, lines) = (heatmaps.into_primitive(), lines.into_primitive());
                let losses = B::divergence(heatmaps, lines, divergence);
                prep.finish((nodes, losses.clone(), divergence), losses)
            }
            OpsKind::UnTracked(prep) => {
                let (heatmaps, lines) = (heatmaps.into_primitive(), lines.into_primitive());
                prep.finish(B::divergence(heatmaps, lines, divergence))
            }
        }
    }

    fn straight_through_one_hot(
        logits: FloatTensor<Self>,
        dim: usize,
        surrogate: Surrogate,
    ) -> FloatTensor<Self> {
        match surrogate {
            Surrogate::Identity => identity::<B, C>(logits, dim),
            Surrogate::Softmax { beta } => {
                with_softmax_gradient::<B, C>(logits, dim, beta, |logits| B::one_hot(logits, dim))
            }
        }
    }

    fn softmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        with_softmax_gradient::<B, C>(logits, dim, beta, |logits| {
            <B as ArgmaxOps>::softmax(logits, dim, beta)
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

/// The result of an operator, and its state.
type Forward<B, P> = fn(FloatTensor<B>, P) -> (FloatTensor<B>, FloatTensor<B>);

/// The gradient of an operator from its argument, its state, the upstream gradient and its options.
type Gradient<B, P> = fn(FloatTensor<B>, FloatTensor<B>, FloatTensor<B>, P) -> FloatTensor<B>;

/// An operator of one tensor, which keeps a state of every line for its gradient.
fn with_state<B, C, P>(
    argument: FloatTensor<Autodiff<B, C>>,
    options: P,
    without: fn(FloatTensor<B>, P) -> FloatTensor<B>,
    forward: Forward<B, P>,
    backward: Gradient<B, P>,
) -> FloatTensor<Autodiff<B, C>>
where
    B: Backend,
    C: CheckpointStrategy,
    P: Copy + Debug + Send + 'static,
{
    #[derive(Debug)]
    struct WithState<P>(PhantomData<P>);

    impl<B: Backend, P: Copy + Debug + Send + 'static> Backward<B, 1> for WithState<P> {
        type State = (NodeId, FloatTensor<B>, P, Gradient<B, P>);

        fn backward(
            self,
            ops: Ops<Self::State, 1>,
            grads: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let (argument, state, options, backward) = ops.state;
            let argument = checkpointer.retrieve_node_output(argument);
            unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                backward(argument, state, grad, options)
            });
        }
    }

    match WithState(PhantomData::<P>)
        .prepare::<C>([argument.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let id = prep.checkpoint(&argument);
            let (result, state) = forward(argument.into_primitive(), options);
            prep.finish((id, state, options, backward), result)
        }
        OpsKind::UnTracked(prep) => prep.finish(without(argument.into_primitive(), options)),
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

/// What `forward` makes of the logits, with the gradient of their softmax.
fn with_softmax_gradient<B: Backend + ArgmaxOps, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    dim: usize,
    beta: f64,
    forward: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct SoftmaxGradient;

    impl<B: Backend + ArgmaxOps> Backward<B, 1> for SoftmaxGradient {
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
                B::softmax_backward(logits, grad, dim, beta)
            });
        }
    }

    match SoftmaxGradient
        .prepare::<C>([logits.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let id = prep.checkpoint(&logits);
            prep.finish((id, dim, beta), forward(logits.into_primitive()))
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(logits.into_primitive())),
    }
}
