//! Rows of a few vectors, sixteen at a time: what is in their lanes is folded for all of
//! them together, which takes less than a line's own folds.

use std::hint::black_box;

use super::{
    LineOp, Partials,
    block::{BEYOND, find},
    coordinate::{Coordinate, Index},
    finite_max,
};
use crate::kernels::cpu::{
    Accumulator, Element,
    plan::{AHEAD, LANES},
    simd::{larger, prefetch, raise, smaller, widened},
};

/// Lanes of a line that are left when the lines are transposed to fold these.
const FEW: usize = 4;

/// Lines of `n` elements as vectors. The last reaches back over what the one before has of the line,
/// and masks it.
#[derive(Clone, Copy)]
struct Vectors<A> {
    /// Where the last begins.
    end: usize,
    /// No value in the last is larger.
    caps: [A; LANES],
}

impl<A: Accumulator> Vectors<A> {
    #[inline(always)]
    fn new(n: usize) -> Self {
        let end = n - LANES;
        let again = end.next_multiple_of(LANES) - end;
        let mut caps = [A::ZERO.sub(A::NEG_INFINITY); LANES];
        caps[..again].fill(A::NEG_INFINITY);
        Self { end, caps }
    }

    #[inline(always)]
    fn chunks<T: Element<Accumulator = A>>(self, line: &[T]) -> &[[T; LANES]] {
        line[..self.end.next_multiple_of(LANES)].as_chunks().0
    }

    /// A NaN stays, which the line has anyway.
    #[inline(always)]
    fn last<T: Element<Accumulator = A>>(self, line: &[T]) -> [A; LANES] {
        let mut last = widened(&line[self.end..].as_chunks().0[0]);
        for (value, cap) in last.iter_mut().zip(self.caps) {
            *value = smaller(*value, cap);
        }
        last
    }
}

/// The sums of each of no more than [`LANES`] rows of `n` elements. Anything is in the lanes beyond.
#[inline(always)]
pub(super) fn reduce_group<T, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    rows: &[T],
    n: usize,
    op: O,
) -> Partials<T::Accumulator, SUMS>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    // Of the rows that come next, which are asked for while the weights of these are computed.
    let ahead = size_of_val(rows).max(AHEAD);
    let vectors = Vectors::new(n);
    let rows = rows.chunks_exact(n);
    let mut max = [[T::Accumulator::NEG_INFINITY; FEW]; LANES];
    for (max, row) in max.iter_mut().zip(rows.clone()) {
        let mut lanes = [T::Accumulator::NEG_INFINITY; LANES];
        raise(&mut lanes, vectors.last(row));
        for chunk in vectors.chunks(row) {
            raise(&mut lanes, widened(chunk));
        }
        *max = few_of(lanes, larger);
    }
    let max = fold_each(&max, larger);

    let mut center = [[T::Accumulator::ZERO; FEW]; LANES];
    for ((center, row), max) in center.iter_mut().zip(rows.clone()).zip(max) {
        let mut first = [T::Accumulator::from_i32(BEYOND); LANES];
        find::<_, false>(&mut first, max, vectors.last(row), vectors.end);
        for (index, chunk) in vectors.chunks(row).iter().enumerate() {
            find::<_, false>(&mut first, max, widened(chunk), index * LANES);
        }
        *center = few_of(first, smaller);
    }
    let center = fold_each(&center, smaller);

    let mut few = [[[T::Accumulator::ZERO; FEW]; LANES]; SUMS];
    for (index, row) in rows.enumerate().take(LANES) {
        let (max, center) = ([finite_max(max[index]); LANES], center[index]);
        let mut sums = [[T::Accumulator::ZERO; LANES]; SUMS];
        let mut next = Index.begin(center);
        prefetch(&row[vectors.end..], ahead);
        for chunk in vectors.chunks(row) {
            prefetch(chunk, ahead);
            let distances = Index.distances(&mut next, 0, center);
            op.observe::<FMA>(&mut sums, widened(chunk), max, distances);
        }
        let distances = Index.begin(center.sub(T::Accumulator::from_i32(vectors.end as i32)));
        op.observe::<FMA>(&mut sums, vectors.last(row), max, distances);
        for (few, sums) in few.iter_mut().zip(sums) {
            few[index] = few_of(sums, Accumulator::add);
        }
    }
    let mut sums = [[T::Accumulator::ZERO; LANES]; SUMS];
    for (sums, few) in sums.iter_mut().zip(&few) {
        *sums = fold_each(few, Accumulator::add);
    }
    Partials::new(max, center, sums)
}

/// Combines the lanes of a line by halves, to the last few.
#[inline(always)]
fn few_of<A: Accumulator>(lanes: [A; LANES], combine: impl Fn(A, A) -> A) -> [A; FEW] {
    // As in a fold: the loop before it would permute them in every turn.
    let lanes = black_box(lanes);
    let mut half = [A::ZERO; LANES / 2];
    for lane in 0..LANES / 2 {
        half[lane] = combine(lanes[lane], lanes[lane + LANES / 2]);
    }
    let mut few = [A::ZERO; FEW];
    for lane in 0..FEW {
        few[lane] = combine(half[lane], half[lane + FEW]);
    }
    few
}

/// Combines the last few lanes of each line.
#[inline(always)]
fn fold_each<A: Accumulator>(few: &[[A; FEW]; LANES], combine: impl Fn(A, A) -> A) -> [A; LANES] {
    let few = black_box(few);
    let mut transposed = [[A::ZERO; LANES]; FEW];
    for line in 0..LANES {
        for lane in 0..FEW {
            transposed[lane][line] = few[line][lane];
        }
    }
    let [a, b, c, d] = transposed;
    let mut folded = [A::ZERO; LANES];
    for line in 0..LANES {
        folded[line] = combine(combine(a[line], b[line]), combine(c[line], d[line]));
    }
    folded
}
