//! Remote devices: each operator travels to the server as one custom operation.

use burn_core::{
    backend::ir::{CustomOpIr, OperationIr},
    tensor::Shape,
};
use burn_remote::RemoteChannel;
use burn_router::{BackendRouter, RouterChannel, RouterClient, RouterTensor};

use crate::{
    ArgmaxOps, Estimator, Weighting,
    custom::{for_each_operation, record},
    losses::Divergence,
};

type Client = <RemoteChannel as RouterChannel>::Client;

fn register(client: &Client, operation: CustomOpIr) -> Vec<RouterTensor<Client>> {
    client.register(OperationIr::Custom(operation))
}

impl ArgmaxOps for BackendRouter<RemoteChannel> {
    for_each_operation!(record { register });
}
