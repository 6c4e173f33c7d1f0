//! Reductions of interleaved lines, many at once: lanes run across the lines.

use std::ops::Range;

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, Lines, STATE,
    beta::Beta,
    column_sums::{DEPTH, Sums},
    coordinate::ColumnCoordinate,
    finish::{finish_columns, finish_each},
    parallel::share,
    partial::{LANES, Partial, Partials},
    peak::{filled_up, widened},
    prefetch::prefetch,
};

/// Elements of each line that are summed in the accumulator's precision, before they are added to
/// sums in double precision.
const BLOCK: usize = 128;

/// Lines of one task: as wide as memory is read well, and narrow enough that their sums stay in the
/// first cache.
pub(crate) const WIDTH: usize = 512;

/// Bytes ahead that memory is asked for, in each row of a tile: a row has few.
const AHEAD: usize = 512;

/// Long lines are reduced in pieces of this many elements, whatever the number of threads, so that
/// the result does not depend on it.
const PIECE: usize = 1 << 12;

/// The softmax average of a coordinate along every line, in the order of the reduced tensor, and if it
/// is kept the state, whose entries lie `inner` from the next.
pub(crate) fn average<T, C>(
    values: &[T],
    lines: Lines,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>)
where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
{
    let Lines { n, inner, .. } = lines;
    if n > PIECE {
        let partials = reduce_long(values, lines, coordinate, beta);
        return finish_columns(&partials, inner, keep_state);
    }
    let kept = if keep_state { lines.count() } else { 0 };
    let mut results = vec![T::ZERO; lines.count()];
    let mut state = vec![T::Accumulator::ZERO; STATE * kept];
    let mut states = state.chunks_exact_mut(STATE * inner).flat_map(|state| {
        let (max, rest) = state.split_at_mut(inner);
        let (sum, rest) = rest.split_at_mut(inner);
        let (centre, offset) = rest.split_at_mut(inner);
        let peaks = max.chunks_mut(WIDTH).zip(sum.chunks_mut(WIDTH));
        let places = centre.chunks_mut(WIDTH).zip(offset.chunks_mut(WIDTH));
        peaks
            .zip(places)
            .map(|((max, sum), (centre, offset))| [max, sum, centre, offset])
    });
    let tasks = results
        .chunks_exact_mut(inner)
        .enumerate()
        .flat_map(|(outer, results)| {
            results
                .chunks_mut(WIDTH)
                .enumerate()
                .map(move |tile| (outer, tile))
        })
        .map(|(outer, (tile, results))| {
            let start = outer * n * inner + tile * WIDTH;
            let tile = Tile {
                values,
                inner,
                start,
            };
            (tile, results, states.next())
        });
    share(tasks, values.len(), |(tile, results, state)| {
        let mut sums = no_sums(results.len());
        reduce_tile(tile, 0..n, coordinate, beta, results.len(), &mut sums);
        finish_tile(&sums, results, state);
    });
    (results, state)
}

/// The sums of lines longer than [`PIECE`], in pieces that threads share.
fn reduce_long<T, C>(
    values: &[T],
    lines: Lines,
    coordinate: C,
    beta: Beta<T::Accumulator>,
) -> Vec<Partial>
where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
{
    let Lines { n, inner, .. } = lines;
    let pieces = n.div_ceil(PIECE);
    let mut partials = vec![Partial::EMPTY; pieces * lines.count()];
    let tasks = partials
        .chunks_mut(inner)
        .enumerate()
        .flat_map(|(index, partials)| {
            let (outer, piece) = (index / pieces, index % pieces);
            let rows = piece * PIECE..n.min((piece + 1) * PIECE);
            let tiles = partials.chunks_mut(WIDTH).enumerate();
            tiles.map(move |(index, partials)| {
                let start = outer * n * inner + index * WIDTH;
                let tile = Tile {
                    values,
                    inner,
                    start,
                };
                (tile, rows.clone(), partials)
            })
        });
    share(tasks, values.len(), |(tile, rows, partials)| {
        let mut sums = no_sums(partials.len());
        let origin = coordinate.first_origin(rows.start);
        reduce_tile(tile, rows, coordinate, beta, partials.len(), &mut sums);
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
                *total = total.merge(*part, beta);
            }
        }
    }
    merged
}

