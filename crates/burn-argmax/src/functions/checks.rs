use burn_core::tensor::{AsIndex, DType, Shape, Tensor};

use crate::Weighting;

/// `Err` with what is refused, unless it holds.
pub(crate) fn ensure(holds: bool, refusal: impl FnOnce() -> String) -> Result<(), String> {
    holds.then_some(()).ok_or_else(refusal)
}

/// Panics with what is refused.
#[track_caller]
pub(crate) fn accept(valid: Result<(), String>) {
    // No closure, in which a panic would not point to the caller.
    if let Err(refusal) = valid {
        panic!("{refusal}");
    }
}

/// Resolves a dimension argument, and refuses one that has no index to return.
#[track_caller]
pub(crate) fn check_dim<const D: usize>(op: &str, tensor: &Tensor<D>, dim: impl AsIndex) -> usize {
    let shape = tensor.dims();
    // No closure, in which a panic would not point to the caller.
    let dim = match dim.try_dim_index(D) {
        Ok(dim) => dim,
        Err(_) => panic!(
            "{op}: dim must be in -{D}..{D} for shape {shape:?}, got {}",
            dim.as_index()
        ),
    };
    assert!(
        shape[dim] > 0,
        "{op}: dim {dim} of shape {shape:?} has size 0, it must have at least one entry"
    );
    dim
}

/// The same for so many of the indices.
#[track_caller]
pub(crate) fn check_k<const D: usize>(
    op: &str,
    tensor: &Tensor<D>,
    k: usize,
    dim: impl AsIndex,
) -> usize {
    let dim = check_dim(op, tensor, dim);
    let size = tensor.dims()[dim];
    assert!(
        (1..=size).contains(&k),
        "{op}: k must be from 1 to {size}, the size of dim {dim}, got {k}"
    );
    dim
}

/// Refuses an inverse temperature that defines no softmax.
pub(crate) fn validate_beta(op: &str, beta: f64) -> Result<(), String> {
    ensure(beta.is_finite() && beta >= 0.0, || {
        format!("{op}: beta must be finite and >= 0, got {beta}")
    })
}

/// The same with a panic.
#[track_caller]
pub(crate) fn check_beta(op: &str, beta: f64) {
    accept(validate_beta(op, beta));
}

/// How scores of a dtype become weights. Refuses what defines none.
#[track_caller]
pub(crate) fn check_weighting(
    op: &str,
    weighting: impl Into<Weighting>,
    dtype: DType,
) -> Weighting {
    let weighting = weighting.into();
    accept(weighting.validate(op, dtype));
    weighting.rounded(dtype)
}

/// The result of an empty batch, with `dim` at size 1. It stays in the graph.
pub(crate) fn without_indices<const D: usize>(logits: Tensor<D>, dim: usize) -> Tensor<D> {
    let mut shape = logits.dims();
    shape[dim] = 1;
    logits.reshape(shape)
}

/// A tensor without elements in another shape, in the graph of what it was. Not by a slice, which
/// leaves the graph where nothing is in it.
pub(crate) fn empty<const D: usize, const N: usize>(
    tensor: Tensor<D>,
    shape: [usize; N],
) -> Tensor<N> {
    let zero = shape.iter().position(|&size| size == 0);
    let zero = zero.expect("a shape without elements");
    // In a new shape a 0 stands for the size that was there: the first, once the tensor is flat.
    let mut ones = [1; N];
    ones[0] = 0;
    let flat: Tensor<1> = tensor.flatten(0, D - 1);
    flat.reshape(ones)
        .swap_dims(0, zero)
        .expand(Shape::from(shape))
}

/// Refuses what is not `[batch, channels, spatial...]` with one to three spatial dimensions.
#[track_caller]
pub(crate) fn check_heatmaps<const D: usize>(op: &str, heatmaps: &Tensor<D>) {
    let shape = heatmaps.dims();
    assert!(
        (3..=5).contains(&D),
        "{op}: heatmaps must be [batch, channels, spatial...] with 1 to 3 spatial dimensions, got \
         rank {D} with shape {shape:?}"
    );
    assert!(
        shape[2..].iter().all(|&size| size > 0),
        "{op}: heatmaps of shape {shape:?} have a spatial dimension of size 0, each must have at \
         least one entry"
    );
}

/// Refuses a width that no Gaussian has.
#[track_caller]
pub(crate) fn check_sigma(op: &str, sigma: f64) {
    assert!(
        sigma.is_finite() && sigma > 0.0,
        "{op}: sigma must be finite and > 0, got {sigma}"
    );
}
