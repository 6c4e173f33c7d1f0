//! The gradient, in one read of every map and one write.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    super::{
        Accumulator, Element,
        beta::Beta,
        parallel::{PARALLEL, TASK, filled},
    },
    AXES, Extent, PAIRS, rows,
};
use crate::ops::{spatial_moments_len, spatial_state_len};

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
            return gradient(out, map, 0, extent, slope, beta);
        }
        out.par_chunks_mut(TASK)
            .zip(map.par_chunks(TASK))
            .enumerate()
            .for_each(|(index, (out, map))| {
                gradient(out, map, index * TASK, extent, slope, beta);
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
    beta: Beta<T::Accumulator>,
) {
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        gradient_body::<T>(out, heatmap, start, extent, slope, beta)
    );
}

#[inline(always)]
fn gradient_body<T: Element, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    heatmap: &[T],
    start: usize,
    extent: Extent,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
) {
    let offset = T::Accumulator::from_f64(slope.offset[0]);
    for (begin, length, [x, y, z]) in rows(start, heatmap.len(), extent, slope.centre) {
        let x = x as i32;
        let [a, b, c] = slope
            .row(y as f64 - slope.offset[1], z as f64 - slope.offset[2])
            .map(T::Accumulator::from_f64);
        let row = begin..begin + length;
        for (index, (out, value)) in out[row.clone()].iter_mut().zip(&heatmap[row]).enumerate() {
            let e = beta.weight::<FMA, FLAT>(value.widen(), slope.max);
            let distance = T::Accumulator::from_i32(x + index as i32).sub(offset);
            let upstream = a.add(distance.mul(b.add(distance.mul(c))));
            // The weight comes first: where it is 0, the product stays 0 however large beta is.
            out.write(T::narrow(e.mul(upstream).mul(slope.scale)));
        }
    }
}
