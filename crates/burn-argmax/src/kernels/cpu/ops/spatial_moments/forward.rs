//! The sums of every map, in one read of it.

use multiversion::target::target_cfg_f;

use super::{
    super::weights::{Weights, weighted},
    extent::{Extent, PAIRS, Window, rows},
};
use crate::{
    Weighting,
    kernels::cpu::{
        Accumulator, Element,
        plan::{AHEAD, BLOCK, COLUMN_BLOCK, LANES, Path},
        share::share,
        simd::{filled_up, prefetch, specialized, total, vectorized, widened},
        traverse::{
            AsTheyAre, Block, Coordinate, Index, finite_max, peak_indices, peak_of, pieces,
            reduce_pieces, row_peak,
        },
    },
    ops::{SPATIAL_AXES as AXES, spatial_moments_len, spatial_state_len},
};

/// The softmax sums of a part of a map, about the position of its maximum.
#[derive(Clone, Copy, Debug)]
struct Sums {
    max: f64,
    argmax: usize,
    sum: f64,
    /// Weighted by the distance from the argmax along each axis.
    first: [f64; AXES],
    /// Weighted by the products of these distances, as in [`PAIRS`].
    second: [f64; PAIRS.len()],
}

impl Sums {
    const EMPTY: Self = Self {
        max: f64::NEG_INFINITY,
        argmax: 0,
        sum: 0.0,
        first: [0.0; AXES],
        second: [0.0; PAIRS.len()],
    };

    /// The same sums about a larger maximum elsewhere.
    #[inline(always)]
    fn raised<A: Accumulator, W: Weights<A>>(
        self,
        max: f64,
        argmax: usize,
        extent: Extent,
        weights: W,
    ) -> Self {
        let scale = weights.rescale(self.max, max);
        let (old, new) = (extent.position(self.argmax), extent.position(argmax));
        let shift: [f64; AXES] = std::array::from_fn(|axis| (old[axis] - new[axis]) as f64);
        let mut second = [0.0; PAIRS.len()];
        for (entry, (a, b)) in PAIRS.into_iter().enumerate() {
            let moved = shift[a] * self.first[b] + shift[b] * self.first[a];
            second[entry] = scale * (self.second[entry] + moved + shift[a] * shift[b] * self.sum);
        }
        Self {
            max,
            argmax,
            sum: scale * self.sum,
            first: std::array::from_fn(|axis| scale * (self.first[axis] + shift[axis] * self.sum)),
            second,
        }
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        for (sum, other) in self.first.iter_mut().zip(other.first) {
            *sum += other;
        }
        for (sum, other) in self.second.iter_mut().zip(other.second) {
            *sum += other;
        }
    }

    /// The sums of both parts, of which `self` comes first in the map.
    fn merge<A: Accumulator, W: Weights<A>>(self, later: Self, extent: Extent, weights: W) -> Self {
        let (mut top, low) = if later.max > self.max {
            (later, self)
        } else {
            (self, later)
        };
        top.add(&low.raised(top.max, top.argmax, extent, weights));
        top
    }
}

/// Moments `[x, y, z]`, and with `covariance` `[xx, xy, xz, yy, yz, zz]`, of every map; and the
/// state `[max, sum, center x y z, offset x y z]`, and the same covariances.
pub(crate) fn forward<T: Element>(
    heatmaps: &[T],
    extent: Extent,
    covariance: bool,
    weighting: Weighting,
) -> (Vec<T::Accumulator>, Vec<T::Accumulator>) {
    let maps = extent.maps(heatmaps);
    let sums = weighted!(T, weighting, weights => match extent.window(weighting) {
        None => sums_of_maps(heatmaps, extent, covariance, weights),
        Some(radius) => sums_of_windows(heatmaps, extent, radius, covariance, weights),
    });
    let mut moments = Vec::with_capacity(maps.outer * spatial_moments_len(covariance));
    let mut state = Vec::with_capacity(maps.outer * spatial_state_len(covariance));
    for total in sums {
        finish(total, extent, covariance, &mut moments, &mut state);
    }
    (moments, state)
}

