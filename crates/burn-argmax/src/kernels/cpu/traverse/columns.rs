//! Reductions of columns, many at once: lanes run across them.

use std::ops::Range;

use multiversion::target::target_cfg_f;

use super::{LineOp, Partial, Partials, column_block::BlockSums, coordinate::ColumnCoordinate};
use crate::kernels::cpu::{
    Accumulator, Element, Lines,
    plan::{COLUMN_BLOCK, COLUMN_PIECE, LANES, Path, REDUCED_ROWS, TILE, TILE_AHEAD},
    share::share,
    simd::{filled_up, prefetch, specialized, vectorized, widened},
};

/// The result of every line, in the order of the reduced tensor, and if it is kept the state, whose
/// entries lie `inner` from the next.
pub(super) fn reduce_columns<T, C, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    lines: Lines,
    coordinate: C,
    op: O,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>)
where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let Lines { n, inner, .. } = lines;
    if lines.path() == Path::ColumnPieces {
        let partials = reduce_long(values, lines, coordinate, op);
        return finish_columns::<T, O, SUMS, STATE>(&partials, inner, keep_state);
    }
    let kept = if keep_state { lines.count() } else { 0 };
    let mut results = vec![T::ZERO; lines.count()];
    let mut state = vec![T::Accumulator::ZERO; STATE * kept];
    let mut states = state.chunks_exact_mut(STATE * inner).flat_map(|state| {
        let mut entries = state.chunks_exact_mut(inner);
        let mut entries: [_; STATE] = std::array::from_fn(|_| {
            entries
                .next()
                .expect("there are as many entries")
                .chunks_mut(TILE)
        });
        (0..inner.div_ceil(TILE)).map(move |_| {
            entries
                .each_mut()
                .map(|tiles| tiles.next().expect("there are as many tiles"))
        })
    });
    let tasks = results
        .chunks_exact_mut(inner)
        .enumerate()
        .flat_map(|(outer, results)| {
            results
                .chunks_mut(TILE)
                .enumerate()
                .map(move |tile| (outer, tile))
        })
        .map(|(outer, (tile, results))| {
            let start = outer * n * inner + tile * TILE;
            let tile = Tile {
                values,
                inner,
                start,
            };
            (coordinate.of_part(outer, 0), tile, results, states.next())
        });
    share(tasks, values.len(), |(coordinate, tile, results, state)| {
        let mut sums = no_sums::<_, SUMS>(results.len());
        reduce_tile(tile, 0..n, coordinate, op, results.len(), &mut sums);
        finish_tile::<T, O, SUMS, STATE>(&sums, results, state);
    });
    (results, state)
}

/// The sums of lines longer than [`COLUMN_PIECE`], in pieces that threads share.
fn reduce_long<T, C, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    lines: Lines,
    coordinate: C,
    op: O,
) -> Vec<Partial<SUMS>>
where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let Lines { n, inner, .. } = lines;
    let pieces = n.div_ceil(COLUMN_PIECE);
    let mut partials = vec![Partial::EMPTY; pieces * lines.count()];
    let tasks = partials
        .chunks_mut(inner)
        .enumerate()
        .flat_map(|(index, partials)| {
            let (outer, piece) = (index / pieces, index % pieces);
            let rows = piece * COLUMN_PIECE..n.min((piece + 1) * COLUMN_PIECE);
            let coordinate = coordinate.of_part(outer, rows.start);
            let tiles = partials.chunks_mut(TILE).enumerate();
            tiles.map(move |(index, partials)| {
                let start = outer * n * inner + index * TILE;
                let tile = Tile {
                    values,
                    inner,
                    start,
                };
                (coordinate, tile, rows.clone(), partials)
            })
        });
    share(tasks, values.len(), |(coordinate, tile, rows, partials)| {
        let mut sums = no_sums::<_, SUMS>(partials.len());
        let origin = coordinate.first_origin(rows.start);
        reduce_tile(tile, rows, coordinate, op, partials.len(), &mut sums);
        for (partials, sums) in partials.chunks_mut(LANES).zip(sums) {
            for (lane, partial) in partials.iter_mut().enumerate() {
                *partial = sums.lane(lane, origin);
            }
        }
    });
    let mut merged = vec![Partial::EMPTY; lines.count()];
    let parts = partials.chunks_exact(pieces * inner);
    for (merged, parts) in merged.chunks_exact_mut(inner).zip(parts) {
        for part in parts.chunks_exact(inner) {
            for (total, part) in merged.iter_mut().zip(part) {
                *total = total.merge(*part, op);
            }
        }
    }
    merged
}

/// No sums yet of so many lines.
fn no_sums<A: Accumulator, const SUMS: usize>(lines: usize) -> Vec<Partials<A, SUMS>> {
    vec![Partials::EMPTY; lines.div_ceil(LANES)]
}

