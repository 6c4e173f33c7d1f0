//! One function a backend: its device, or `None` where the machine has none.

use burn::tensor::{DType, Device, Tensor, TensorData};
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
use burn::tensor::{DeviceKind, DeviceType};

#[cfg(feature = "remote")]
use burn::{
    backend::Flex,
    server::{CustomOpRegistry, RemoteServer, WebSocketTransport},
    tensor::remote::RemoteHost,
};
#[cfg(feature = "remote")]
use std::{net::TcpListener, sync::LazyLock};
#[cfg(feature = "remote")]
use tokio::runtime::Runtime;

use crate::data::values;

/// Burn's ndarray backend.
#[cfg(feature = "ndarray")]
#[expect(deprecated, reason = "it is served for as long as Burn has it")]
pub fn ndarray() -> Option<Device> {
    Some(Device::ndarray())
}

/// Burn's flex backend.
#[cfg(feature = "flex")]
pub fn flex() -> Option<Device> {
    Some(Device::flex())
}

/// A device of a server in this process, with flex behind it.
#[cfg(feature = "remote")]
pub fn remote() -> Option<Device> {
    static DEVICE: LazyLock<Device> = LazyLock::new(|| {
        let (device, runtime) = serve(RemoteServer::new([Device::flex()]));
        // It serves for as long as the process runs.
        std::mem::forget(runtime);
        device
    });
    Some(DEVICE.clone())
}

/// The device of a server over a WebSocket of this machine, for as long as its runtime lives.
#[cfg(feature = "remote")]
pub fn serve(server: RemoteServer) -> (Device, Runtime) {
    let mut operators = CustomOpRegistry::<Flex>::new();
    burn_argmax::register_argmax_ops(&mut operators);
    let server = server.with_custom_ops(operators);
    let runtime = Runtime::new().expect("threads for the server");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    runtime.spawn(server.serve_async(WebSocketTransport::from_listener(listener)));
    let host = RemoteHost::websocket(&format!("ws://{address}"));
    let device = Device::remote_options(&host).init();
    (device.expect("a server that serves"), runtime)
}

/// Whether burn-argmax was compiled for none of the backends.
pub const UNLISTED: bool = cfg!(feature = "unlisted");

/// A backend that burn-argmax was not compiled for.
#[cfg(feature = "unlisted")]
pub fn unlisted() -> Option<Device> {
    Some(Device::flex())
}

/// wgpu, on the graphics API of its choice.
#[cfg(feature = "wgpu")]
pub fn wgpu() -> Option<Device> {
    found("wgpu", DeviceType::Wgpu).then(|| Device::wgpu(DeviceKind::DefaultDevice))
}

/// wgpu on Vulkan.
#[cfg(feature = "vulkan")]
pub fn vulkan() -> Option<Device> {
    found("vulkan", DeviceType::Vulkan).then(|| Device::vulkan(DeviceKind::DefaultDevice))
}

/// The first CUDA device.
#[cfg(feature = "cuda")]
pub fn cuda() -> Option<Device> {
    found("cuda", DeviceType::Cuda).then(|| Device::cuda(0))
}

/// Whether the device computes in the dtype, by Burn's own word and deed: a software Vulkan says that
/// it does in `f64`, and then has no `exp` for it.
pub fn computes(device: &Device, dtype: DType) -> bool {
    device.supports_dtype(dtype) && {
        let data = TensorData::new(vec![0f32, 1.0], [2]).convert_dtype(dtype);
        let powers = values(Tensor::<1>::from_data(data, (device, dtype)).exp());
        (powers[0] - 1.0).abs() + (powers[1] - std::f64::consts::E).abs() < 0.01
    }
}

/// Whether the machine has a device of the kind. In CI it must; elsewhere its absence is said past
/// the test harness's capture, since a test that returns early looks like one that passed.
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
fn found(name: &'static str, kind: DeviceType) -> bool {
    use std::{
        collections::HashMap,
        io::Write,
        sync::{Mutex, PoisonError},
    };

    static KNOWN: Mutex<Option<HashMap<&str, bool>>> = Mutex::new(None);

    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known
        .get_or_insert_default()
        .entry(name)
        .or_insert_with(|| {
            let found = !Device::enumerate(kind).is_empty();
            assert!(
                found || std::env::var_os("CI").is_none(),
                "no {name} adapter on this machine, and CI is set: install one (Mesa's lavapipe is \
                 enough for wgpu and vulkan) or leave the feature `{name}` out"
            );
            if !found {
                let _ = writeln!(
                    std::io::stderr(),
                    "\n**** SKIPPED: no {name} adapter on this machine, so NOTHING is tested on {name} ****\n"
                );
            }
            found
        })
}