fn sums_of_maps<T: Element, W: Weights<T::Accumulator>>(
    heatmaps: &[T],
    extent: Extent,
    covariance: bool,
    weights: W,
) -> Vec<Sums> {
    let maps = extent.maps(heatmaps);
    reduce_pieces(
        maps,
        pieces(heatmaps, maps),
        Sums::EMPTY,
        |piece, start, sums| sums[0] = reduce(piece, start, extent, covariance, weights),
        |total, piece| total.merge(piece, extent, weights),
    )
}

/// Of the windows about the first maximum of every map, each as a map of its own.
fn sums_of_windows<T: Element, W: Weights<T::Accumulator>>(
    heatmaps: &[T],
    extent: Extent,
    radius: usize,
    covariance: bool,
    weights: W,
) -> Vec<Sums> {
    // Of maps that are no longer than a piece, the window is in the cache after the peak is found.
    let lines = extent.maps(heatmaps);
    let peaks = (lines.path() != Path::Rows).then(|| peak_indices(heatmaps, lines, AsTheyAre));
    let maps = heatmaps.chunks_exact(extent.len());
    let mut sums = vec![Sums::EMPTY; maps.len()];
    share(
        sums.iter_mut().zip(maps).enumerate(),
        heatmaps.len(),
        |(index, (sums, map))| {
            let peak = match &peaks {
                Some(peaks) => peaks[index],
                None => row_peak(map).1,
            };
            let window = Window::about(extent, peak, radius);
            let inside = reduce(&window.of(map), 0, window.extent, covariance, weights);
            *sums = Sums {
                argmax: window.place(inside.argmax),
                ..inside
            };
        },
    );
    sums
}

fn finish<A: Accumulator>(
    sums: Sums,
    extent: Extent,
    covariance: bool,
    moments: &mut Vec<A>,
    state: &mut Vec<A>,
) {
    if sums.max == f64::NEG_INFINITY || !sums.sum.is_finite() || sums.sum == 0.0 {
        moments.extend((0..spatial_moments_len(covariance)).map(|_| A::NAN));
        state.extend((0..spatial_state_len(covariance)).map(|_| A::NAN));
        return;
    }
    let center = extent.position(sums.argmax).map(|c| c as f64);
    let offset = sums.first.map(|sum| sum / sums.sum);
    let second = PAIRS
        .into_iter()
        .zip(sums.second)
        .map(|((a, b), sum)| sum / sums.sum - offset[a] * offset[b])
        .take(if covariance { PAIRS.len() } else { 0 });

    // A large index may not fit the accumulator: the offset makes up for the rounding.
    let narrow = center.map(A::from_f64);
    let rounding = |axis: usize| center[axis] - narrow[axis].to_f64();
    moments.extend((0..AXES).map(|axis| A::from_f64(center[axis] + offset[axis])));
    moments.extend(second.clone().map(A::from_f64));
    state.extend([sums.max, sums.sum].map(A::from_f64));
    state.extend(narrow);
    state.extend((0..AXES).map(|axis| A::from_f64(offset[axis] + rounding(axis))));
    state.extend(second.map(A::from_f64));
}

vectorized! {
    fn reduce<T: Element, W: Weights<T::Accumulator>>(
        piece: &[T],
        start: usize,
        extent: Extent,
        covariance: bool,
        weights: W,
    ) -> Sums {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if covariance {
            specialized!(
                fma,
                reduce_body::<T, W, true>(piece, start, extent, weights)
            )
        } else {
            specialized!(
                fma,
                reduce_body::<T, W, false>(piece, start, extent, weights)
            )
        }
    }
}

/// Reduces a piece of a map that starts at index `start` of it.
#[inline(always)]
fn reduce_body<T: Element, W: Weights<T::Accumulator>, const COVARIANCE: bool, const FMA: bool>(
    piece: &[T],
    start: usize,
    extent: Extent,
    weights: W,
) -> Sums {
    let mut total = Sums::EMPTY;
    // The first lanes alone sum rows that fill no vector.
    let Extent([width, ..]) = extent;
    let length = BLOCK.min(width * COLUMN_BLOCK);
    for (block_index, block) in piece.chunks(length).enumerate() {
        let start = start + block_index * length;
        let (max, place) = peak_of(Block::new(block));
        if max.to_f64() > total.max {
            total = total.raised(max.to_f64(), start + place, extent, weights);
        }
        // About the peak of the block, since the largest of all may be far from all that weighs.
        let about = Sums {
            max: total.max,
            argmax: start + place,
            ..Sums::EMPTY
        };
        let sums = sum_block::<T, W, COVARIANCE, FMA>(block, start, extent, about, weights);
        total.add(&sums.raised(total.max, total.argmax, extent, weights));
    }
    total
}

