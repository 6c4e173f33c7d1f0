#[cfg(feature = "autodiff")]
mod autodiff;
#[cfg(feature = "_cpu-kernels")]
mod cpu;
#[cfg(feature = "_cube-kernels")]
mod cubecl;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "_cpu-kernels")]
mod host;
#[cfg(feature = "ndarray")]
mod ndarray;
