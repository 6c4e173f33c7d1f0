//! Mean and covariance of the coordinates of an image or a volume under the softmax of its values.
//!
//! A *map* is one image or volume, contiguous, with x along its rows. Within a row only x changes,
//! so the inner loops see one axis; what the other axes add is a constant of the row.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Accumulator, Element,
    parallel::{PARALLEL, TASK, filled},
    rows::{Beta, PIECE, first_of, fold, max_of, softmax_weight},
};
use crate::ops::{SPATIAL_AXES as AXES, spatial_moments_len, spatial_state_len};

/// Independent sums of a row: enough to hide latency, and few enough for the rows of small images.
const LANES: usize = 16;

/// Elements whose maximum is found before their weights are summed: they stay in the first cache
/// between the two, and `f32` sums over them stay exact enough.
const BLOCK: usize = 2048;

/// Pairs of axes in the order of the covariances: xx, xy, xz, yy, yz, zz.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// The size of a map along x, y and z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent(pub [usize; AXES]);

impl Extent {
    /// Of `[maps, depth, height, width]`.
    pub fn of(heatmaps: &[usize]) -> Self {
        let [_, depth, height, width] = heatmaps else {
            unreachable!("the public functions give four dimensions");
        };
        Self([*width, *height, *depth])
    }

    fn len(self) -> usize {
        self.0.iter().product()
    }

    fn position(self, index: usize) -> [i64; AXES] {
        let [width, height, _] = self.0;
        let position = [
            index % width,
            index / width % height,
            index / width / height,
        ];
        position.map(|coordinate| coordinate as i64)
    }
}

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
    fn raised<A: Accumulator>(
        self,
        max: f64,
        argmax: usize,
        extent: Extent,
        beta: Beta<A>,
    ) -> Self {
        let scale = beta.rescale(self.max, max);
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
    fn merge<A: Accumulator>(self, later: Self, extent: Extent, beta: Beta<A>) -> Self {
        let (mut top, low) = if later.max > self.max {
            (later, self)
        } else {
            (self, later)
        };
        top.add(&low.raised(top.max, top.argmax, extent, beta));
        top
    }
}

/// Moments `[x, y, z]`, and with `covariance` `[xx, xy, xz, yy, yz, zz]`, of every map; and the
/// state `[max, sum, centre x y z, offset x y z]`, and the same covariances.
pub(crate) fn forward<T: Element>(
    heatmaps: &[T],
    extent: Extent,
    covariance: bool,
    beta: f64,
) -> (Vec<T>, Vec<T::Accumulator>) {
    let beta = Beta::new(beta);
    let length = extent.len();
    let map = |map: &[T]| {
        if map.len() <= PIECE {
            return reduce(map, 0, extent, covariance, beta);
        }
        let pieces: Vec<Sums> = map
            .par_chunks(PIECE)
            .enumerate()
            .map(|(index, piece)| reduce(piece, index * PIECE, extent, covariance, beta))
            .collect();
        pieces
            .into_iter()
            .fold(Sums::EMPTY, |total, piece| total.merge(piece, extent, beta))
    };
    let sums: Vec<Sums> = if heatmaps.len() < PARALLEL {
        heatmaps.chunks_exact(length).map(map).collect()
    } else {
        heatmaps
            .par_chunks_exact(length)
            .with_min_len(TASK.div_ceil(length))
            .map(map)
            .collect()
    };

    let mut moments = Vec::with_capacity(sums.len() * spatial_moments_len(covariance));
    let mut state = Vec::with_capacity(sums.len() * spatial_state_len(covariance));
    for sums in sums {
        finish(sums, extent, covariance, &mut moments, &mut state);
    }
    (moments, state)
}

