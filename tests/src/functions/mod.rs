//! Functions of scores, each with its oracle.

mod of_lines;
mod of_losses;
mod of_maps;
mod weights;

use burn::tensor::Tensor;

pub use self::{of_lines::OF_LINES, of_losses::OF_LOSSES, of_maps::OF_MAPS};

/// Two dimensions of a map; a line has one row.
pub type Sizes = [usize; 2];

/// A function of `[1, rows, n]`, whose rows may be maps, that gives so many numbers a row.
pub struct Function {
    /// What a failure names.
    pub name: &'static str,
    /// Of all rows.
    pub ours: fn(Tensor<3>, Sizes) -> Tensor<3>,
    /// The same of one row, in f64.
    pub oracle: fn(&[f64], Sizes) -> Vec<f64>,
    /// Whether it takes probabilities.
    pub probabilities: bool,
    /// Whether its gradient is a surrogate, and not that of the oracle.
    pub surrogate: bool,
}

pub(super) const fn function(
    name: &'static str,
    ours: fn(Tensor<3>, Sizes) -> Tensor<3>,
    oracle: fn(&[f64], Sizes) -> Vec<f64>,
) -> Function {
    Function {
        name,
        ours,
        oracle,
        probabilities: false,
        surrogate: false,
    }
}

impl Function {
    pub(super) const fn of_probabilities(mut self) -> Self {
        self.probabilities = true;
        self
    }

    pub(super) const fn with_surrogate(mut self) -> Self {
        self.surrogate = true;
        self
    }
}
