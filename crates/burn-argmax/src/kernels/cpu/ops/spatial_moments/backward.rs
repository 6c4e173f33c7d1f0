//! The gradient, in one read of every map and one write.

use std::mem::MaybeUninit;

use multiversion::target::target_cfg_f;

use super::{
    super::weights::{Weights, weighted},
    extent::{Extent, PAIRS, Window, rows},
};
use crate::{
    Weighting,
    kernels::cpu::{
        Accumulator, Element, check_length,
        plan::{AHEAD, LANES, TASK},
        share::{filled, share},
        simd::{specialized, vectorized},
        traverse::{Coordinate, Here, Index, Slot, Source, finite_peak},
    },
    ops::{SPATIAL_AXES as AXES, spatial_moments_len, spatial_state_len},
};

/// What the gradient of one map takes from its state and its upstream gradient.
#[derive(Clone, Copy)]
struct Slope<A> {
    max: A,
    center: [i64; AXES],
    offset: [f64; AXES],
    first: [f64; AXES],
    second: [f64; PAIRS.len()],
    /// The mean of the quadratic form, which is taken off it.
    mean: f64,
    /// `rate / sum`, and what the upstream gradient is too large by.
    scale: A,
    /// Whether the map has no weights, or too small ones, or its upstream gradient is not finite.
    broken: bool,
    /// Whether all of its upstream gradient is exactly 0.
    none: bool,
}

impl<A: Accumulator> Slope<A> {
    fn new(state: &[A], grad: &[A], rate: f64) -> Self {
        let at = |entry: usize| state[entry].to_f64();
        let mut second = [0.0; PAIRS.len()];
        let mut mean = 0.0;
        for (entry, grad) in grad[AXES..].iter().enumerate() {
            second[entry] = grad.to_f64();
            mean += second[entry] * at(2 + 2 * AXES + entry);
        }
        let finite = |number: &A| number.to_f64().is_finite();
        let scale = rate / at(1);
        // The squares of distances are large enough: a large upstream gradient is left to the end, as far as
        // there are numbers for it with the scale.
        let sizes = grad.iter().map(|grad| grad.to_f64().abs());
        let before = 1.0 / sizes.fold(1.0, f64::max);
        let before = before.max(scale.abs() / 1e30).min(1.0);
        second.iter_mut().for_each(|grad| *grad *= before);
        let scale = A::from_f64(scale / before);
        Self {
            max: state[0],
            scale,
            broken: !finite(&scale) || !grad.iter().all(finite),
            none: grad.iter().all(|grad| *grad == A::ZERO),
            center: std::array::from_fn(|axis| at(2 + axis) as i64),
            offset: std::array::from_fn(|axis| at(2 + AXES + axis)),
            first: std::array::from_fn(|axis| grad[axis].to_f64() * before),
            second,
            mean: mean * before,
        }
    }

    /// Along a row at `[_, y, z]` from the mean, the upstream gradient of the probabilities is
    /// `a + b x + c x^2`, with x from the mean too.
    #[inline(always)]
    fn row(&self, y: f64, z: f64) -> [A; 3] {
        let [xx, xy, xz, yy, yz, zz] = self.second;
        let flat = self.first[1] * y + self.first[2] * z;
        [
            flat + yy * y * y + yz * y * z + zz * z * z - self.mean,
            self.first[0] + xy * y + xz * z,
            xx,
        ]
        .map(A::from_f64)
    }

    /// The slope at a value, at this distance from the mean along the row. Its growth comes first:
    /// where it is 0, the product stays 0 however large beta is.
    #[inline(always)]
    fn at<W: Weights<A>, const FMA: bool, const BROKEN: bool>(
        &self,
        value: A,
        distance: A,
        [a, b, c]: [A; 3],
        weights: W,
    ) -> A {
        if BROKEN && (self.none || value == A::NEG_INFINITY) {
            return A::ZERO;
        }
        let growth = weights.growth::<FMA>(value, self.max);
        let upstream = a.add(distance.mul(b.add(distance.mul(c))));
        growth.mul(upstream).mul(self.scale)
    }
}