vectorized! {
    /// Results and state of the lines of a tile.
    fn finish_tile<T, O, const SUMS: usize, const STATE: usize>(
        sums: &[Partials<T::Accumulator, SUMS>],
        results: &mut [T],
        mut state: Option<[&mut [T::Accumulator]; STATE]>,
    ) where
        T: Element,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        for (group, sums) in sums.iter().enumerate() {
            let lines = group * LANES..results.len().min((group + 1) * LANES);
            let (finished, entries) = O::finish_each::<T>(sums);
            results[lines.clone()].copy_from_slice(&finished[..lines.len()]);
            for (state, entry) in state.iter_mut().flatten().zip(entries) {
                state[lines.clone()].copy_from_slice(&entry[..lines.len()]);
            }
        }
    }
}

/// Neighboring lines.
#[derive(Clone, Copy)]
struct Tile<'a, T> {
    values: &'a [T],
    /// Places from one element of a line to the next.
    inner: usize,
    /// The first element of the first line.
    start: usize,
}

vectorized! {
    /// What was in `sums` is lost.
    fn reduce_tile<T, C, O, const SUMS: usize, const STATE: usize>(
        tile: Tile<T>,
        rows: Range<usize>,
        coordinate: C,
        op: O,
        lines: usize,
        sums: &mut [Partials<T::Accumulator, SUMS>],
    ) where
        T: Element,
        C: ColumnCoordinate<T::Accumulator>,
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, reduce_rows::<T, C, O, SUMS, STATE>(tile, rows, coordinate, op, lines, sums));
    }
}

#[inline(always)]
fn reduce_rows<T, C, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    tile: Tile<T>,
    rows: Range<usize>,
    coordinate: C,
    op: O,
    lines: usize,
    sums: &mut [Partials<T::Accumulator, SUMS>],
) where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    for first in rows.clone().step_by(COLUMN_BLOCK) {
        let last = rows.end.min(first + COLUMN_BLOCK);
        // About the peaks of the block, since the largest of all may be far from all that weighs.
        let mut block = [BlockSums::EMPTY; TILE / LANES];
        let block = &mut block[..sums.len()];
        for begin in (first..last).step_by(REDUCED_ROWS) {
            let depth = REDUCED_ROWS.min(last - begin);
            let index = begin - rows.start;
            for (group, sums) in block.iter_mut().enumerate() {
                let column = group * LANES;
                let width = LANES.min(lines - column);
                let place = tile.start + begin * tile.inner + column;
                let place = |row: usize| place + row * tile.inner;
                // Masks where there is no element: they weigh nothing.
                let masks = [T::Accumulator::NEG_INFINITY; LANES];
                let zeros = [T::Accumulator::ZERO; LANES];
                if depth == REDUCED_ROWS && width == LANES {
                    for row in 0..REDUCED_ROWS {
                        prefetch(&tile.values[place(row)..place(row) + LANES], TILE_AHEAD);
                    }
                    sums.observe::<O, STATE, FMA>(
                        |row| widened(first_chunk(&tile.values[place(row)..])),
                        |row| coordinate.across(index + row, place(row)),
                        op,
                    );
                } else if width == LANES {
                    sums.observe::<O, STATE, FMA>(
                        |row| match row < depth {
                            true => widened(first_chunk(&tile.values[place(row)..])),
                            false => masks,
                        },
                        |row| match row < depth {
                            true => coordinate.across(index + row, place(row)),
                            false => zeros,
                        },
                        op,
                    );
                } else {
                    let mut values = [masks; REDUCED_ROWS];
                    let mut coordinates = [zeros; REDUCED_ROWS];
                    for row in 0..depth {
                        values[row] = filled_up(&tile.values[place(row)..][..width]);
                        coordinates[row] = coordinate.across_rest(index + row, place(row), width);
                    }
                    sums.observe::<O, STATE, FMA>(|row| values[row], |row| coordinates[row], op);
                }
            }
        }
        for (sums, block) in sums.iter_mut().zip(block) {
            if first == rows.start {
                *sums = block.partials();
            } else {
                block.add_to::<O, STATE, FMA>(sums, op);
            }
        }
    }
}

#[inline(always)]
fn first_chunk<T, const N: usize>(values: &[T]) -> &[T; N] {
    &values.as_chunks().0[0]
}

/// Results of columns, and if it is kept the state, whose entries lie `inner` from the next.
fn finish_columns<T, O, const SUMS: usize, const STATE: usize>(
    partials: &[Partial<SUMS>],
    inner: usize,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>)
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let kept = if keep_state { partials.len() } else { 0 };
    let mut results = vec![T::ZERO; partials.len()];
    let mut state = vec![T::Accumulator::ZERO; STATE * kept];
    for (line, (partial, result)) in partials.iter().zip(&mut results).enumerate() {
        let (value, entries) = O::finish::<T>(*partial);
        *result = value;
        if keep_state {
            let first = line / inner * STATE * inner + line % inner;
            for (entry, value) in entries.into_iter().enumerate() {
                state[first + entry * inner] = value;
            }
        }
    }
    (results, state)
}
