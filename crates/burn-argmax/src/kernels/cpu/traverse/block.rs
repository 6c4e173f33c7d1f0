//! The first maximum of a block of a contiguous line.

use crate::kernels::cpu::{
    Accumulator, Element,
    plan::{AHEAD, LANES},
    simd::{filled_up, fold, larger, prefetch, raise, smaller, widened},
};

/// Beyond every place of a block: a block is no longer than this.
pub(crate) const BEYOND: i32 = 1 << 23;

/// A block of a contiguous line as vectors.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, T: Element> {
    pub chunks: &'a [[T; LANES]],
    /// The last few elements, and masks beyond them: laid out once for all that is done with them.
    pub tail: Option<[T::Accumulator; LANES]>,
    pub len: usize,
}

impl<'a, T: Element> Block<'a, T> {
    #[inline(always)]
    pub fn new(values: &'a [T]) -> Self {
        let (chunks, tail) = values.as_chunks();
        Self {
            chunks,
            tail: (!tail.is_empty()).then(|| filled_up(tail)),
            len: values.len(),
        }
    }
}

/// Chunks whose largest value is found before it is compared with that of others: to look for a place
/// takes longer than to look for a value.
pub(crate) const GROUP: usize = 8;

/// Groups from which that pays.
const GROUPS: usize = 4;

/// The largest value of a block that is not NaN, and its first place; `-inf` and 0 if there is none.
#[inline(always)]
pub(crate) fn peak_of<T: Element>(block: Block<T>) -> (T::Accumulator, usize) {
    Top::NONE.peak_of(block)
}

/// The first NaN of a block and its place, else the same of the largest value.
#[inline(always)]
pub(crate) fn nan_or_peak_of<T: Element>(values: &[T]) -> (T::Accumulator, usize) {
    let block = Block::new(values);
    let (groups, last) = block.chunks.as_chunks::<GROUP>();
    let mut top = Top::NONE;
    let mut nan = [false; LANES];
    for chunks in groups {
        for chunk in chunks {
            prefetch(chunk, AHEAD);
            mark_nan(&mut nan, widened(chunk));
        }
        top.observe(max_of::<T>(chunks, None));
    }
    for values in last.iter().map(widened).chain(block.tail) {
        mark_nan(&mut nan, values);
    }
    let place = if nan.contains(&true) {
        first_of::<T, true>(block.chunks, block.tail, T::Accumulator::NAN)
    } else {
        top.peak_of(block).1
    };
    (values[place].widen(), place)
}

#[inline(always)]
pub(super) fn mark_nan<A: Accumulator>(nan: &mut [bool; LANES], values: [A; LANES]) {
    for (nan, value) in nan.iter_mut().zip(values) {
        *nan |= value.is_nan();
    }
}

/// The largest value of each lane that is not NaN, and the first group of chunks that it is in, in the
/// groups of a block so far.
///
/// Without a branch: where the value lies cannot be predicted. A block is short enough for the
/// places to be exact in the accumulator.
#[derive(Clone, Copy)]
pub(crate) struct Top<A> {
    max: [A; LANES],
    group: [A; LANES],
    groups: usize,
}

impl<A: Accumulator> Top<A> {
    /// Nothing yet.
    pub const NONE: Self = Self {
        max: [A::NEG_INFINITY; LANES],
        group: [A::ZERO; LANES],
        groups: 0,
    };

    /// With the largest values of the next group.
    #[inline(always)]
    pub fn observe(&mut self, values: [A; LANES]) {
        let index = A::from_i32(self.groups as i32);
        for ((group, max), value) in self.group.iter_mut().zip(self.max).zip(values) {
            *group = if value > max { index } else { *group };
        }
        raise(&mut self.max, values);
        self.groups += 1;
    }

    /// The largest value of a block that is not NaN, and its first place, with the groups that are
    /// not yet seen; `-inf` and 0 if there is none.
    #[inline(always)]
    pub fn peak_of<T: Element<Accumulator = A>>(mut self, block: Block<T>) -> (A, usize) {
        let Block { chunks, tail, len } = block;
        let (groups, last) = chunks.as_chunks::<GROUP>();
        if groups.len() < GROUPS {
            let max = fold(max_of::<T>(chunks, tail), larger);
            let place = first_of::<T, false>(chunks, tail, max);
            return (max, if place < len { place } else { 0 });
        }
        for chunks in &groups[self.groups..] {
            self.observe(max_of::<T>(chunks, None));
        }
        self.observe(max_of::<T>(last, tail));

        let max = fold(self.max, larger);
        for lane in 0..LANES {
            let hit = self.max[lane] == max;
            let beyond = A::from_i32(BEYOND);
            self.group[lane] = if hit { self.group[lane] } else { beyond };
        }
        let group = fold(self.group, smaller).to_f64() as usize;
        let place = match groups.get(group) {
            Some(chunks) => first_of::<T, false>(chunks, None, max),
            None => first_of::<T, false>(last, tail, max),
        };
        let place = group * GROUP * LANES + place;
        (max, if place < len { place } else { 0 })
    }
}

/// The largest value of each lane that is not NaN.
#[inline(always)]
pub(super) fn max_of<T: Element>(
    chunks: &[[T; LANES]],
    tail: Option<[T::Accumulator; LANES]>,
) -> [T::Accumulator; LANES] {
    let mut max = [T::Accumulator::NEG_INFINITY; LANES];
    for chunk in chunks {
        raise(&mut max, widened(chunk));
    }
    if let Some(tail) = tail {
        raise(&mut max, tail);
    }
    max
}

/// The first place of a value, beyond the chunks if there is none; or with `NAN` the first of a NaN.
#[inline(always)]
fn first_of<T: Element, const NAN: bool>(
    chunks: &[[T; LANES]],
    tail: Option<[T::Accumulator; LANES]>,
    value: T::Accumulator,
) -> usize {
    let mut first = [T::Accumulator::from_i32(BEYOND); LANES];
    for (index, chunk) in chunks.iter().enumerate() {
        find::<_, NAN>(&mut first, value, widened(chunk), index * LANES);
    }
    if let Some(tail) = tail {
        find::<_, NAN>(&mut first, value, tail, chunks.len() * LANES);
    }
    fold(first, smaller).to_f64() as usize
}

#[inline(always)]
pub(crate) fn find<A: Accumulator, const NAN: bool>(
    first: &mut [A; LANES],
    value: A,
    values: [A; LANES],
    index: usize,
) {
    let index = A::from_i32(index as i32);
    for lane in 0..LANES {
        let place = index.add(A::from_i32(lane as i32));
        let hit = if NAN {
            values[lane].is_nan()
        } else {
            values[lane] == value
        };
        let place = if hit { place } else { A::from_i32(BEYOND) };
        first[lane] = smaller(first[lane], place);
    }
}
