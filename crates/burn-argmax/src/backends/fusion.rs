//! Burn's fusion: each operator is one opaque operation of the stream.

use core::{fmt, marker::PhantomData};

use burn_core::{
    backend::ir::{CustomOpIr, HandleContainer, OperationIr},
    tensor::Shape,
};
use burn_fusion::{
    Client, ExecutionError, Fusion, FusionBackend, FusionRuntime, FusionTensor,
    stream::{Operation, StreamId},
};

use crate::{
    ArgmaxOps, Estimator, Weighting,
    custom::{execute, for_each_operation, record},
    losses::Divergence,
};

/// An operation that is executed when the stream comes to it.
struct Deferred<B> {
    operation: CustomOpIr,
    backend: PhantomData<B>,
}

impl<B> fmt::Debug for Deferred<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation.id)
    }
}

impl<B: FusionBackend + ArgmaxOps> Operation<B::FusionRuntime> for Deferred<B> {
    fn execute(
        &self,
        handles: &mut HandleContainer<<B::FusionRuntime as FusionRuntime>::FusionHandle>,
    ) -> Result<(), ExecutionError> {
        execute::<B>(handles, &self.operation);
        Ok(())
    }
}

fn register<B: FusionBackend + ArgmaxOps>(
    client: &Client<B::FusionRuntime>,
    operation: CustomOpIr,
) -> Vec<FusionTensor<B::FusionRuntime>> {
    let deferred = Deferred::<B> {
        operation: operation.clone(),
        backend: PhantomData,
    };
    client.register(
        StreamId::current(),
        OperationIr::Custom(operation),
        deferred,
    )
}

impl<B: FusionBackend + ArgmaxOps> ArgmaxOps for Fusion<B> {
    for_each_operation!(record { register::<B> });
}