/// No sums yet of so many lines.
fn no_sums<A: Accumulator>(lines: usize) -> Vec<Partials<A>> {
    vec![Partials::EMPTY; lines.div_ceil(LANES)]
}

/// Results and state of the lines of a tile.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn finish_tile<T: Element>(
    sums: &[Partials<T::Accumulator>],
    results: &mut [T],
    mut state: Option<[&mut [T::Accumulator]; STATE]>,
) {
    for (group, sums) in sums.iter().enumerate() {
        let lines = group * LANES..results.len().min((group + 1) * LANES);
        let (finished, entries) = finish_each::<T>(sums);
        results[lines.clone()].copy_from_slice(&finished[..lines.len()]);
        for (state, entry) in state.iter_mut().flatten().zip(entries) {
            state[lines.clone()].copy_from_slice(&entry[..lines.len()]);
        }
    }
}

/// Neighbouring lines.
#[derive(Clone, Copy)]
struct Tile<'a, T> {
    values: &'a [T],
    /// Places from one element of a line to the next.
    inner: usize,
    /// The first element of the first line.
    start: usize,
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn reduce_tile<T, C>(
    tile: Tile<T>,
    rows: Range<usize>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    lines: usize,
    sums: &mut [Partials<T::Accumulator>],
) where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        reduce_rows::<T, C>(tile, rows, coordinate, beta, lines, sums)
    );
}

#[inline(always)]
fn reduce_rows<T, C, const FMA: bool, const FLAT: bool>(
    tile: Tile<T>,
    rows: Range<usize>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    lines: usize,
    sums: &mut [Partials<T::Accumulator>],
) where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
{
    for first in rows.clone().step_by(BLOCK) {
        let last = rows.end.min(first + BLOCK);
        let mut block = [Sums::NONE; WIDTH / LANES];
        let block = &mut block[..sums.len()];
        for (block, sums) in block.iter_mut().zip(&*sums) {
            *block = Sums::about(sums);
        }
        for begin in (first..last).step_by(DEPTH) {
            let depth = DEPTH.min(last - begin);
            let index = begin - rows.start;
            for (group, sums) in block.iter_mut().enumerate() {
                let column = group * LANES;
                let width = LANES.min(lines - column);
                let place = tile.start + begin * tile.inner + column;
                let place = |row: usize| place + row * tile.inner;
                // Masks where there is no element: they weigh nothing.
                let masks = [T::Accumulator::NEG_INFINITY; LANES];
                let zeros = [T::Accumulator::ZERO; LANES];
                if depth == DEPTH && width == LANES {
                    for row in 0..DEPTH {
                        prefetch(&tile.values[place(row)..place(row) + LANES], AHEAD);
                    }
                    sums.observe::<FMA, FLAT>(
                        |row| widened(first_chunk(&tile.values[place(row)..])),
                        |row| coordinate.across(index + row, place(row)),
                        beta,
                    );
                } else if width == LANES {
                    sums.observe::<FMA, FLAT>(
                        |row| match row < depth {
                            true => widened(first_chunk(&tile.values[place(row)..])),
                            false => masks,
                        },
                        |row| match row < depth {
                            true => coordinate.across(index + row, place(row)),
                            false => zeros,
                        },
                        beta,
                    );
                } else {
                    let mut values = [masks; DEPTH];
                    let mut coordinates = [zeros; DEPTH];
                    for row in 0..depth {
                        values[row] = filled_up(&tile.values[place(row)..][..width]);
                        coordinates[row] = coordinate.across_rest(index + row, place(row), width);
                    }
                    sums.observe::<FMA, FLAT>(|row| values[row], |row| coordinates[row], beta);
                }
            }
        }
        for (sums, block) in sums.iter_mut().zip(block) {
            block.add_to::<FMA, FLAT>(sums, beta);
        }
    }
}

#[inline(always)]
fn first_chunk<T, const N: usize>(values: &[T]) -> &[T; N] {
    &values.as_chunks().0[0]
}
