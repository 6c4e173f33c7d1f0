//! What the machine can do: the time to read, copy or write as many bytes as the input has.

use std::{hint::black_box, mem::MaybeUninit};

use anyhow::Result;
use burn::tensor::Tensor;
use multiversion::multiversion;

use crate::measure::Stopwatch;

/// A sweep over memory, of as many `f32` as the input has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Read one buffer.
    Read,
    /// Read one buffer and write another, which is there already.
    Copy,
    /// Write one buffer, which is there already.
    Write,
    /// Read one buffer and write another, which is allocated first: a result is.
    CopyToNew,
    /// Write one buffer, which is allocated first.
    WriteNew,
}

impl Limit {
    /// In the order of the records.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Copy,
        Self::Write,
        Self::CopyToNew,
        Self::WriteNew,
    ];

    /// Name in the records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Copy => "copy",
            Self::Write => "write",
            Self::CopyToNew => "copy to new",
            Self::WriteNew => "write new",
        }
    }

    /// The same where what is written is allocated first.
    pub fn to_new(self) -> Self {
        match self {
            Self::Copy => Self::CopyToNew,
            Self::Write => Self::WriteNew,
            other => other,
        }
    }
}

/// The buffers that the limits are measured on.
pub enum Limits {
    /// In the memory of this process, swept by every thread of the pool that the kernels use.
    Host {
        /// Read from.
        source: Vec<f32>,
        /// Written to.
        target: Vec<f32>,
    },
    /// On a device, swept by Burn's own elementwise kernels.
    Device(Box<Tensor<1>>),
}

impl Limits {
    /// Buffers of `len` numbers in the memory of this process.
    pub fn host(len: usize) -> Self {
        // Written here once: the first touch of a page is the kernel's work, not the memory's.
        Self::Host {
            source: vec![1.0; len],
            target: vec![2.0; len],
        }
    }

    /// The time of one sweep, in seconds.
    pub fn time(&mut self, limit: Limit, watch: &Stopwatch) -> Result<f64> {
        let timed = match self {
            Self::Host { source, target } => {
                let len = source.len();
                let share = len.div_ceil(rayon::current_num_threads()).max(1);
                let sources = source.chunks(share);
                let targets = target.chunks_mut(share);
                watch
                    .time(|| {
                        let mut new = Vec::<f32>::new();
                        match limit {
                            Limit::Read => on_all_threads(sources, |source| {
                                black_box(sum(source));
                            }),
                            Limit::Copy => {
                                on_all_threads(targets.zip(sources), |(target, source)| {
                                    target.copy_from_slice(source);
                                });
                            }
                            Limit::Write => on_all_threads(targets, |target| fill(target, 3.0)),
                            Limit::CopyToNew => {
                                new.reserve_exact(len);
                                let targets = new.spare_capacity_mut()[..len].chunks_mut(share);
                                on_all_threads(targets.zip(sources), |(target, source)| {
                                    target.write_copy_of_slice(source);
                                });
                            }
                            Limit::WriteNew => {
                                new.reserve_exact(len);
                                let targets = new.spare_capacity_mut()[..len].chunks_mut(share);
                                on_all_threads(targets, |target| fill_new(target, 3.0));
                            }
                        }
                        new
                    })?
                    .1
            }
            Self::Device(x) => match limit {
                Limit::Write | Limit::WriteNew => {
                    watch
                        .time(|| Tensor::<1>::full(x.dims(), 3.0, &x.device()))?
                        .1
                }
                Limit::Copy | Limit::CopyToNew => watch.time(|| *x.clone() + 1.0)?.1,
                // Burn's sum over a tensor is no sweep at full speed on every device.
                Limit::Read => watch.time(|| *x.clone() + 1.0)?.1 / 2.0,
            },
        };
        Ok(timed)
    }
}

/// Does one task on this thread and the others on the pool's, as the kernels share theirs.
fn on_all_threads<T: Send>(mut tasks: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    let own = tasks.next();
    rayon::in_place_scope(|scope| {
        for task in tasks {
            let work = &work;
            scope.spawn(move |_| work(task));
        }
        own.map(&work);
    });
}

/// Sum with as many running sums as keep the loads, not the additions, the bottleneck.
#[multiversion(targets = "simd")]
fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0; 64];
    let (blocks, rest) = values.as_chunks::<64>();
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += value;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// Fill with `value`.
#[multiversion(targets = "simd")]
fn fill(target: &mut [f32], value: f32) {
    target.fill(value);
}

/// [`fill`] of memory that nothing was written to yet.
#[multiversion(targets = "simd")]
fn fill_new(target: &mut [MaybeUninit<f32>], value: f32) {
    for slot in target {
        slot.write(value);
    }
}
