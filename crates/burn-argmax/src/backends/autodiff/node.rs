//! Operators as nodes of the graph: what is kept for a gradient, and whom it goes to.

use core::{fmt::Debug, marker::PhantomData};

use burn_autodiff::{
    Autodiff, NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind, binary, unary},
};
use burn_core::backend::{Backend, tensor::FloatTensor};

/// The gradient of an operator from its argument, what it keeps and the upstream gradient.
pub(super) type Gradient<B, K> = fn(FloatTensor<B>, K, FloatTensor<B>) -> FloatTensor<B>;

/// An operator of one tensor, whose tracked forward pass makes what it keeps for its gradient.
pub(super) fn unary_operator<
    B: Backend,
    C: CheckpointStrategy,
    K: Clone + Debug + Send + 'static,
>(
    argument: FloatTensor<Autodiff<B, C>>,
    untracked: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>,
    tracked: impl FnOnce(FloatTensor<B>) -> (FloatTensor<B>, K),
    backward: Gradient<B, K>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Unary<K>(PhantomData<K>);

    impl<B: Backend, K: Clone + Debug + Send + 'static> Backward<B, 1> for Unary<K> {
        type State = (NodeId, K, Gradient<B, K>);

        fn backward(
            self,
            ops: Ops<Self::State, 1>,
            grads: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let (argument, kept, backward) = ops.state;
            let argument = checkpointer.retrieve_node_output(argument);
            unary::<B, _>(ops.parents, ops.node, grads, |grad| {
                backward(argument, kept, grad)
            });
        }
    }

    match Unary(PhantomData::<K>)
        .prepare::<C>([argument.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let id = prep.checkpoint(&argument);
            let (result, kept) = tracked(argument.into_primitive());
            prep.finish((id, kept, backward), result)
        }
        OpsKind::UnTracked(prep) => prep.finish(untracked(argument.into_primitive())),
    }
}

/// A gradient of an operator of two tensors.
pub(super) type PartialGradient<B, K> =
    fn([FloatTensor<B>; 2], K, FloatTensor<B>) -> FloatTensor<B>;

/// The same of two tensors, each with a gradient of its own.
pub(super) fn binary_operator<
    B: Backend,
    C: CheckpointStrategy,
    K: Clone + Debug + Send + 'static,
>(
    arguments: [FloatTensor<Autodiff<B, C>>; 2],
    untracked: impl FnOnce([FloatTensor<B>; 2]) -> FloatTensor<B>,
    tracked: impl FnOnce([FloatTensor<B>; 2]) -> (FloatTensor<B>, K),
    of_first: PartialGradient<B, K>,
    of_second: PartialGradient<B, K>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Binary<K>(PhantomData<K>);

    impl<B: Backend, K: Clone + Debug + Send + 'static> Backward<B, 2> for Binary<K> {
        type State = ([NodeId; 2], K, [PartialGradient<B, K>; 2]);

        fn backward(
            self,
            ops: Ops<Self::State, 2>,
            grads: &mut Gradients,
            checkpointer: &mut Checkpointer,
        ) {
            let (nodes, kept, [of_first, of_second]) = ops.state;
            let arguments = nodes.map(|node| checkpointer.retrieve_node_output(node));
            // Where the second is not learnt, nothing else holds the first, and its gradient takes its place.
            let second_is_learnt = ops.parents[1].is_some();
            let again = second_is_learnt.then(|| (arguments.clone(), kept.clone()));
            binary::<B, _, _>(
                ops.parents,
                ops.node,
                grads,
                |grad| of_first(arguments, kept, grad),
                |grad| {
                    let (arguments, kept) = again.expect("a second argument with a gradient");
                    of_second(arguments, kept, grad)
                },
            );
        }
    }

    match Binary(PhantomData::<K>)
        .prepare::<C>([arguments[0].node(), arguments[1].node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let nodes = [
                prep.checkpoint(&arguments[0]),
                prep.checkpoint(&arguments[1]),
            ];
            let (result, kept) = tracked(arguments.map(|argument| argument.into_primitive()));
            prep.finish((nodes, kept, [of_first, of_second]), result)
        }
        OpsKind::UnTracked(prep) => prep.finish(untracked(
            arguments.map(|argument| argument.into_primitive()),
        )),
    }
}

/// What `forward` makes of the logits, with the upstream gradient for theirs.
pub(super) fn identity<B: Backend, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    forward: impl FnOnce(FloatTensor<B>) -> FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    #[derive(Debug)]
    struct Identity;

    impl<B: Backend> Backward<B, 1> for Identity {
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

    Identity
        .prepare::<C>([logits.node()])
        .compute_bound()
        .stateless(forward(logits.into_primitive()))
}
