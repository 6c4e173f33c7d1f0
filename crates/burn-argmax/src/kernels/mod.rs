//! How the operators are computed: no kernel knows a public function, no function knows a kernel.

#[cfg(feature = "_cpu-kernels")]
pub(crate) mod cpu;
#[cfg(feature = "_cube-kernels")]
pub(crate) mod cube;
