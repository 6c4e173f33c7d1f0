//! Reductions of contiguous lines.

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element,
    beta::{Beta, finite_max},
    coordinate::Coordinate,
    partial::Partial,
    peak::{Block, GROUP, LANES, Top, raise, total, widened},
    prefetch::{AHEAD, prefetch},
};

/// Elements whose maximum is found before their weights are summed: they stay in the first cache
/// between the two.
const BLOCK: usize = 2048;

/// [`reduce_piece`] in the instructions of the processor at hand.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
pub(crate) fn reduce<T, C>(
    piece: &[T],
    coordinate: C,
    beta: Beta<T::Accumulator>,
    start: usize,
) -> Partial
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        reduce_alone::<T, C>(piece, coordinate, beta, start)
    )
}

#[inline(always)]
fn reduce_alone<T, C, const FMA: bool, const FLAT: bool>(
    piece: &[T],
    coordinate: C,
    beta: Beta<T::Accumulator>,
    start: usize,
) -> Partial
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let mut top = Top::NONE;
    reduce_piece::<T, C, FMA, FLAT>(piece, &[], &mut top, coordinate, beta, start)
}

/// Reduces a piece of a line, or a whole line, that begins in place `start` of it.
///
/// `top` is what has been seen of its first block, and becomes what has been seen of the first of
/// `later`, which is reduced next: memory is read while weights are computed.
#[inline(always)]
pub(crate) fn reduce_piece<T, C, const FMA: bool, const FLAT: bool>(
    piece: &[T],
    later: &[T],
    top: &mut Top<T::Accumulator>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    start: usize,
) -> Partial
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let mut total = Partial::EMPTY;
    for (index, block) in piece.chunks(BLOCK).enumerate() {
        let done = (index + 1) * BLOCK;
        let later = if done < piece.len() {
            &piece[done..]
        } else {
            later
        };
        let later = &later[..later.len().min(BLOCK)];
        let start = start + index * BLOCK;
        let block = Block::new(block);
        let (max, place) = top.peak_of(block);
        *top = Top::NONE;
        if max.to_f64() > total.max {
            total = total.raised(max.to_f64(), coordinate.at(start + place), beta);
        }
        let (sum, weighted) =
            sum_block::<T, C, FMA, FLAT>(block, later, top, coordinate, total, beta, start);
        total.sum += sum;
        total.weighted += weighted;
    }
    total
}

/// The sum of the weights of a block that begins in place `start`, about the maximum of `about`, and
/// their weighted sum.
#[inline(always)]
fn sum_block<T, C, const FMA: bool, const FLAT: bool>(
    block: Block<T>,
    later: &[T],
    top: &mut Top<T::Accumulator>,
    coordinate: C,
    about: Partial,
    beta: Beta<T::Accumulator>,
    start: usize,
) -> (f64, f64)
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    // A line of masks so far weighs nothing, but a NaN in it must not be lost.
    let max = finite_max(T::Accumulator::from_f64(about.max));
    let centre = T::Accumulator::from_f64(about.centre - coordinate.origin(start));
    let mut sums = [T::Accumulator::ZERO; LANES];
    let mut weighted = [T::Accumulator::ZERO; LANES];
    let mut next = coordinate.begin(centre);
    let groups = block.chunks.as_chunks::<GROUP>().0.iter();
    let later = later.as_chunks::<LANES>().0.as_chunks::<GROUP>().0;
    let mut place = start;
    for (chunks, later) in groups.zip(later) {
        let mut raised = [T::Accumulator::NEG_INFINITY; LANES];
        for chunk in 0..GROUP {
            prefetch(&later[chunk], AHEAD);
            raise(&mut raised, widened(&later[chunk]));
            let distances = coordinate.distances(&mut next, place, centre);
            let weights = weights::<_, FMA, FLAT>(widened(&chunks[chunk]), max, beta);
            observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
            place += LANES;
        }
        top.observe(raised);
    }
    for chunk in &block.chunks[(place - start) / LANES..] {
        let distances = coordinate.distances(&mut next, place, centre);
        let weights = weights::<_, FMA, FLAT>(widened(chunk), max, beta);
        observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
        place += LANES;
    }
    if let Some(rest) = block.rest {
        let count = block.len - (place - start);
        let distances = coordinate.last_distances(&next, place, count, centre);
        let weights = weights::<_, FMA, FLAT>(rest, max, beta);
        observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
    }
    (total(sums), total(weighted))
}

#[inline(always)]
pub(crate) fn weights<A: Accumulator, const FMA: bool, const FLAT: bool>(
    values: [A; LANES],
    max: A,
    beta: Beta<A>,
) -> [A; LANES] {
    let mut weights = values;
    for weight in &mut weights {
        *weight = beta.weight::<FMA, FLAT>(*weight, max);
    }
    weights
}

#[inline(always)]
pub(crate) fn observe<A: Accumulator, const FMA: bool>(
    sums: &mut [A; LANES],
    weighted: &mut [A; LANES],
    weights: [A; LANES],
    distances: [A; LANES],
) {
    for lane in 0..LANES {
        sums[lane] = sums[lane].add(weights[lane]);
        weighted[lane] = weights[lane].mul_add::<FMA>(distances[lane], weighted[lane]);
    }
}
