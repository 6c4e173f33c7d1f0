use std::net::TcpListener;

use anyhow::{Context, Result};
#[cfg(feature = "_cube")]
use burn::backend::Cube;
#[cfg(feature = "flex")]
use burn::backend::Flex;
#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "served until Burn drops it")]
use burn::backend::NdArray;
use burn::server::{CustomOpRegistry, RemoteServer, WebSocketTransport};
use burn_argmax::register_argmax_ops;
use examples_common::{compiled_backends, device};

use crate::cli::ServeArgs;

/// Lets other machines train on a device of this one, with burn-argmax's kernels, until ctrl-C.
pub fn run(args: &ServeArgs) -> Result<()> {
    let (name, device) = device::open(args.device.device.as_deref(), compiled_backends!())?;
    let server = RemoteServer::new([device]);
    macro_rules! with_kernels_of {
        ($backend:ty) => {{
            let mut operators = CustomOpRegistry::<$backend>::new();
            register_argmax_ops(&mut operators);
            server.with_custom_ops(operators)
        }};
    }
    let server = match name {
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "served until Burn drops it")]
        "ndarray" => with_kernels_of!(NdArray),
        #[cfg(feature = "flex")]
        "flex" => with_kernels_of!(Flex),
        #[cfg(feature = "_cube")]
        _ => with_kernels_of!(Cube),
        #[cfg(not(feature = "_cube"))]
        _ => server,
    };
    let listener =
        TcpListener::bind(args.addr).with_context(|| format!("cannot listen at {}", args.addr))?;
    println!("{name} at ws://{}", listener.local_addr()?);
    server.serve(WebSocketTransport::from_listener(listener))?;
    Ok(())
}
