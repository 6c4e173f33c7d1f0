//! Reductions of rows, block by block.

use multiversion::target::target_cfg_f;

use super::{
    LineOp, Partial,
    block::{Block, GROUP, Top},
    coordinate::Coordinate,
    finite_max,
};
use crate::kernels::cpu::{
    Accumulator, Element,
    plan::{AHEAD, BLOCK, LANES},
    simd::{prefetch, raise, specialized, total, vectorized, widened},
};

vectorized! {
    /// [`reduce_row`] of one row, or of a piece that begins in place `start` of it.
    pub(super) fn reduce_piece<T, C, O, const SUMS: usize, const STATE: usize>(
        piece: &[T],
        coordinate: C,
        op: O,
        start: usize,
    ) -> Partial<SUMS>
    where
        T: Element,
        C: Coordinate<T::Accumulator>,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, reduce_alone::<T, C, O, SUMS, STATE>(piece, coordinate, op, start))
    }
}

#[inline(always)]
fn reduce_alone<T, C, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    piece: &[T],
    coordinate: C,
    op: O,
    start: usize,
) -> Partial<SUMS>
where
    T: Element,
    C: Coordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut top = Top::NONE;
    reduce_row::<T, C, O, SUMS, STATE, FMA>(piece, &[], &mut top, coordinate, op, start)
}

/// Reduces a row, or a piece of one that begins in place `start` of it.
///
/// `top` is what has been seen of its first block, and becomes what has been seen of the first of
/// `later`, which is reduced next: memory is read while weights are computed.
#[inline(always)]
pub(super) fn reduce_row<T, C, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    row: &[T],
    later: &[T],
    top: &mut Top<T::Accumulator>,
    coordinate: C,
    op: O,
    start: usize,
) -> Partial<SUMS>
where
    T: Element,
    C: Coordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mut total = Partial::EMPTY;
    for (index, block) in row.chunks(BLOCK).enumerate() {
        let done = (index + 1) * BLOCK;
        let later = if done < row.len() {
            &row[done..]
        } else {
            later
        };
        let later = &later[..later.len().min(BLOCK)];
        let start = start + index * BLOCK;
        let block = Block::new(block);
        let (max, place) = top.peak_of(block);
        *top = Top::NONE;
        // About the peak of the block, since the largest of all may be far from all that weighs.
        let center = match max == T::Accumulator::NEG_INFINITY {
            true => total.center,
            false => coordinate.at(start + place),
        };
        if max.to_f64() > total.max {
            total = total.raised(max.to_f64(), center, op);
        }
        let about = [total.max, center];
        let sums =
            sum_block::<T, C, O, SUMS, STATE, FMA>(block, later, top, coordinate, about, op, start);
        total.add(O::moved::<f64, false>(sums, 1.0, center - total.center));
    }
    total
}

/// The sums of a block that begins in place `start`, about a maximum and a coordinate.
#[inline(always)]
fn sum_block<T, C, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    block: Block<T>,
    later: &[T],
    top: &mut Top<T::Accumulator>,
    coordinate: C,
    [max, center]: [f64; 2],
    op: O,
    start: usize,
) -> [f64; SUMS]
where
    T: Element,
    C: Coordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let max = [finite_max(T::Accumulator::from_f64(max)); LANES];
    let center = T::Accumulator::from_f64(center - coordinate.origin(start));
    let mut sums = [[T::Accumulator::ZERO; LANES]; SUMS];
    let mut next = coordinate.begin(center);
    let groups = block.chunks.as_chunks::<GROUP>().0.iter();
    let later = later.as_chunks::<LANES>().0.as_chunks::<GROUP>().0;
    let mut place = start;
    for (chunks, later) in groups.zip(later) {
        let mut raised = [T::Accumulator::NEG_INFINITY; LANES];
        // In levels: a long chain of large addends would lose the small ones.
        let mut group = [[T::Accumulator::ZERO; LANES]; SUMS];
        for chunk in 0..GROUP {
            prefetch(&later[chunk], AHEAD);
            raise(&mut raised, widened(&later[chunk]));
            let distances = coordinate.distances(&mut next, place, center);
            op.observe::<FMA>(&mut group, widened(&chunks[chunk]), max, distances);
            place += LANES;
        }
        top.observe(raised);
        add(&mut sums, group);
    }
    for chunks in block.chunks[(place - start) / LANES..].chunks(GROUP) {
        let mut group = [[T::Accumulator::ZERO; LANES]; SUMS];
        for chunk in chunks {
            let distances = coordinate.distances(&mut next, place, center);
            op.observe::<FMA>(&mut group, widened(chunk), max, distances);
            place += LANES;
        }
        add(&mut sums, group);
    }
    if let Some(tail) = block.tail {
        let count = block.len - (place - start);
        let distances = coordinate.last_distances(&next, place, count, center);
        op.observe::<FMA>(&mut sums, tail, max, distances);
    }
    sums.map(total)
}

#[inline(always)]
fn add<A: Accumulator, const SUMS: usize>(
    sums: &mut [[A; LANES]; SUMS],
    others: [[A; LANES]; SUMS],
) {
    for (sums, others) in sums.iter_mut().zip(&others) {
        for lane in 0..LANES {
            sums[lane] = sums[lane].add(others[lane]);
        }
    }
}
