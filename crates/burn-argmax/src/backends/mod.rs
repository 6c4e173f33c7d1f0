#[cfg(feature = "autodiff")]
mod autodiff;
#[cfg(feature = "capture")]
mod capture;
#[cfg(feature = "_cpu-kernels")]
mod cpu;
#[cfg(feature = "_cube-kernels")]
mod cubecl;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "_custom-operations")]
mod fusion;
#[cfg(feature = "_cpu-kernels")]
mod host;
#[cfg(feature = "ndarray")]
mod ndarray;
#[cfg(feature = "remote-kernels")]
mod remote;
#[cfg(feature = "router")]
mod router;

#[cfg(feature = "router")]
pub use router::register_argmax_ops;
