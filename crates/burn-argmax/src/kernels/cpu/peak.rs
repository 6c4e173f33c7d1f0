//! The first maximum of a block of a contiguous line.

use std::hint::black_box;

use super::{Accumulator, Element};

/// Elements compared side by side.
pub(crate) const LANES: usize = 16;

/// Beyond every place of a block: a block is no longer than this.
const BEYOND: i32 = 1 << 23;

/// A block of a contiguous line as vectors.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, T: Element> {
    pub chunks: &'a [[T; LANES]],
    /// The last few elements, and masks beyond them: laid out once for all that is done with them.
    pub rest: Option<[T::Accumulator; LANES]>,
    pub len: usize,
}

impl<'a, T: Element> Block<'a, T> {
    #[inline(always)]
    pub fn new(values: &'a [T]) -> Self {
        let (chunks, rest) = values.as_chunks();
        Self {
            chunks,
            rest: (!rest.is_empty()).then(|| filled_up(rest)),
            len: values.len(),
        }
    }
}

/// The largest value of a block that is not NaN, and its first place; `-inf` and 0 if there is none.
#[inline(always)]
pub(crate) fn peak_of<T: Element>(block: Block<T>) -> (T::Accumulator, usize) {
    let max = max_of(block);
    let place = first_of::<T, false>(block, max);
    (max, if place < block.len { place } else { 0 })
}

/// The first NaN of a block and its place, else the same of the largest value.
#[inline(always)]
pub(crate) fn nan_or_peak_of<T: Element>(values: &[T]) -> (T::Accumulator, usize) {
    let block = Block::new(values);
    let max = max_of(block);
    let place = first_of::<T, true>(block, max);
    (values[place].widen(), place)
}

/// The largest value that is not NaN.
#[inline(always)]
fn max_of<T: Element>(block: Block<T>) -> T::Accumulator {
    let mut max = [T::Accumulator::NEG_INFINITY; LANES];
    for chunk in block.chunks {
        raise(&mut max, widened(chunk));
    }
    if let Some(rest) = block.rest {
        raise(&mut max, rest);
    }
    fold(max, larger)
}

/// The first place of a value, beyond the block if there is none; with `NAN` that of a NaN before it.
///
/// Without a branch: where the value lies cannot be predicted. A block is short enough for the
/// places to be exact in the accumulator.
#[inline(always)]
fn first_of<T: Element, const NAN: bool>(block: Block<T>, value: T::Accumulator) -> usize {
    let mut first = [T::Accumulator::from_i32(BEYOND); LANES];
    for (index, chunk) in block.chunks.iter().enumerate() {
        find::<_, NAN>(&mut first, value, widened(chunk), index * LANES);
    }
    if let Some(rest) = block.rest {
        find::<_, NAN>(&mut first, value, rest, block.chunks.len() * LANES);
    }
    let first = fold(first, smaller).to_f64() as i32;
    (if first < 0 { first + BEYOND } else { first }) as usize
}

#[inline(always)]
fn raise<A: Accumulator>(max: &mut [A; LANES], values: [A; LANES]) {
    for lane in 0..LANES {
        max[lane] = larger(max[lane], values[lane]);
    }
}

/// The places of NaN count from `-BEYOND`, so that the first of them comes before all others.
#[inline(always)]
fn find<A: Accumulator, const NAN: bool>(
    first: &mut [A; LANES],
    value: A,
    values: [A; LANES],
    index: usize,
) {
    let beyond = A::from_i32(BEYOND);
    let index = A::from_i32(index as i32);
    for lane in 0..LANES {
        let place = index.add(A::from_i32(lane as i32));
        let hit = if values[lane] == value { place } else { beyond };
        let nan = NAN && values[lane].is_nan();
        let hit = if nan { place.sub(beyond) } else { hit };
        first[lane] = smaller(first[lane], hit);
    }
}

#[inline(always)]
fn larger<A: Accumulator>(a: A, b: A) -> A {
    if b > a { b } else { a }
}

#[inline(always)]
fn smaller<A: Accumulator>(a: A, b: A) -> A {
    if b < a { b } else { a }
}

/// A vector of elements, as sums take them.
#[inline(always)]
pub(crate) fn widened<T: Element, const N: usize>(chunk: &[T; N]) -> [T::Accumulator; N] {
    let mut values = [T::Accumulator::ZERO; N];
    for lane in 0..N {
        values[lane] = chunk[lane].widen();
    }
    values
}

/// The last elements of a line, and masks in the lanes beyond: they weigh nothing.
#[inline(always)]
pub(crate) fn filled_up<T: Element, const N: usize>(rest: &[T]) -> [T::Accumulator; N] {
    let mut values = [T::Accumulator::NEG_INFINITY; N];
    for (lane, value) in values.iter_mut().zip(rest) {
        *lane = value.widen();
    }
    values
}

/// Combines lanes by halves: a chain of as many steps as there are lanes would cost a short row
/// more than its elements.
#[inline(always)]
pub(crate) fn fold<A: Copy, const N: usize>(lanes: [A; N], combine: impl Fn(A, A) -> A) -> A {
    // Seen together with the loop before it, the compiler would permute the lanes in every turn of
    // the loop to suit the halves.
    let mut lanes = black_box(lanes);
    let mut half = N / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = combine(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The sum of lanes: by halves as they are, and in double precision once they are few.
#[inline(always)]
pub(crate) fn total<A: Accumulator, const N: usize>(lanes: [A; N]) -> f64 {
    const FEW: usize = 8;
    const { assert!(N == 2 * FEW) };
    let lanes = black_box(lanes);
    let mut few = [0.0; FEW];
    for lane in 0..FEW {
        few[lane] = lanes[lane].add(lanes[lane + FEW]).to_f64();
    }
    fold(few, |a, b| a + b)
}
