//! Where maps read and write: in two tensors, or in one whose place the map takes.

use std::mem::MaybeUninit;

use crate::kernels::cpu::{
    Element,
    plan::LANES,
    simd::{filled_up, prefetch, widened},
};

/// Where a map writes.
pub(crate) trait Slot<T>: Send + Sized {
    fn put(&mut self, value: T);

    fn put_all(slots: &mut [Self], values: &[T]);
}

impl<T: Element> Slot<T> for T {
    #[inline(always)]
    fn put(&mut self, value: T) {
        *self = value;
    }

    #[inline(always)]
    fn put_all(slots: &mut [Self], values: &[T]) {
        slots.copy_from_slice(values);
    }
}

impl<T: Element> Slot<T> for MaybeUninit<T> {
    #[inline(always)]
    fn put(&mut self, value: T) {
        self.write(value);
    }

    #[inline(always)]
    fn put_all(slots: &mut [Self], values: &[T]) {
        slots.write_copy_of_slice(values);
    }
}

/// Where the logits are read.
pub(crate) trait Source<T: Element, S>: Copy + Sync {
    /// `length` of them, from place `start` on.
    fn part(self, start: usize, length: usize) -> Self;

    /// All of them, whose map goes to these slots.
    fn all<'a>(&'a self, slots: &'a [S]) -> &'a [T];

    /// Asks for those that follow the one in place `start` this many bytes ahead.
    fn prefetch(self, start: usize, slots: &[S; LANES], ahead: usize);

    /// Of the elements in place `start` and after, whose map goes to these slots.
    fn chunk(self, start: usize, slots: &[S; LANES]) -> [T::Accumulator; LANES];

    /// The same of the last elements, and masks beyond them.
    fn tail(self, start: usize, slots: &[S]) -> [T::Accumulator; LANES];
}

impl<T: Element, S> Source<T, S> for &[T] {
    #[inline(always)]
    fn part(self, start: usize, length: usize) -> Self {
        &self[start..start + length]
    }

    #[inline(always)]
    fn all<'a>(&'a self, _slots: &'a [S]) -> &'a [T] {
        self
    }

    #[inline(always)]
    fn prefetch(self, start: usize, _slots: &[S; LANES], ahead: usize) {
        prefetch(&self[start..start + LANES], ahead);
    }

    #[inline(always)]
    fn chunk(self, start: usize, _slots: &[S; LANES]) -> [T::Accumulator; LANES] {
        widened(&self[start..].as_chunks().0[0])
    }

    #[inline(always)]
    fn tail(self, start: usize, _slots: &[S]) -> [T::Accumulator; LANES] {
        filled_up(&self[start..])
    }
}

/// In the slots, whose place the map takes.
#[derive(Clone, Copy)]
pub(crate) struct Here;

impl<T: Element> Source<T, T> for Here {
    #[inline(always)]
    fn part(self, _start: usize, _length: usize) -> Self {
        self
    }

    #[inline(always)]
    fn all<'a>(&'a self, slots: &'a [T]) -> &'a [T] {
        slots
    }

    #[inline(always)]
    fn prefetch(self, _start: usize, slots: &[T; LANES], ahead: usize) {
        prefetch(slots, ahead);
    }

    #[inline(always)]
    fn chunk(self, _start: usize, slots: &[T; LANES]) -> [T::Accumulator; LANES] {
        widened(slots)
    }

    #[inline(always)]
    fn tail(self, _start: usize, slots: &[T]) -> [T::Accumulator; LANES] {
        filled_up(slots)
    }
}
