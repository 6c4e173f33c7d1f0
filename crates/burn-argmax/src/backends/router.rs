//! The server's side of remote devices.

use burn_core::backend::ir::BackendIr;
use burn_router::CustomOpRegistry;

use crate::{ArgmaxOps, custom};

/// Lets a server of remote devices run the operators on the kernels of its backend.
///
/// A client with the feature `remote-kernels` sends an operator as one custom operation, of a name that begins
/// with `argmax::`. A server that has not registered it fails at it. The server needs the features `router` and
/// that of its backend, and the same version of burn-argmax as the client: what an operation is made of may
/// change in any.
///
/// # Example
///
/// A server whose devices are those of Burn's flex backend (Burn's features are `flex`, `remote-server`,
/// `remote-websocket` and `extension`):
///
/// ```no_run
/// use burn::{
///     backend::Flex,
///     server::{CustomOpRegistry, RemoteServer, WebSocketTransport},
///     tensor::Device,
/// };
/// use burn_argmax::register_argmax_ops;
///
/// let mut operators = CustomOpRegistry::<Flex>::new();
/// register_argmax_ops(&mut operators);
/// RemoteServer::new([Device::flex()])
///     .with_custom_ops(operators)
///     .serve(WebSocketTransport::new(3000))?;
/// # Ok::<(), burn::server::ServeError>(())
/// ```
pub fn register_argmax_ops<B: BackendIr + ArgmaxOps>(registry: &mut CustomOpRegistry<B>) {
    for id in custom::IDS {
        registry.register(id, |handles, operation, _device| {
            custom::execute::<B>(handles, operation);
        });
    }
}
