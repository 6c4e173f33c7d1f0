//! Contiguous lines of a few vectors, sixteen at a time: what is in their lanes is folded for all of
//! them together, which takes less than a line's own folds.

use std::hint::black_box;

use super::{
    Accumulator, Element,
    beta::{Beta, finite_max},
    coordinate::{Coordinate, Index},
    partial::{LANES, Partials},
    peak::{BEYOND, find, larger, raise, smaller, widened},
    prefetch::{AHEAD, prefetch},
    rows::{observe, weights},
};

/// Elements up to which lines are taken together: longer ones are read ahead block by block. They
/// have no fewer than [`LANES`].
pub(crate) const GROUPED: usize = 511;

/// Lanes of a line that are left when the lines are turned to fold these.
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

/// The sums of each of no more than [`LANES`] lines of `n` elements. Anything is in the lanes beyond.
#[inline(always)]
pub(crate) fn reduce_group<T: Element, const FMA: bool, const FLAT: bool>(
    lines: &[T],
    n: usize,
    beta: Beta<T::Accumulator>,
) -> Partials<T::Accumulator> {
    // Of the lines that come next, which are asked for while the weights of these are computed.
    let ahead = size_of_val(lines).max(AHEAD);
    let vectors = Vectors::new(n);
    let lines = lines.chunks_exact(n);
    let mut max = [[T::Accumulator::NEG_INFINITY; FEW]; LANES];
    for (max, line) in max.iter_mut().zip(lines.clone()) {
        let mut lanes = [T::Accumulator::NEG_INFINITY; LANES];
        raise(&mut lanes, vectors.last(line));
        for chunk in vectors.chunks(line) {
            raise(&mut lanes, widened(chunk));
        }
        *max = few_of(lanes, larger);
    }
    let max = fold_each(&max, larger);

    let mut centre = [[T::Accumulator::ZERO; FEW]; LANES];
    for ((centre, line), max) in centre.iter_mut().zip(lines.clone()).zip(max) {
        let mut first = [T::Accumulator::from_i32(BEYOND); LANES];
        find::<_, false>(&mut first, max, vectors.last(line), vectors.end);
        for (index, chunk) in vectors.chunks(line).iter().enumerate() {
            find::<_, false>(&mut first, max, widened(chunk), index * LANES);
        }
        *centre = few_of(first, smaller);
    }
    let centre = fold_each(&centre, smaller);

    // A line of masks weighs nothing, but a NaN in it must not be lost.
    let mut about = max;
    for about in &mut about {
        *about = finite_max(*about);
    }
    let mut sums = [[T::Accumulator::ZERO; FEW]; LANES];
    let mut weighted = [[T::Accumulator::ZERO; FEW]; LANES];
    let few = sums.iter_mut().zip(&mut weighted);
    let places = about.into_iter().zip(centre);
    for ((line, (max, centre)), (few_sums, few_weighted)) in lines.zip(places).zip(few) {
        let mut sums = [T::Accumulator::ZERO; LANES];
        let mut weighted = [T::Accumulator::ZERO; LANES];
        let mut next = Index.begin(centre);
        prefetch(&line[vectors.end..], ahead);
        for chunk in vectors.chunks(line) {
            prefetch(chunk, ahead);
            let distances = Index.distances(&mut next, 0, centre);
            let weights = weights::<_, FMA, FLAT>(widened(chunk), max, beta);
            observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
        }
        let distances = Index.begin(centre.sub(T::Accumulator::from_i32(vectors.end as i32)));
        let weights = weights::<_, FMA, FLAT>(vectors.last(line), max, beta);
        observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
        *few_sums = few_of(sums, Accumulator::add);
        *few_weighted = few_of(weighted, Accumulator::add);
    }
    let sums = fold_each(&sums, Accumulator::add);
    let weighted = fold_each(&weighted, Accumulator::add);
    Partials::new(max, centre, sums, weighted)
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
    let mut turned = [[A::ZERO; LANES]; FEW];
    for line in 0..LANES {
        for lane in 0..FEW {
            turned[lane][line] = few[line][lane];
        }
    }
    let [a, b, c, d] = turned;
    let mut folded = [A::ZERO; LANES];
    for line in 0..LANES {
        folded[line] = combine(combine(a[line], b[line]), combine(c[line], d[line]));
    }
    folded
}
