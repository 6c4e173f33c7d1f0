//! CPU kernels over plain slices.
//!
//! A tensor is seen as `[outer, n, inner]` about the dimension of the index. A *line* is the `n`
//! elements of one index: a row where `inner` is 1, and otherwise a column, which lies between its
//! neighbors.
//!
//! * `ops` has the operators: what is summed over a line, what is made of the sums, and what the
//!   gradient of an element is. They know vectors of values, and of their line the maximum and how
//!   far the values are from its place.
//! * `traverse` walks the lines, and knows memory, maxima, tails and tasks.
//! * `plan` has the width of vectors, every threshold and the choice of the path.
//! * `share` says how threads share work, `simd` what is done with vectors, `quads` how a few lines are
//!   transposed, `float` what numbers are, `exp` how weights are computed.
//!
//! The arithmetic is safe code in a form that the compiler turns into vectors: fixed arrays of lanes,
//! one condition a loop, no call that it may leave standing in one. It makes no good transposes, which `quads`
//! therefore has in the processor's own instructions too.

mod exp;
mod float;
mod log;
mod ops;
mod plan;
mod quads;
mod share;
mod simd;
mod traverse;

pub(crate) use float::{Accumulator, Element};
pub(crate) use ops::{
    divergence, entmax, gumbel,
    one_hot::{of_indices as one_hot_of_indices, one_hot, peak_indices},
    sampled_peaks::sampled_peaks,
    sign_one_hot::sign_one_hot,
    soft_argmax::{self, STATE},
    soft_argmax_moments, soft_argmax_over, softmax, spatial_moments, top_k,
};
pub(crate) use plan::Lines;

/// Refuses a tensor that is not as long as the others make it.
#[track_caller]
fn check_length(argument: &str, length: usize, wanted: usize) {
    assert!(
        length == wanted,
        "argmax kernel: {argument} must have {wanted} elements, got {length}"
    );
}
