//! Rows with a number that no loss is defined for.
//!
//! The arithmetic runs on other numbers in their place, so that every slope is finite: an upstream
//! gradient of exactly 0 then leaves exactly 0, and not `0 * NaN`.

use burn_core::{
    backend::Dispatch,
    tensor::{Bool, Tensor},
};

use crate::composed::graph;

/// Which rows have an entry that is NaN or infinite.
pub(crate) fn not_finite(rows: Tensor<3>) -> Tensor<2, Bool> {
    let [batch, locations, _] = rows.dims();
    let marked = rows.is_finite().bool_not();
    marked.any_dim(2).reshape([batch, locations])
}

/// The rows with 0 for every entry of those that are broken.
pub(crate) fn blank(rows: Tensor<3>, broken: &Tensor<2, Bool>) -> Tensor<3> {
    let shape = rows.dims();
    let mask = broken
        .clone()
        .reshape([shape[0], shape[1], 1])
        .expand(shape);
    rows.mask_fill(mask, 0.0)
}

/// The losses of blanked rows, with NaN where broken.
pub(crate) fn restore<const N: usize>(
    losses: Tensor<2>,
    broken: &Tensor<2, Bool>,
    inputs: [Tensor<3>; N],
) -> Tensor<2> {
    losses.mask_fill(broken.clone(), f64::NAN) + spoil(broken, inputs)
}

/// A term to add to what is NaN where `broken`, and 0 elsewhere. Through it the inputs of a broken row
/// get NaN from an upstream gradient that is not 0, and 0 from one that is.
pub(crate) fn spoil<const N: usize>(broken: &Tensor<2, Bool>, inputs: [Tensor<3>; N]) -> Tensor<2> {
    let [batch, locations] = broken.dims();
    let rows = inputs
        .into_iter()
        .map(|input| input.sum_dim(2).reshape([batch, locations]))
        .reduce(|sum, input| sum + input)
        .expect("a loss has an input");
    let mask = broken.clone().into_dispatch();
    let term: Tensor<2> =
        Tensor::from_dispatch(graph::spoil::<Dispatch>(rows.into_dispatch(), mask));
    term.mask_fill(broken.clone().bool_not(), 0.0)
}
