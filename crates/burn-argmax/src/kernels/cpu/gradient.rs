//! The gradient of the softmax average of a coordinate along a contiguous line:
//! `grad * beta * p * (coordinate - average)`.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, STATE,
    beta::Beta,
    coordinate::{Coordinate, Index},
    peak::{filled_up, widened},
    prefetch::{AHEAD, prefetch},
};

/// Elements worked on side by side.
pub(crate) const LANES: usize = 16;

/// What the gradient of one line takes from its state.
#[derive(Clone, Copy)]
pub(crate) struct Slope<A> {
    max: A,
    centre: A,
    offset: A,
    /// `grad * beta / sum`.
    factor: A,
    /// Whether the line has no softmax, or its upstream gradient is not finite.
    pub broken: bool,
}

/// `grad * beta / sum`: exactly 0 where `grad` is, and finite where `grad` is, so that a weight of 0
/// stays 0 however large beta is.
#[inline(always)]
pub(crate) fn factor<A: Accumulator>(grad: A, sum: A, beta: Beta<A>) -> A {
    let largest = A::LARGEST.to_f64();
    let upstream = grad.to_f64();
    let factor = upstream * (beta.wide / sum.to_f64());
    let factor = if upstream.is_finite() {
        factor.clamp(-largest, largest)
    } else {
        factor
    };
    A::from_f64(if upstream == 0.0 { 0.0 } else { factor })
}

/// Whether a line with this sum and factor needs [`slope_or_zero`].
#[inline(always)]
pub(crate) fn is_broken<A: Accumulator>(sum: A, factor: A) -> bool {
    !(sum.add(factor).sub(factor) <= A::LARGEST)
}

/// What the gradient is where a line is broken: exactly 0 at a mask, and where the upstream gradient
/// is exactly 0.
#[inline(always)]
pub(crate) fn slope_or_zero<A: Accumulator>(slope: A, value: A, factor: A) -> A {
    if value == A::NEG_INFINITY || factor == A::ZERO {
        A::ZERO
    } else {
        slope
    }
}

impl<A: Accumulator> Slope<A> {
    /// `state` is `[max, sum, centre, offset]`, and `grad` the upstream gradient of the line.
    #[inline(always)]
    pub fn new(state: [A; STATE], grad: A, beta: Beta<A>) -> Self {
        let [max, sum, centre, offset] = state;
        let factor = factor(grad, sum, beta);
        Self {
            max,
            centre,
            offset,
            factor,
            broken: is_broken(sum, factor),
        }
    }

    /// The slope at a value, at this distance from the centre. The weight comes first: where it is
    /// 0, the product stays 0 however large beta is.
    #[inline(always)]
    fn at<const FMA: bool, const FLAT: bool, const BROKEN: bool>(
        self,
        value: A,
        distance: A,
        beta: Beta<A>,
    ) -> A {
        let e = beta.weight::<FMA, FLAT>(value, self.max);
        let slope = e.mul(distance.sub(self.offset)).mul(self.factor);
        if BROKEN {
            slope_or_zero(slope, value, self.factor)
        } else {
            slope
        }
    }
}

/// Where the gradient is written.
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
pub(crate) trait Logits<T: Element, S>: Copy + Sync {
    /// `length` of them, from place `start` on.
    fn part(self, start: usize, length: usize) -> Self;

    /// All of them, whose gradient goes to these slots.
    fn all<'a>(&'a self, slots: &'a [S]) -> &'a [T];

    /// Asks for those that follow the one in place `start` this many bytes ahead.
    fn prefetch(self, start: usize, slots: &[S; LANES], ahead: usize);

    /// Of the elements in place `start` and after, whose gradient goes to these slots.
    fn chunk(self, start: usize, slots: &[S; LANES]) -> [T::Accumulator; LANES];

    /// The same of the last elements, and masks beyond them.
    fn rest(self, start: usize, slots: &[S]) -> [T::Accumulator; LANES];
}

impl<T: Element, S> Logits<T, S> for &[T] {
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
    fn rest(self, start: usize, _slots: &[S]) -> [T::Accumulator; LANES] {
        filled_up(&self[start..])
    }
}

/// In the slots, whose place the gradient takes.
#[derive(Clone, Copy)]
pub(crate) struct Here;

