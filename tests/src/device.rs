//! One function a backend: its device, or `None` where the machine has none.

use burn::tensor::{DType, Device, Tensor, TensorData};
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "cuda"))]
use burn::tensor::{DeviceKind, DeviceType};

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
