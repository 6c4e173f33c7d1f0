//! How work is shared between threads.

use std::mem::MaybeUninit;

/// Tensors with fewer elements than this are not worth waking another thread for.
pub(crate) const PARALLEL: usize = 1 << 15;

/// Elements of one task, at least.
pub(crate) const TASK: usize = 1 << 14;

/// A vector of `length` elements, every one of which `fill` writes.
pub(crate) fn filled<T>(length: usize, fill: impl FnOnce(&mut [MaybeUninit<T>])) -> Vec<T> {
    let mut vector = Vec::with_capacity(length);
    fill(&mut vector.spare_capacity_mut()[..length]);
    // SAFETY: the capacity is at least `length`, and the kernels that are passed as `fill` write
    // each of these elements: they iterate over the whole output.
    unsafe { vector.set_len(length) };
    vector
}