/// What the gradient takes from every map, in turn.
struct Slopes<'a, T: Element> {
    state: &'a [T::Accumulator],
    grad: &'a [T::Accumulator],
    extent: Extent,
    covariance: bool,
}

impl<T: Element> Slopes<'_, T> {
    /// Those of so many maps.
    fn iter(&self, maps: usize, rate: f64) -> impl Iterator<Item = Slope<T::Accumulator>> {
        let state_len = spatial_state_len(self.covariance);
        let grad_len = spatial_moments_len(self.covariance);
        check_length("state", self.state.len(), maps * state_len);
        check_length("grad", self.grad.len(), maps * grad_len);
        let numbers = self.state.chunks_exact(state_len);
        let numbers = numbers.zip(self.grad.chunks_exact(grad_len));
        numbers.map(move |(state, grad)| Slope::new(state, grad, rate))
    }
}

/// `growth_j / sum * sum_k grad_k * (d moment_k / d p_j)`, less its mean.
pub(crate) fn backward<T: Element>(
    heatmaps: &[T],
    state: &[T::Accumulator],
    grad: &[T::Accumulator],
    extent: Extent,
    covariance: bool,
    weighting: Weighting,
) -> Vec<T> {
    let slopes = Slopes {
        state,
        grad,
        extent,
        covariance,
    };
    weighted!(T, weighting, weights => match extent.window(weighting) {
        None => {
            let fill = |out: &mut [_]| gradient(out, heatmaps, &slopes, weights);
            // SAFETY: `gradient` goes over all parts of all maps, and writes every element of each.
            unsafe { filled(heatmaps.len(), fill) }
        }
        Some(radius) => {
            let fill = |out: &mut [MaybeUninit<T>]| {
                let maps = out.chunks_exact_mut(extent.len());
                let maps = maps.zip(heatmaps.chunks_exact(extent.len()));
                let slopes = slopes.iter(maps.len(), Weights::<T::Accumulator>::rate(weights));
                share(maps.zip(slopes), heatmaps.len(), |((out, map), slope)| {
                    let (window, inside) = gradient_of_window(map, extent, radius, slope, weights);
                    out.fill(MaybeUninit::new(T::ZERO));
                    window.put(&inside, out);
                });
            };
            // SAFETY: every element of every map is filled.
            unsafe { filled(heatmaps.len(), fill) }
        }
    })
}

/// [`backward`], which takes the place of the heatmaps: no memory of its own.
pub(crate) fn backward_in_place<T: Element>(
    heatmaps: &mut [T],
    state: &[T::Accumulator],
    grad: &[T::Accumulator],
    extent: Extent,
    covariance: bool,
    weighting: Weighting,
) {
    let slopes = Slopes {
        state,
        grad,
        extent,
        covariance,
    };
    weighted!(T, weighting, weights => match extent.window(weighting) {
        None => gradient(heatmaps, Here, &slopes, weights),
        Some(radius) => {
            let elements = heatmaps.len();
            let maps = heatmaps.chunks_exact_mut(extent.len());
            let slopes = slopes.iter(maps.len(), Weights::<T::Accumulator>::rate(weights));
            share(maps.zip(slopes), elements, |(map, slope)| {
                let (window, inside) = gradient_of_window(map, extent, radius, slope, weights);
                map.fill(T::ZERO);
                window.put(&inside, map);
            });
        }
    });
}

