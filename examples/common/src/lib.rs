//! What the examples share: the choice of a device, the directory of a run, and training by Burn's learner.

pub mod checkpoint;
pub mod device;
mod metric;
mod numbers;
pub mod output;
mod passes;
mod patience;
pub mod plot;
mod progress;
mod training;

pub use metric::Measured;
pub use numbers::{median, numbers};
pub use training::{Measure, Trained, Training, TrainingSettings, curves, load};