impl<T: Element> Logits<T, T> for Here {
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
    fn rest(self, _start: usize, slots: &[T]) -> [T::Accumulator; LANES] {
        filled_up(slots)
    }
}

/// How far the coordinates of a line, in turn, are from its centre.
pub(crate) trait Distances<A, S>: Copy {
    /// Of the next elements, whose gradient goes to these slots.
    fn next(&mut self, slots: &[S; LANES]) -> [A; LANES];

    /// Of the last elements, and anything beyond them.
    fn last(self, slots: &[S]) -> [A; LANES];
}

/// Indices.
#[derive(Clone, Copy)]
pub(crate) struct IndexDistances<A>([A; LANES]);

impl<A: Accumulator> IndexDistances<A> {
    /// Of the elements of a line from `start` on.
    #[inline(always)]
    pub fn new(start: usize, slope: Slope<A>) -> Self {
        Self(Index.begin(A::from_f64(slope.centre.to_f64() - start as f64)))
    }
}

impl<A: Accumulator, S> Distances<A, S> for IndexDistances<A> {
    #[inline(always)]
    fn next(&mut self, _slots: &[S; LANES]) -> [A; LANES] {
        Index.distances(&mut self.0, 0, A::ZERO)
    }

    #[inline(always)]
    fn last(self, _slots: &[S]) -> [A; LANES] {
        self.0
    }
}

/// What is in the slots, which the gradient takes the place of.
#[derive(Clone, Copy)]
pub(crate) struct SlotDistances<A>(A);

impl<A: Accumulator> SlotDistances<A> {
    #[inline(always)]
    pub fn new(slope: Slope<A>) -> Self {
        Self(slope.centre)
    }
}

impl<T: Element> Distances<T::Accumulator, T> for SlotDistances<T::Accumulator> {
    #[inline(always)]
    fn next(&mut self, slots: &[T; LANES]) -> [T::Accumulator; LANES] {
        less(widened(slots), self.0)
    }

    #[inline(always)]
    fn last(self, slots: &[T]) -> [T::Accumulator; LANES] {
        less(filled_up(slots), self.0)
    }
}

#[inline(always)]
fn less<A: Accumulator>(mut values: [A; LANES], centre: A) -> [A; LANES] {
    for value in &mut values {
        *value = value.sub(centre);
    }
    values
}

/// The gradient of a part of a contiguous line.
#[inline(always)]
pub(crate) fn gradient_row<T, S, L, D, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    logits: L,
    distances: D,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    D: Distances<T::Accumulator, S>,
{
    if slope.broken {
        fill_row::<T, S, L, D, FMA, FLAT, true>(out, logits, distances, slope, beta);
    } else {
        fill_row::<T, S, L, D, FMA, FLAT, false>(out, logits, distances, slope, beta);
    }
}

#[inline(always)]
fn fill_row<T, S, L, D, const FMA: bool, const FLAT: bool, const BROKEN: bool>(
    out: &mut [S],
    logits: L,
    mut distances: D,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    D: Distances<T::Accumulator, S>,
{
    let (chunks, rest) = out.as_chunks_mut::<LANES>();
    let start = chunks.len() * LANES;
    for (index, out) in chunks.iter_mut().enumerate() {
        logits.prefetch(index * LANES, out, AHEAD);
        let distances = distances.next(out);
        let values = logits.chunk(index * LANES, out);
        for lane in 0..LANES {
            let value = slope.at::<FMA, FLAT, BROKEN>(values[lane], distances[lane], beta);
            out[lane].put(T::narrow(value));
        }
    }
    if !rest.is_empty() {
        let distances = distances.last(rest);
        let values = logits.rest(start, rest);
        let mut slopes = [T::Accumulator::ZERO; LANES];
        for lane in 0..LANES {
            slopes[lane] = slope.at::<FMA, FLAT, BROKEN>(values[lane], distances[lane], beta);
        }
        for (out, slope) in rest.iter_mut().zip(slopes) {
            out.put(T::narrow(slope));
        }
    }
}

/// [`gradient_row`] in the instructions of the processor at hand.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
pub(crate) fn gradient_part<T, S, L, D>(
    out: &mut [S],
    logits: L,
    distances: D,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    D: Distances<T::Accumulator, S>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        gradient_row::<T, S, L, D>(out, logits, distances, slope, beta)
    );
}
