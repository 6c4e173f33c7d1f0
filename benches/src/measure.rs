//! Clocks and medians.

use anyhow::{Context, Result, anyhow};
use burn::tensor::{Device, ProfileOptions, Tensor, TimingMethod, read_sync};

use crate::backend::BackendKind;

/// Elements of a lead-in: 256 MiB.
const LEAD_IN: usize = 1 << 26;
/// Kernels of a lead-in: a millisecond or two of a large GPU's time.
const LEAD_IN_KERNELS: usize = 8;

/// Times work on a device: by the device's clock if it has one, else by the wall's between syncs.
pub struct Stopwatch {
    device: Device,
    /// Keeps the device busy while the host queues the timed work; otherwise the time of short
    /// kernels would be that of the host.
    lead_in: Option<Tensor<1>>,
}

impl Stopwatch {
    /// A stopwatch for the backend's device.
    pub fn new(backend: BackendKind, device: &Device) -> Self {
        Self {
            device: device.clone(),
            lead_in: backend
                .stamps_the_queue()
                .then(|| Tensor::zeros([LEAD_IN], device)),
        }
    }

    /// Runs `work`; its output, not yet dropped, and its time in seconds.
    pub fn time<O: Send + 'static>(&self, work: impl FnOnce() -> O + Send) -> Result<(O, f64)> {
        self.sync()?;
        if let Some(lead_in) = &self.lead_in {
            for _ in 0..LEAD_IN_KERNELS {
                drop(lead_in.clone() + 1.0);
            }
            self.device.flush().map_err(|e| anyhow!("{e:?}"))?;
        }
        let (output, duration) = self
            .device
            .profile_with(ProfileOptions::default().flush(), work)
            .map_err(|e| anyhow!("{e:?}"))?;
        let ticks = read_sync(duration.resolve()).context("the device reported no time")?;
        Ok((output, ticks.duration().as_secs_f64()))
    }

    /// Whose clock it is.
    pub fn clock(&self) -> Result<&'static str> {
        let x = Tensor::<1>::zeros([1], &self.device);
        let (_, duration) = self
            .device
            .profile_with(ProfileOptions::default().flush(), || x + 1.0)
            .map_err(|e| anyhow!("{e:?}"))?;
        Ok(match duration.timing_method() {
            TimingMethod::Device => "device",
            TimingMethod::System => "wall",
        })
    }

    /// Waits until the device is idle.
    pub fn sync(&self) -> Result<()> {
        self.device.sync().map_err(|e| anyhow!("{e:?}"))
    }
}

/// The samples of one quantity, in seconds.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds a sample.
    pub fn push(&mut self, seconds: f64) {
        self.0.push(seconds);
    }

    /// The value below which the fraction `q` of the samples lies, in milliseconds; interpolated.
    pub fn quantile_ms(&self, q: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let position = q * (sorted.len() - 1) as f64;
        let (low, high) = (position.floor() as usize, position.ceil() as usize);
        1e3 * (sorted[low] + (sorted[high] - sorted[low]) * position.fract())
    }

    /// The median, in milliseconds.
    pub fn median_ms(&self) -> f64 {
        self.quantile_ms(0.5)
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
