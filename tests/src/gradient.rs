//! Gradients of an operator by Burn's autodiff.

use burn::tensor::Tensor;
use burn_argmax::{Surrogate, reference, soft_argmax, straight_through_one_hot};

use crate::{
    data::{values, widen},
    device::UNLISTED,
    oracle,
};

/// The gradient of `sum(upstream * op(x))` with respect to `x`, which becomes a leaf as it lies.
///
/// The sum is left to `backward`, which starts from ones: as an operation it would be tuned anew for
/// every shape on a GPU.
pub fn gradient<const D: usize>(
    x: Tensor<D>,
    upstream: Tensor<D>,
    op: impl FnOnce(Tensor<D>) -> Tensor<D>,
) -> Tensor<D> {
    let x = x.detach().require_grad();
    let weighted = op(x.clone()) * upstream;
    x.grad(&weighted.backward()).expect("x is a tracked leaf")
}

/// The ways to a gradient: the operator, the composed code in Burn's own graph, and the default body of a
/// backend.
const WAYS: [&str; 3] = ["operator", "graph", "default body"];

/// The gradient of soft-argmax by each of the ways, as they are asked for.
pub fn soft_argmax_gradients<const D: usize>(
    x: Tensor<D>,
    upstream: Tensor<D>,
    dim: usize,
    beta: f64,
) -> impl Iterator<Item = (&'static str, Vec<f64>)> {
    WAYS.into_iter().map(move |by| {
        let (x, upstream) = (x.clone(), upstream.clone());
        let gradient = match by {
            "operator" => gradient(x, upstream, |x| soft_argmax(x, dim, beta)),
            "graph" => gradient(x, upstream, |x| reference::soft_argmax(x, dim, beta)),
            _ => reference::soft_argmax_gradient(x, upstream, dim, beta),
        };
        (by, values(gradient))
    })
}

/// The gradient of the softmax surrogate by each of the ways, as they are asked for.
pub fn surrogate_gradients<const D: usize>(
    x: Tensor<D>,
    upstream: Tensor<D>,
    dim: usize,
    beta: f64,
) -> impl Iterator<Item = (&'static str, Vec<f64>)> {
    WAYS.into_iter().map(move |by| {
        let (x, upstream) = (x.clone(), upstream.clone());
        let surrogate = Surrogate::Softmax { beta };
        let gradient = match by {
            "operator" => gradient(x, upstream, |x| straight_through_one_hot(x, dim, surrogate)),
            "graph" => gradient(x, upstream, |x| {
                reference::straight_through_one_hot(x, dim, surrogate)
            }),
            _ => reference::softmax_surrogate_gradient(x, upstream, dim, beta),
        };
        (by, values(gradient))
    })
}

/// What is wanted of the softmax surrogate by one of the ways, row by row.
pub fn surrogate_wanted(by: &str, rows: &[f32], upstream: &[f32], n: usize, beta: f64) -> Vec<f64> {
    let oracle = match by {
        "operator" if UNLISTED => oracle::softmax_gradient_by_graph,
        "graph" => oracle::softmax_gradient_by_graph,
        _ => oracle::softmax_gradient,
    };
    let (rows, upstream) = (widen(rows), widen(upstream));
    rows.chunks(n)
        .zip(upstream.chunks(n))
        .flat_map(|(row, upstream)| oracle(row, beta, upstream))
        .collect()
}
