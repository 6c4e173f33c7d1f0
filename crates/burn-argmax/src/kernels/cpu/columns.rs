//! Reductions of interleaved lines, many at once: lanes run across the lines.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Accumulator, Element, Lines,
    coordinate::Coordinate,
    parallel::{PARALLEL, TASK, filled},
    rows::{Beta, Partial, softmax_weight},
};

/// Lines reduced together.
const LANES: usize = 32;

/// Elements of each line whose maximum is found before their weights are summed.
const BLOCK: usize = 64;

/// The sums of every line, in the order of the reduced tensor.
pub(crate) fn reduce<T, C>(
    values: &[T],
    lines: Lines,
    coordinate: C,
    beta: Beta<T::Accumulator>,
) -> Vec<Partial>
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let mut partials = vec![Partial::EMPTY; lines.count()];
    let tile = |(outer, first, partials): (usize, usize, &mut [Partial])| {
        reduce_tile(values, lines, outer, first, coordinate, beta, partials);
    };
    let tiles = partials
        .chunks_mut(lines.inner)
        .enumerate()
        .flat_map(|(outer, partials)| {
            partials
                .chunks_mut(LANES)
                .enumerate()
                .map(move |(index, partials)| (outer, index * LANES, partials))
        });
    if values.len() < PARALLEL {
        tiles.for_each(tile);
    } else {
        let tiles: Vec<_> = tiles.collect();
        tiles
            .into_par_iter()
            .with_min_len(TASK.div_ceil(lines.n * LANES))
            .for_each(tile);
    }
    partials
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn reduce_tile<T, C>(
    values: &[T],
    lines: Lines,
    outer: usize,
    first: usize,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    partials: &mut [Partial],
) where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let tile = Tile {
        values,
        lines,
        start: outer * lines.n * lines.inner + first,
        width: partials.len(),
    };
    match (fma, beta.wide == 0.0) {
        (true, false) => tile.reduce::<C, true, false>(coordinate, beta, partials),
        (true, true) => tile.reduce::<C, true, true>(coordinate, beta, partials),
        (false, false) => tile.reduce::<C, false, false>(coordinate, beta, partials),
        (false, true) => tile.reduce::<C, false, true>(coordinate, beta, partials),
    }
}

/// Up to [`LANES`] neighbouring lines.
struct Tile<'a, T> {
    values: &'a [T],
    lines: Lines,
    /// The first element of the first line.
    start: usize,
    width: usize,
}

impl<T: Element> Tile<'_, T> {
    /// Where element `index` of a line lies among the coordinates. Lanes without a line get the
    /// last line's, and are dropped.
    #[inline(always)]
    fn place(&self, index: usize, lane: usize) -> usize {
        self.start + index * self.lines.inner + lane.min(self.width - 1)
    }

    /// Element `index` of every line; a mask in the lanes that have none.
    #[inline(always)]
    fn load(&self, index: usize) -> [T::Accumulator; LANES] {
        let position = self.start + index * self.lines.inner;
        let mut lanes = [T::Accumulator::NEG_INFINITY; LANES];
        let row = &self.values[position..position + self.width];
        if let Ok(row) = <&[T; LANES]>::try_from(row) {
            for lane in 0..LANES {
                lanes[lane] = row[lane].widen();
            }
        } else {
            for (lane, value) in lanes.iter_mut().zip(row) {
                *lane = value.widen();
            }
        }
        lanes
    }

    /// How far the coordinate of element `index` of every line is from its argmax's.
    #[inline(always)]
    fn distances<C: Coordinate<T::Accumulator>>(
        &self,
        coordinate: C,
        index: usize,
        argmax: &[i32; LANES],
        centre: &[T::Accumulator; LANES],
    ) -> [T::Accumulator; LANES] {
        coordinate.across(
            self.place(index, 0),
            self.width,
            argmax.map(|argmax| index as i32 - argmax),
            centre,
        )
    }

    #[inline(always)]
    fn reduce<C, const FMA: bool, const FLAT: bool>(
        &self,
        coordinate: C,
        beta: Beta<T::Accumulator>,
        partials: &mut [Partial],
    ) where
        C: Coordinate<T::Accumulator>,
    {
        let mut max = [T::Accumulator::NEG_INFINITY; LANES];
        let mut argmax = [0i32; LANES];
        for begin in (0..self.lines.n).step_by(BLOCK) {
            let end = (begin + BLOCK).min(self.lines.n);

            let mut nan = [false; LANES];
            let (old_max, old_argmax) = (max, argmax);
            for index in begin..end {
                let values = self.load(index);
                for lane in 0..LANES {
                    let larger = values[lane] > max[lane];
                    max[lane] = if larger { values[lane] } else { max[lane] };
                    argmax[lane] = if larger { index as i32 } else { argmax[lane] };
                    nan[lane] |= values[lane].is_nan();
                }
            }
            for (lane, partial) in partials.iter_mut().enumerate() {
                if max[lane] > old_max[lane] {
                    let place = |index: i32| self.place(index as usize, lane);
                    let shift = coordinate.between(place(old_argmax[lane]), place(argmax[lane]));
                    *partial =
                        partial.raised(max[lane].to_f64(), argmax[lane] as usize, shift, beta);
                }
            }

            let mut centre = [T::Accumulator::ZERO; LANES];
            for lane in 0..self.width {
                centre[lane] = coordinate.at(self.place(argmax[lane] as usize, lane));
            }
            let mut sums = [T::Accumulator::ZERO; LANES];
            let mut weighted = [T::Accumulator::ZERO; LANES];
            for index in begin..end {
                let values = self.load(index);
                let distances = self.distances(coordinate, index, &argmax, &centre);
                for lane in 0..LANES {
                    let e = softmax_weight::<_, FMA, FLAT>(values[lane], max[lane], beta.narrow);
                    let distance = distances[lane];
                    sums[lane] = sums[lane].add(e);
                    weighted[lane] = weighted[lane].add(e.mul(distance));
                }
            }
            for (lane, partial) in partials.iter_mut().enumerate() {
                if nan[lane] {
                    partial.sum = f64::NAN;
                } else if partial.max > f64::NEG_INFINITY {
                    // Until a line has met a value that is not masked it weighs nothing.
                    partial.sum += sums[lane].to_f64();
                    partial.weighted += weighted[lane].to_f64();
                }
            }
        }
    }
}

/// A tensor of the input's shape, filled one index of every line of one `outer` at a time.
pub(crate) fn map<T: Element>(
    values: &[T],
    lines: Lines,
    fill: impl Fn(&mut [MaybeUninit<T>], &[T], usize, usize) + Sync,
) -> Vec<T> {
    filled(values.len(), |out| {
        let row = |(position, (out, values)): (usize, (&mut [MaybeUninit<T>], &[T]))| {
            fill(out, values, position / lines.n, position % lines.n);
        };
        if values.len() < PARALLEL {
            out.chunks_exact_mut(lines.inner)
                .zip(values.chunks_exact(lines.inner))
                .enumerate()
                .for_each(row);
        } else {
            out.par_chunks_exact_mut(lines.inner)
                .zip(values.par_chunks_exact(lines.inner))
                .enumerate()
                .with_min_len(TASK.div_ceil(lines.inner))
                .for_each(row);
        }
    })
}
