//! What the suites share: the oracle, the devices, the data and the comparisons.
//!
//! The suites themselves are under `tests/backend`, one file an operator or a concern. They run on
//! every backend that the package was compiled with, three times: without autodiff, under autodiff
//! and under gradient checkpointing.

pub mod check;
pub mod data;
pub mod device;
pub mod golden;
pub mod gradient;
pub mod oracle;
pub mod oracle_spatial;
pub mod oracle_weighting;
pub mod rounding;
pub mod rows;