fn finish<T: Element>(
    sums: Sums,
    extent: Extent,
    covariance: bool,
    moments: &mut Vec<T>,
    state: &mut Vec<T::Accumulator>,
) {
    if sums.max == f64::NEG_INFINITY || sums.sum.is_nan() {
        moments.extend((0..spatial_moments_len(covariance)).map(|_| T::round(f64::NAN)));
        state.extend((0..spatial_state_len(covariance)).map(|_| T::Accumulator::NAN));
        return;
    }
    let centre = extent.position(sums.argmax).map(|c| c as f64);
    let offset = sums.first.map(|sum| sum / sums.sum);
    let second = PAIRS
        .into_iter()
        .zip(sums.second)
        .map(|((a, b), sum)| sum / sums.sum - offset[a] * offset[b])
        .take(if covariance { PAIRS.len() } else { 0 });

    // A large index may not fit the accumulator: the offset makes up for the rounding.
    let narrow = centre.map(T::Accumulator::from_f64);
    let rounding = |axis: usize| centre[axis] - narrow[axis].to_f64();
    moments.extend((0..AXES).map(|axis| T::round(centre[axis] + offset[axis])));
    moments.extend(second.clone().map(T::round));
    state.extend([sums.max, sums.sum].map(T::Accumulator::from_f64));
    state.extend(narrow);
    state.extend((0..AXES).map(|axis| T::Accumulator::from_f64(offset[axis] + rounding(axis))));
    state.extend(second.map(T::Accumulator::from_f64));
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn reduce<T: Element>(
    piece: &[T],
    start: usize,
    extent: Extent,
    covariance: bool,
    beta: Beta<T::Accumulator>,
) -> Sums {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match (fma, covariance) {
        (true, false) => reduce_body::<T, true, false>(piece, start, extent, beta),
        (true, true) => reduce_body::<T, true, true>(piece, start, extent, beta),
        (false, false) => reduce_body::<T, false, false>(piece, start, extent, beta),
        (false, true) => reduce_body::<T, false, true>(piece, start, extent, beta),
    }
}

/// Reduces a piece of a map that starts at index `start` of it.
#[inline(always)]
fn reduce_body<T: Element, const FMA: bool, const COVARIANCE: bool>(
    piece: &[T],
    start: usize,
    extent: Extent,
    beta: Beta<T::Accumulator>,
) -> Sums {
    let mut total = Sums::EMPTY;
    for (block_index, block) in piece.chunks(BLOCK).enumerate() {
        let start = start + block_index * BLOCK;
        let max = max_of(block);
        if max.to_f64() > total.max {
            let argmax = start + first_of(block, max);
            total = total.raised(max.to_f64(), argmax, extent, beta);
        }
        if total.max == f64::NEG_INFINITY {
            // Masks weigh nothing; a NaN must not be lost with them.
            if block.iter().any(|value| value.widen().is_nan()) {
                total.sum = f64::NAN;
            }
            continue;
        }
        let sums = if beta.wide == 0.0 {
            sum_block::<T, FMA, true, COVARIANCE>(block, start, extent, total, beta.narrow)
        } else {
            sum_block::<T, FMA, false, COVARIANCE>(block, start, extent, total, beta.narrow)
        };
        total.add(&sums);
    }
    total
}

/// The parts of rows that a block is made of: their index in it, their length, and the distance of
/// their first element from a position.
#[inline(always)]
fn rows(
    start: usize,
    length: usize,
    extent: Extent,
    centre: [i64; AXES],
) -> impl Iterator<Item = (usize, usize, [i64; AXES])> {
    let [width, height, _] = extent.0;
    let [mut x, mut y, mut z] = extent.position(start);
    let mut begin = 0;
    std::iter::from_fn(move || {
        if begin == length {
            return None;
        }
        let taken = (width - x as usize).min(length - begin);
        let row = (begin, taken, [x - centre[0], y - centre[1], z - centre[2]]);
        begin += taken;
        x = 0;
        y += 1;
        if y as usize == height {
            y = 0;
            z += 1;
        }
        Some(row)
    })
}

/// The sums of the weights of a block that starts at index `start`, about the argmax of `total`.
#[inline(always)]
fn sum_block<T: Element, const FMA: bool, const FLAT: bool, const COVARIANCE: bool>(
    block: &[T],
    start: usize,
    extent: Extent,
    total: Sums,
    beta: T::Accumulator,
) -> Sums {
    type Lanes<A> = [A; LANES];
    let zero: Lanes<T::Accumulator> = [T::Accumulator::ZERO; LANES];
    let max = T::Accumulator::from_f64(total.max);
    let centre = extent.position(total.argmax);
    let (mut sum, mut first, mut second) = (zero, [zero; AXES], [zero; PAIRS.len()]);

    for (begin, length, [x, y, z]) in rows(start, block.len(), extent, centre) {
        let (mut row, mut row_x, mut row_xx) = (zero, zero, zero);
        let x = x as i32;
        let mut observe = |lane: usize, steps: i32, value: T| {
            let e = softmax_weight::<_, FMA, FLAT>(value.widen(), max, beta);
            let distance = T::Accumulator::from_distance(x + steps);
            let product = e.mul(distance);
            row[lane] = row[lane].add(e);
            row_x[lane] = row_x[lane].add(product);
            if COVARIANCE {
                row_xx[lane] = row_xx[lane].add(product.mul(distance));
            }
        };
        let (chunks, rest) = block[begin..begin + length].as_chunks::<LANES>();
        for (index, chunk) in chunks.iter().enumerate() {
            for lane in 0..LANES {
                observe(lane, (index * LANES + lane) as i32, chunk[lane]);
            }
        }
        for (lane, &value) in rest.iter().enumerate() {
            observe(lane, (chunks.len() * LANES + lane) as i32, value);
        }

        let y = T::Accumulator::from_distance(y as i32);
        let z = T::Accumulator::from_distance(z as i32);
        for lane in 0..LANES {
            let (row, row_x) = (row[lane], row_x[lane]);
            let (row_y, row_z) = (row.mul(y), row.mul(z));
            sum[lane] = sum[lane].add(row);
            first[0][lane] = first[0][lane].add(row_x);
            first[1][lane] = first[1][lane].add(row_y);
            first[2][lane] = first[2][lane].add(row_z);
            if COVARIANCE {
                let products = [
                    row_xx[lane],
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

    let total_of =
        |lanes: Lanes<T::Accumulator>| fold(lanes.map(|lane| lane.to_f64()), |a, b| a + b);
    Sums {
        sum: total_of(sum),
        first: first.map(total_of),
        second: second.map(total_of),
        ..total
    }
}

/// What the gradient of one map takes from its state and its upstream gradient.
#[derive(Clone, Copy)]
struct Slope<A> {
    max: A,
    /// `beta / sum`.
    scale: A,
    centre: [i64; AXES],
    offset: [f64; AXES],
    first: [f64; AXES],
    second: [f64; PAIRS.len()],
    /// The mean of the quadratic form, which is taken off it.
    mean: f64,
}

impl<A: Accumulator> Slope<A> {
    fn new<T: Element<Accumulator = A>>(state: &[A], grad: &[T], beta: Beta<A>) -> Self {
        let at = |entry: usize| state[entry].to_f64();
        let mut second = [0.0; PAIRS.len()];
        let mut mean = 0.0;
        for (entry, grad) in grad[AXES..].iter().enumerate() {
            second[entry] = grad.widen().to_f64();
            mean += second[entry] * at(2 + 2 * AXES + entry);
        }
        Self {
            max: state[0],
            scale: A::from_f64(beta.wide / at(1)),
            centre: std::array::from_fn(|axis| at(2 + axis) as i64),
            offset: std::array::from_fn(|axis| at(2 + AXES + axis)),
            first: std::array::from_fn(|axis| grad[axis].widen().to_f64()),
            second,
            mean,
        }
    }

    /// Along a row at `[_, y, z]` from the mean, the upstream gradient of the probabilities is
    /// `a + b x + c x^2`, with x from the mean too.
    #[inline(always)]
    fn row(&self, y: f64, z: f64) -> [f64; 3] {
        let [xx, xy, xz, yy, yz, zz] = self.second;
        let flat = self.first[1] * y + self.first[2] * z;
        [
            flat + yy * y * y + yz * y * z + zz * z * z - self.mean,
            self.first[0] + xy * y + xz * z,
            xx,
        ]
    }
}

/// `beta * p_j * sum_k grad_k * (d moment_k / d p_j)`, less its mean.
pub(crate) fn backward<T: Element>(
    heatmaps: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    extent: Extent,
    covariance: bool,
    beta: f64,
) -> Vec<T> {
    let beta = Beta::new(beta);
    let length = extent.len();
    let (state_len, grad_len) = (
        spatial_state_len(covariance),
        spatial_moments_len(covariance),
    );
    let map = |out: &mut [MaybeUninit<T>], map: &[T], state: &[T::Accumulator], grad: &[T]| {
        let slope = Slope::new(state, grad, beta);
        if length <= TASK {
            return gradient(out, map, 0, extent, slope, beta.narrow);
        }
        out.par_chunks_mut(TASK)
            .zip(map.par_chunks(TASK))
            .enumerate()
            .for_each(|(index, (out, map))| {
                gradient(out, map, index * TASK, extent, slope, beta.narrow);
            });
    };
    filled(heatmaps.len(), |out| {
        if heatmaps.len() < PARALLEL {
            out.chunks_exact_mut(length)
                .zip(heatmaps.chunks_exact(length))
                .zip(
                    state
                        .chunks_exact(state_len)
                        .zip(grad.chunks_exact(grad_len)),
                )
                .for_each(|((out, values), (state, grad))| map(out, values, state, grad));
        } else {
            out.par_chunks_exact_mut(length)
                .zip(heatmaps.par_chunks_exact(length))
                .zip(
                    state
                        .par_chunks_exact(state_len)
                        .zip(grad.par_chunks_exact(grad_len)),
                )
                .with_min_len(TASK.div_ceil(length))
                .for_each(|((out, values), (state, grad))| map(out, values, state, grad));
        }
    })
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn gradient<T: Element>(
    out: &mut [MaybeUninit<T>],
    heatmap: &[T],
    start: usize,
    extent: Extent,
    slope: Slope<T::Accumulator>,
    beta: T::Accumulator,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    let flat = beta == T::Accumulator::ZERO;
    match (fma, flat) {
        (true, false) => gradient_body::<T, true, false>(out, heatmap, start, extent, slope, beta),
        (true, true) => gradient_body::<T, true, true>(out, heatmap, start, extent, slope, beta),
        (false, false) => {
            gradient_body::<T, false, false>(out, heatmap, start, extent, slope, beta)
        }
        (false, true) => gradient_body::<T, false, true>(out, heatmap, start, extent, slope, beta),
    }
}

#[inline(always)]
fn gradient_body<T: Element, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    heatmap: &[T],
    start: usize,
    extent: Extent,
    slope: Slope<T::Accumulator>,
    beta: T::Accumulator,
) {
    let offset = T::Accumulator::from_f64(slope.offset[0]);
    for (begin, length, [x, y, z]) in rows(start, heatmap.len(), extent, slope.centre) {
        let x = x as i32;
        let [a, b, c] = slope
            .row(y as f64 - slope.offset[1], z as f64 - slope.offset[2])
            .map(T::Accumulator::from_f64);
        let row = begin..begin + length;
        for (index, (out, value)) in out[row.clone()].iter_mut().zip(&heatmap[row]).enumerate() {
            let e = softmax_weight::<_, FMA, FLAT>(value.widen(), slope.max, beta);
            let distance = T::Accumulator::from_distance(x + index as i32).sub(offset);
            let upstream = a.add(distance.mul(b.add(distance.mul(c))));
            // The weight comes first: where it is 0, the product stays 0 however large beta is.
            out.write(T::narrow(e.mul(upstream).mul(slope.scale)));
        }
    }
}