/// The sums of the weights of a block that starts at index `start`, about the argmax of `total`.
#[inline(always)]
fn sum_block<T: Element, W: Weights<T::Accumulator>, const COVARIANCE: bool, const FMA: bool>(
    block: &[T],
    start: usize,
    extent: Extent,
    about: Sums,
    weights: W,
) -> Sums {
    let zero = [T::Accumulator::ZERO; LANES];
    // A map of masks so far weighs nothing, but a NaN in it must not be lost.
    let max = finite_max(T::Accumulator::from_f64(about.max));
    let center = extent.position(about.argmax);
    let (mut sum, mut first, mut second) = (zero, [zero; AXES], [zero; PAIRS.len()]);

    for (begin, length, [x, y, z]) in rows(start, block.len(), extent, center) {
        let mut row = Row::<T::Accumulator>::EMPTY;
        let mut next = Index.begin(T::Accumulator::from_i32(-x as i32));
        let (chunks, rest) = block[begin..begin + length].as_chunks::<LANES>();
        for chunk in chunks {
            prefetch(chunk, AHEAD);
            let distances = Index.distances(&mut next, 0, T::Accumulator::ZERO);
            row.observe::<W, COVARIANCE, FMA>(widened(chunk), distances, max, weights);
        }
        if !rest.is_empty() {
            row.observe::<W, COVARIANCE, FMA>(filled_up(rest), next, max, weights);
        }

        let y = T::Accumulator::from_i32(y as i32);
        let z = T::Accumulator::from_i32(z as i32);
        for lane in 0..LANES {
            let (row_sum, row_x) = (row.sum[lane], row.x[lane]);
            sum[lane] = sum[lane].add(row_sum);
            first[0][lane] = first[0][lane].add(row_x);
            first[1][lane] = row_sum.mul_add::<FMA>(y, first[1][lane]);
            first[2][lane] = row_sum.mul_add::<FMA>(z, first[2][lane]);
            if COVARIANCE {
                let (row_y, row_z) = (row_sum.mul(y), row_sum.mul(z));
                let products = [
                    row.xx[lane],
                    row_x.mul(y),
                    row_x.mul(z),
                    row_y.mul(y),
                    row_y.mul(z),
                    row_z.mul(z),
                ];
                for (entry, product) in products.into_iter().enumerate() {
                    second[entry][lane] = second[entry][lane].add(product);
                }
            }
        }
    }

    Sums {
        sum: total(sum),
        first: first.map(total),
        second: if COVARIANCE {
            second.map(total)
        } else {
            [0.0; PAIRS.len()]
        },
        ..about
    }
}

/// The sums of a part of a row, lane by lane: of the weights, and of these weighted by the distance
/// along x and by its square.
struct Row<A> {
    sum: [A; LANES],
    x: [A; LANES],
    xx: [A; LANES],
}

impl<A: Accumulator> Row<A> {
    const EMPTY: Self = Self {
        sum: [A::ZERO; LANES],
        x: [A::ZERO; LANES],
        xx: [A::ZERO; LANES],
    };

    #[inline(always)]
    fn observe<W: Weights<A>, const COVARIANCE: bool, const FMA: bool>(
        &mut self,
        values: [A; LANES],
        distances: [A; LANES],
        max: A,
        weights: W,
    ) {
        for lane in 0..LANES {
            let e = weights.weight::<FMA>(values[lane], max);
            let distance = distances[lane];
            self.sum[lane] = self.sum[lane].add(e);
            self.x[lane] = e.mul_add::<FMA>(distance, self.x[lane]);
            if COVARIANCE {
                self.xx[lane] = e.mul(distance).mul_add::<FMA>(distance, self.xx[lane]);
            }
        }
    }
}
