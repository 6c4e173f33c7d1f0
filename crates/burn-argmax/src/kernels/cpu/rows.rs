//! Reductions of contiguous lines.

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element,
    beta::{Beta, finite_max},
    coordinate::Coordinate,
    partial::Partial,
    peak::{Block, LANES, peak_of, total, widened},
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
        reduce_piece::<T, C>(piece, coordinate, beta, start)
    )
}

/// Reduces a piece of a line, or a whole line, that begins in place `start` of it.
#[inline(always)]
pub(crate) fn reduce_piece<T, C, const FMA: bool, const FLAT: bool>(
    piece: &[T],
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
        let start = start + index * BLOCK;
        let block = Block::new(block);
        let (max, place) = peak_of(block);
        if max.to_f64() > total.max {
            total = total.raised(max.to_f64(), coordinate.at(start + place), beta);
        }
        let (sum, weighted) = sum_block::<T, C, FMA, FLAT>(block, coordinate, total, beta, start);
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
    for (index, chunk) in block.chunks.iter().enumerate() {
        let distances = coordinate.distances(&mut next, start + index * LANES, centre);
        let weights = weights::<_, FMA, FLAT>(widened(chunk), max, beta);
        observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
    }
    if let Some(rest) = block.rest {
        let done = block.chunks.len() * LANES;
        let distances = coordinate.last_distances(&next, start + done, block.len - done, centre);
        let weights = weights::<_, FMA, FLAT>(rest, max, beta);
        observe::<_, FMA>(&mut sums, &mut weighted, weights, distances);
    }
    (total(sums), total(weighted))
}

#[inline(always)]
fn weights<A: Accumulator, const FMA: bool, const FLAT: bool>(
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
fn observe<A: Accumulator, const FMA: bool>(
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
