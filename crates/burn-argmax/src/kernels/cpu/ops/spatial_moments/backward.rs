//! The gradient, in one read of every map and one write.

use multiversion::target::target_cfg_f;

use super::{super::softmax::Beta, AXES, Extent, PAIRS, rows};
use crate::{
    kernels::cpu::{
        Accumulator, Element, check_length,
        plan::{AHEAD, TASK},
        share::{filled, share},
        simd::{LANES, specialized, vectorized},
        traverse::{Coordinate, Here, Index, Slot, Source},
    },
    ops::{spatial_moments_len, spatial_state_len},
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
    /// `beta / sum`.
    scale: A,
    /// Whether the map has no softmax, or its upstream gradient is not finite.
    broken: bool,
    /// Whether all of its upstream gradient is exactly 0.
    none: bool,
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
        let finite = |grad: &T| grad.widen().to_f64().is_finite();
        Self {
            max: state[0],
            scale: A::from_f64(beta.wide / at(1)),
            broken: at(1).is_nan() || !grad.iter().all(finite),
            none: grad.iter().all(|grad| *grad == T::ZERO),
            center: std::array::from_fn(|axis| at(2 + axis) as i64),
            offset: std::array::from_fn(|axis| at(2 + AXES + axis)),
            first: std::array::from_fn(|axis| grad[axis].widen().to_f64()),
            second,
            mean,
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

    /// The slope at a value, at this distance from the mean along the row. The weight comes first:
    /// where it is 0, the product stays 0 however large beta is.
    #[inline(always)]
    fn at<const FMA: bool, const FLAT: bool, const BROKEN: bool>(
        &self,
        value: A,
        distance: A,
        [a, b, c]: [A; 3],
        beta: Beta<A>,
    ) -> A {
        if BROKEN && (self.none || value == A::NEG_INFINITY) {
            return A::ZERO;
        }
        let e = beta.weight::<FMA, FLAT>(value, self.max);
        let upstream = a.add(distance.mul(b.add(distance.mul(c))));
        e.mul(upstream).mul(self.scale)
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
    let fill = |out: &mut [_]| gradient(out, heatmaps, state, grad, extent, covariance, beta);
    // SAFETY: `gradient` goes over all parts of all maps, and writes every element of each.
    unsafe { filled(heatmaps.len(), fill) }
}

/// [`backward`], which takes the place of the heatmaps: no memory of its own.
pub(crate) fn backward_in_place<T: Element>(
    heatmaps: &mut [T],
    state: &[T::Accumulator],
    grad: &[T],
    extent: Extent,
    covariance: bool,
    beta: f64,
) {
    gradient(heatmaps, Here, state, grad, extent, covariance, beta);
}

fn gradient<T, S, L>(
    out: &mut [S],
    heatmaps: L,
    state: &[T::Accumulator],
    grad: &[T],
    extent: Extent,
    covariance: bool,
    beta: f64,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
{
    let beta = Beta::new(beta);
    let length = extent.len();
    let elements = out.len();
    let maps = elements / length;
    check_length("heatmaps", elements, maps * length);
    check_length("state", state.len(), maps * spatial_state_len(covariance));
    check_length("grad", grad.len(), maps * spatial_moments_len(covariance));
    let states = state.chunks_exact(spatial_state_len(covariance));
    let grads = grad.chunks_exact(spatial_moments_len(covariance));
    let maps = out.chunks_exact_mut(length).zip(states.zip(grads));
    let tasks = maps.enumerate().flat_map(|(map, (out, (state, grad)))| {
        let slope = Slope::new(state, grad, beta);
        let parts = out.chunks_mut(TASK).enumerate();
        parts.map(move |(part, out)| (map * length, part * TASK, out, slope))
    });
    share(tasks, elements, |(map, start, out, slope)| {
        let heatmap = heatmaps.part(map + start, out.len());
        gradient_part(out, heatmap, start, extent, slope, beta);
    });
}

vectorized! {
    fn gradient_part<T, S, L>(
        out: &mut [S],
        heatmap: L,
        start: usize,
        extent: Extent,
        slope: Slope<T::Accumulator>,
        beta: Beta<T::Accumulator>,
    ) where
        T: Element,
        S: Slot<T>,
        L: Source<T, S>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if slope.broken {
            specialized!(
                fma,
                beta,
                gradient_rows::<T, S, L, true>(out, heatmap, start, extent, slope, beta)
            );
        } else {
            specialized!(
                fma,
                beta,
                gradient_rows::<T, S, L, false>(out, heatmap, start, extent, slope, beta)
            );
        }
    }
}

#[inline(always)]
fn gradient_rows<T, S, L, const BROKEN: bool, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    heatmap: L,
    start: usize,
    extent: Extent,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Source<T, S>,
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
                let value = slope.at::<FMA, FLAT, BROKEN>(values[lane], distance, upstream, beta);
                out[lane].put(T::narrow(value));
            }
        }
        if !rest.is_empty() {
            let values = heatmap.tail(begin, rest);
            let mut slopes = [T::Accumulator::ZERO; LANES];
            for lane in 0..LANES {
                let distance = next[lane].sub(offset);
                slopes[lane] =
                    slope.at::<FMA, FLAT, BROKEN>(values[lane], distance, upstream, beta);
            }
            for (out, slope) in rest.iter_mut().zip(slopes) {
                out.put(T::narrow(slope));
            }
        }
    }
}
