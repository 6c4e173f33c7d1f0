//! Backends, by the name on the command line.

use anyhow::{Result, bail};
use burn::tensor::Device;
use clap::ValueEnum;

/// A backend to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BackendKind {
    /// burn-ndarray
    Ndarray,
    /// burn-flex
    Flex,
    /// burn-wgpu, on the graphics API it picks
    Wgpu,
    /// burn-wgpu on Vulkan
    Vulkan,
    /// burn-cuda, device 0
    Cuda,
}

impl BackendKind {
    /// Name on the command line and in the records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ndarray => "ndarray",
            Self::Flex => "flex",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// Whether the backend's cargo feature is on.
    pub fn is_compiled(&self) -> bool {
        match self {
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Flex => cfg!(feature = "flex"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Cuda => cfg!(feature = "cuda"),
        }
    }

    /// Whether tensors live in the memory of this process.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Ndarray | Self::Flex)
    }

    /// Whether a timing window opens where the device's queue stands, idle gaps included.
    ///
    /// wgpu stamps the kernels themselves.
    pub fn stamps_the_queue(self) -> bool {
        self == Self::Cuda
    }

    /// The backend's device.
    pub fn device(self) -> Result<Device> {
        match self {
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "served until Burn drops it")]
            Self::Ndarray => Ok(Device::ndarray()),
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(all(
                feature = "ndarray",
                feature = "flex",
                feature = "wgpu",
                feature = "vulkan",
                feature = "cuda"
            )))]
            _ => bail!(
                "--device {name}: not compiled in; add --features {name}",
                name = self.name()
            ),
        }
    }
}
