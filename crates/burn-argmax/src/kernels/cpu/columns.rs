//! Reductions of interleaved lines, many at once: lanes run across the lines.

use std::ops::Range;

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, Lines,
    beta::{Beta, finite_max},
    coordinate::ColumnCoordinate,
    parallel::share,
    partial::{LANES, Partial, Partials},
    peak::{filled_up, widened},
};

/// Elements of each line that are held while their maximum is found and their weights are summed.
const DEPTH: usize = 8;

/// Lines of one task: as wide as memory is read well, and narrow enough that their sums stay in the
/// first cache.
pub(crate) const WIDTH: usize = 512;

/// Long lines are reduced in pieces of this many elements, whatever the number of threads, so that
/// the result does not depend on it.
const PIECE: usize = 1 << 12;

/// The sums of every line, in the order of the reduced tensor.
pub(crate) fn reduce<T, C>(
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
            partials
                .chunks_mut(WIDTH)
                .enumerate()
                .map(move |(index, partials)| {
                    let tile = Tile {
                        values,
                        inner,
                        start: outer * n * inner + index * WIDTH,
                    };
                    (tile, rows.clone(), partials)
                })
        });
    share(tasks, values.len(), |(tile, rows, partials)| {
        reduce_tile(tile, rows, coordinate, beta, partials);
    });
    if pieces > 1 {
        let mut merged = vec![Partial::EMPTY; lines.count()];
        let parts = partials.chunks_exact(pieces * inner);
        for (merged, parts) in merged.chunks_exact_mut(inner).zip(parts) {
            for part in parts.chunks_exact(inner) {
                for (total, part) in merged.iter_mut().zip(part) {
                    *total = total.merge(*part, beta);
                }
            }
        }
        partials = merged;
    }
    partials
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
    partials: &mut [Partial],
) where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        reduce_rows::<T, C>(tile, rows, coordinate, beta, partials)
    );
}

#[inline(always)]
fn reduce_rows<T, C, const FMA: bool, const FLAT: bool>(
    tile: Tile<T>,
    rows: Range<usize>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    partials: &mut [Partial],
) where
    T: Element,
    C: ColumnCoordinate<T::Accumulator>,
{
    let mut groups = [Partials::<T::Accumulator>::EMPTY; WIDTH / LANES];
    let groups = &mut groups[..partials.len().div_ceil(LANES)];
    for begin in rows.clone().step_by(DEPTH) {
        let depth = DEPTH.min(rows.end - begin);
        let index = begin - rows.start;
        for (group, sums) in groups.iter_mut().enumerate() {
            let column = group * LANES;
            let width = LANES.min(partials.len() - column);
            let place = tile.start + begin * tile.inner + column;
            if depth == DEPTH && width == LANES {
                sums.observe::<FMA, FLAT>(
                    |row| widened(first_chunk(&tile.values[place + row * tile.inner..])),
                    |row| coordinate.across(index + row, place + row * tile.inner),
                    beta,
                );
            } else {
                // Masks where there is no element: they weigh nothing.
                let mut values = [[T::Accumulator::NEG_INFINITY; LANES]; DEPTH];
                let mut coordinates = [[T::Accumulator::ZERO; LANES]; DEPTH];
                for row in 0..depth {
                    let place = place + row * tile.inner;
                    values[row] = filled_up(&tile.values[place..place + width]);
                    coordinates[row] = coordinate.across_rest(index + row, place, width);
                }
                sums.observe::<FMA, FLAT>(|row| values[row], |row| coordinates[row], beta);
            }
        }
    }
    let origin = coordinate.first_origin(rows.start);
    for (partials, sums) in partials.chunks_mut(LANES).zip(groups) {
        for (lane, partial) in partials.iter_mut().enumerate() {
            *partial = Partial {
                max: sums.max[lane].to_f64(),
                centre: sums.centre[lane].to_f64() + origin,
                sum: sums.sum[lane],
                weighted: sums.weighted[lane],
            };
        }
    }
}

impl<A: Accumulator> Partials<A> {
    /// With [`DEPTH`] more elements of each line, and their coordinates.
    #[inline(always)]
    fn observe<const FMA: bool, const FLAT: bool>(
        &mut self,
        values: impl Fn(usize) -> [A; LANES],
        coordinates: impl Fn(usize) -> [A; LANES],
        beta: Beta<A>,
    ) {
        let old = *self;
        let mut max = old.max;
        for row in 0..DEPTH {
            let values = values(row);
            for lane in 0..LANES {
                max[lane] = if values[lane] > max[lane] {
                    values[lane]
                } else {
                    max[lane]
                };
            }
        }
        // From the last to the first, so that the first of equal maxima is left, and before all of
        // them the one that was there.
        let mut centre = old.centre;
        for row in (0..DEPTH).rev() {
            let (values, coordinates) = (values(row), coordinates(row));
            for lane in 0..LANES {
                let hit = values[lane] == max[lane];
                centre[lane] = if hit { coordinates[lane] } else { centre[lane] };
            }
        }
        for lane in 0..LANES {
            let stays = old.max[lane] == max[lane];
            centre[lane] = if stays {
                old.centre[lane]
            } else {
                centre[lane]
            };
        }
        // A line of masks so far weighs nothing, but a NaN in it must not be lost.
        let mut about = max;
        for lane in 0..LANES {
            about[lane] = finite_max(max[lane]);
        }

        let mut sums = [A::ZERO; LANES];
        let mut weighted = [A::ZERO; LANES];
        for row in 0..DEPTH {
            let (values, coordinates) = (values(row), coordinates(row));
            for lane in 0..LANES {
                let e = beta.weight::<FMA, FLAT>(values[lane], about[lane]);
                let distance = coordinates[lane].sub(centre[lane]);
                sums[lane] = sums[lane].add(e);
                weighted[lane] = e.mul_add::<FMA>(distance, weighted[lane]);
            }
        }

        for lane in 0..LANES {
            let scale = beta
                .weight::<FMA, FLAT>(old.max[lane], about[lane])
                .to_f64();
            let shift = old.centre[lane].sub(centre[lane]).to_f64();
            let moved = old.weighted[lane] + shift * old.sum[lane];
            self.sum[lane] = scale * old.sum[lane] + sums[lane].to_f64();
            self.weighted[lane] = scale * moved + weighted[lane].to_f64();
        }
        self.max = max;
        self.centre = centre;
    }
}

#[inline(always)]
fn first_chunk<T, const N: usize>(values: &[T]) -> &[T; N] {
    &values.as_chunks().0[0]
}