/// The gradient in the window of a map, as in a map of its own. A map without a maximum is all window.
fn gradient_of_window<T: Element, W: Weights<T::Accumulator>>(
    map: &[T],
    extent: Extent,
    radius: usize,
    mut slope: Slope<T::Accumulator>,
    weights: W,
) -> (Window, Vec<T>) {
    let peak = match slope.broken {
        true => finite_peak(map.iter()),
        false => Some(extent.place(slope.center)),
    };
    let window = match peak {
        Some(peak) => Window::about(extent, peak, radius),
        None => Window::about(extent, 0, extent.len()),
    };
    for (center, first) in slope.center.iter_mut().zip(window.first) {
        *center -= first as i64;
    }
    let mut inside = window.of(map);
    gradient_part(&mut inside, Here, 0, window.extent, slope, weights);
    (window, inside)
}

fn gradient<T, S, L, W>(out: &mut [S], heatmaps: L, slopes: &Slopes<T>, weights: W)
where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    W: Weights<T::Accumulator>,
{
    let extent = slopes.extent;
    let length = extent.len();
    let elements = out.len();
    check_length("heatmaps", elements, elements / length * length);
    let maps = out.chunks_exact_mut(length);
    let slopes = slopes.iter(maps.len(), weights.rate());
    let tasks = maps
        .zip(slopes)
        .enumerate()
        .flat_map(|(map, (out, slope))| {
            let parts = out.chunks_mut(TASK).enumerate();
            parts.map(move |(part, out)| (map * length, part * TASK, out, slope))
        });
    share(tasks, elements, |(map, start, out, slope)| {
        let heatmap = heatmaps.part(map + start, out.len());
        gradient_part(out, heatmap, start, extent, slope, weights);
    });
}

vectorized! {
    fn gradient_part<T, S, L, W>(
        out: &mut [S],
        heatmap: L,
        start: usize,
        extent: Extent,
        slope: Slope<T::Accumulator>,
        weights: W,
    ) where
        T: Element,
        S: Slot<T>,
        L: Source<T, S>,
        W: Weights<T::Accumulator>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if slope.broken {
            specialized!(
                fma,
                gradient_rows::<T, S, L, W, true>(out, heatmap, start, extent, slope, weights)
            );
        } else {
            specialized!(
                fma,
                gradient_rows::<T, S, L, W, false>(out, heatmap, start, extent, slope, weights)
            );
        }
    }
}

#[inline(always)]
fn gradient_rows<T, S, L, W, const BROKEN: bool, const FMA: bool>(
    out: &mut [S],
    heatmap: L,
    start: usize,
    extent: Extent,
    slope: Slope<T::Accumulator>,
    weights: W,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
    W: Weights<T::Accumulator>,
{
    let offset = T::Accumulator::from_f64(slope.offset[0]);
    for (begin, length, [x, y, z]) in rows(start, out.len(), extent, slope.center) {
        let upstream = slope.row(y as f64 - slope.offset[1], z as f64 - slope.offset[2]);
        let mut next: [_; LANES] = Index.begin(T::Accumulator::from_i32(-x as i32));
        let heatmap = heatmap.part(begin, length);
        let (chunks, rest) = out[begin..begin + length].as_chunks_mut::<LANES>();
        let begin = chunks.len() * LANES;
        for (index, out) in chunks.iter_mut().enumerate() {
            heatmap.prefetch(index * LANES, out, AHEAD);
            let distances = Index.distances(&mut next, 0, T::Accumulator::ZERO);
            let values = heatmap.chunk(index * LANES, out);
            for lane in 0..LANES {
                let distance = distances[lane].sub(offset);
                let value = slope.at::<W, FMA, BROKEN>(values[lane], distance, upstream, weights);
                out[lane].put(T::narrow(value));
            }
        }
        if !rest.is_empty() {
            let values = heatmap.tail(begin, rest);
            let mut slopes = [T::Accumulator::ZERO; LANES];
            for lane in 0..LANES {
                let distance = next[lane].sub(offset);
                slopes[lane] =
                    slope.at::<W, FMA, BROKEN>(values[lane], distance, upstream, weights);
            }
            for (out, slope) in rest.iter_mut().zip(slopes) {
                out.put(T::narrow(slope));
            }
        }
    }
}
