//! The device that a program runs on.

use std::panic;

use anyhow::{Result, anyhow, bail};
use burn::tensor::{Device, Tensor};

/// A backend's name and how its device is had.
pub type Backend = (&'static str, fn() -> Device);

/// The backends that the calling program was compiled with, in Burn's order of preference. The features are those
/// of its own package, whatever others in the same build have.
#[macro_export]
macro_rules! compiled_backends {
    () => {{
        use burn::tensor::Device;
        let backends: Vec<$crate::device::Backend> = vec![
            #[cfg(feature = "cuda")]
            ("cuda", || Device::cuda(0)),
            #[cfg(feature = "metal")]
            ("metal", || {
                Device::metal(burn::tensor::DeviceKind::DefaultDevice)
            }),
            #[cfg(feature = "rocm")]
            ("rocm", || Device::rocm(0)),
            #[cfg(feature = "vulkan")]
            ("vulkan", || {
                Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)
            }),
            #[cfg(feature = "wgpu")]
            ("wgpu", || {
                Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)
            }),
            #[cfg(feature = "flex")]
            ("flex", Device::flex),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "served until Burn drops it")]
            ("ndarray", Device::ndarray),
        ];
        backends
    }};
}

/// The device of that name, else of `BURN_DEVICE`, else the first that was compiled in.
pub fn open(name: Option<&str>, compiled: Vec<Backend>) -> Result<(&'static str, Device)> {
    let variable = std::env::var("BURN_DEVICE").ok();
    let variable = variable.filter(|name| !name.is_empty());
    let names: Vec<&str> = compiled.iter().map(|(name, _)| *name).collect();
    let names = names.join(", ");

    let (name, open) = match name.or(variable.as_deref()) {
        Some(wanted) => compiled
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .ok_or_else(|| {
                anyhow!("device '{wanted}' is not compiled in; this build has: {names}")
            })?,
        None => match compiled.into_iter().next() {
            Some(first) => first,
            None => bail!("no device is compiled in; build with --features ndarray, for example"),
        },
    };

    // Burn panics on the first operation when there is no adapter.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let opened = panic::catch_unwind(|| {
        let device = open();
        Tensor::<1>::ones([1], &device).into_data();
        device
    });
    panic::set_hook(hook);
    match opened {
        Ok(device) => Ok((name, device)),
        Err(_) => bail!("device '{name}' cannot be opened: no adapter was found for it"),
    }
}
