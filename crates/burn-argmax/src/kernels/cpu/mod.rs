//! CPU kernels over plain slices.
//!
//! A tensor is seen as `[outer, n, inner]` about the dimension of the index. A *line* is the `n`
//! elements of one index: contiguous where `inner` is 1 (`rows`), and otherwise interleaved with
//! its neighbours (`columns`). Every operator is a reduction of the lines to a few numbers each,
//! followed, where the result has the input's size, by a map over the elements.

mod columns;
mod coordinate;
mod element;
mod exp;
mod one_hot;
mod parallel;
mod rows;
mod soft_argmax;
mod softmax_surrogate;
pub(crate) mod spatial_moments;

pub(crate) use element::{Accumulator, Element};
pub(crate) use one_hot::{one_hot, sign_one_hot};
pub(crate) use soft_argmax::{backward, forward};
pub(crate) use softmax_surrogate::softmax_surrogate_backward;

/// A contiguous tensor about the dimension of the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
}

impl Lines {
    /// The lines along `dim` of a contiguous tensor of this shape.
    pub fn along(shape: &[usize], dim: usize) -> Self {
        Self {
            outer: shape[..dim].iter().product(),
            n: shape[dim],
            inner: shape[dim + 1..].iter().product(),
        }
    }

    /// The number of lines.
    pub fn count(self) -> usize {
        self.outer * self.inner
    }
}
