//! What CubeCL makes of burn-argmax's kernels for each GPU, without a GPU.
//!
//! The operators run on tensors of a CubeCL server that has no memory and starts nothing: it compiles what it is
//! asked to launch, with the compiler of its [`Target`]. So what is looked at are the kernels that the operators
//! launch, for the shapes that they are given, and there is no list of kernels to keep.

mod cases;
mod cuda;
mod kernel;
mod recorder;
mod survey;
mod target;

pub use cases::operators;
pub use cuda::{Machine, Toolkit};
pub use kernel::{Kernel, Layout, Source};
pub use survey::survey;
pub use target::Target;
