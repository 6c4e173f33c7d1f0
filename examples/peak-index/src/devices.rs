use anyhow::Result;
use burn::tensor::Device;
use examples_common::{compiled_backends, device};

use crate::cli::{DeviceArgs, TrainArgs};

/// The devices that a run trains on, and what they are. The first evaluates, too.
pub struct Devices {
    pub name: String,
    pub devices: Vec<Device>,
}

impl Devices {
    /// Those of the settings of a run; `chosen` picks one of this machine.
    pub fn open(run: &TrainArgs, chosen: &DeviceArgs) -> Result<Self> {
        if !run.remote.is_empty() {
            return Self::connect(&run.remote);
        }
        let (name, device) = device::open(chosen.device.as_deref(), compiled_backends!())?;
        let devices = vec![device; run.devices as usize];
        let name = match run.devices {
            1 => name.to_owned(),
            count => format!("{name}, {count} times"),
        };
        Ok(Self { name, devices })
    }

    #[cfg(not(feature = "remote"))]
    fn connect(_urls: &[String]) -> Result<Self> {
        anyhow::bail!("the run is on servers; build with --features remote, or name a --device")
    }

    #[cfg(feature = "remote")]
    fn connect(urls: &[String]) -> Result<Self> {
        use anyhow::Context;
        use burn::tensor::remote::RemoteHost;

        let connect = |url: &String| {
            Device::remote_options(&RemoteHost::websocket(url))
                .init()
                .with_context(|| format!("cannot connect to {url}"))
        };
        Ok(Self {
            name: urls.join(", "),
            devices: urls.iter().map(connect).collect::<Result<_>>()?,
        })
    }
}
