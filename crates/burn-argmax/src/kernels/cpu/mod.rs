//! CPU kernels over plain slices.
//!
//! A tensor is seen as `[outer, n, inner]` about the dimension of the index. A *line* is the `n`
//! elements of one index: contiguous where `inner` is 1 (`rows`; `short_rows` or `grouped_rows` where
//! it has few), and otherwise interleaved with its neighbours (`columns`, or `narrow_columns` where
//! these are few). Where lines are long, threads share the `pieces` of one.
//!
//! Every operator is a reduction of the lines to a few numbers each, followed, where the result has
//! the input's size, by a map over the elements.
//!
//! Weights come from `beta` and `exp`, the sums of a part of a line are a `partial`, taken over a
//! `coordinate` about the line's `peak`, and `finish` makes result and state of them; `gradient` and
//! `gradient_columns` map the state over the line again. `parallel` says how work is shared, and
//! `prefetch` how memory is read ahead.
//!
//! The arithmetic is safe code in a form that the compiler turns into vectors: fixed arrays of lanes,
//! one condition a loop, no call that it may leave standing in one.

/// Calls a function whose last generic arguments are whether the processor fuses multiplication and
/// addition, and whether every number weighs the same.
macro_rules! specialised {
    ($fma:expr, $beta:expr, $function:ident::<$($generic:tt),*>($($argument:expr),* $(,)?)) => {
        match ($fma, $beta.is_flat()) {
            (true, false) => $function::<$($generic,)* true, false>($($argument),*),
            (true, true) => $function::<$($generic,)* true, true>($($argument),*),
            (false, false) => $function::<$($generic,)* false, false>($($argument),*),
            (false, true) => $function::<$($generic,)* false, true>($($argument),*),
        }
    };
}

mod beta;
mod column_sums;
mod columns;
mod coordinate;
mod element;
mod exp;
mod finish;
mod gradient;
mod gradient_columns;
mod grouped_rows;
mod line_peaks;
mod narrow_columns;
mod one_hot;
mod parallel;
mod partial;
mod peak;
mod pieces;
mod prefetch;
mod rows;
mod short_rows;
mod sign_one_hot;
mod soft_argmax;
mod softmax_surrogate;
pub(crate) mod spatial_moments;

pub(crate) use element::{Accumulator, Element};
pub(crate) use one_hot::one_hot;
pub(crate) use sign_one_hot::sign_one_hot;
pub(crate) use soft_argmax::{backward, backward_in_place, forward};
pub(crate) use softmax_surrogate::softmax_surrogate_backward;

/// Numbers of state a line: `[max, sum, centre, offset]`.
pub(crate) const STATE: usize = 4;

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
        let n = shape[dim];
        let (outer, inner) = (&shape[..dim], &shape[dim + 1..]);
        match inner.iter().product() {
            0 => Self {
                outer: 0,
                n,
                inner: 1,
            },
            inner => Self {
                outer: outer.iter().product(),
                n,
                inner,
            },
        }
    }

    /// The number of lines.
    pub fn count(self) -> usize {
        self.outer * self.inner
    }

    /// The number of elements.
    pub fn elements(self) -> usize {
        self.count() * self.n
    }
}

/// Refuses a tensor that is not as long as the others make it.
#[track_caller]
fn check_length(argument: &str, length: usize, wanted: usize) {
    assert!(
        length == wanted,
        "argmax kernel: {argument} must have {wanted} elements, got {length}"
    );
}
