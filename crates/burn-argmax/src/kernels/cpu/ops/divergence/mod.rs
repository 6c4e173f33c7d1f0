//! Divergences of maps from products of one line an axis, whose product is never in memory.

mod terms;

use multiversion::target::target_cfg_f;

use self::terms::{JensenShannon, KullbackLeibler, Term};
use super::spatial_moments::Extent;
use crate::{
    kernels::cpu::{
        Accumulator, Element, check_length,
        plan::{AHEAD, BLOCK, LANES, TASK},
        share::share,
        simd::{prefetch, specialized, total, vectorized, widened},
    },
    losses::Divergence,
};

/// The divergence of every map from the product of its lines, whose logarithms are one after the other,
/// x first. NaN where a map has an entry that is no probability, or a line one that is not finite.
pub(crate) fn forward<T: Element>(
    maps: &[T],
    log_lines: &[T::Accumulator],
    extent: Extent,
    divergence: Divergence,
) -> Vec<T::Accumulator> {
    let parts = Parts::new(maps, log_lines, extent);
    let mut sums = vec![0.0; parts.count()];
    share(sums.iter_mut().enumerate(), maps.len(), |(part, sum)| {
        *sum = match divergence {
            Divergence::KullbackLeibler => parts.sum::<KullbackLeibler>(part),
            Divergence::JensenShannon => parts.sum::<JensenShannon>(part),
        };
    });
    let losses = sums.chunks_exact(parts.of_a_map);
    let losses = losses.map(|sums| T::Accumulator::from_f64(sums.iter().sum()));
    losses.collect()
}

/// Its gradient for the maps, of losses and their upstream gradients. Exactly 0 where these are, and
/// else NaN where the loss is.
pub(crate) fn backward<T: Element>(
    maps: &[T],
    log_lines: &[T::Accumulator],
    losses: &[T::Accumulator],
    grad: &[T::Accumulator],
    extent: Extent,
    divergence: Divergence,
) -> Vec<T> {
    let parts = Parts::new(maps, log_lines, extent);
    let mut slopes = vec![T::ZERO; maps.len()];
    let tasks = parts.slots(&mut slopes).enumerate();
    share(tasks, maps.len(), |(part, slopes)| {
        let map = part / parts.of_a_map;
        let grad = grad[map];
        if grad == T::Accumulator::ZERO {
            return;
        }
        if losses[map].to_f64().is_nan() {
            slopes.fill(T::round(f64::NAN));
            return;
        }
        match divergence {
            Divergence::KullbackLeibler => parts.map::<KullbackLeibler>(part, grad, slopes),
            Divergence::JensenShannon => parts.map::<JensenShannon>(part, grad, slopes),
        }
    });
    slopes
}

/// Its gradient for the logarithms of the lines.
pub(crate) fn lines_backward<T: Element>(
    maps: &[T],
    log_lines: &[T::Accumulator],
    grad: &[T::Accumulator],
    extent: Extent,
    divergence: Divergence,
) -> Vec<T::Accumulator> {
    let parts = Parts::new(maps, log_lines, extent);
    let mut sums = vec![vec![0.0; extent.0.iter().sum()]; parts.count()];
    share(sums.iter_mut().enumerate(), maps.len(), |(part, sums)| {
        if grad[part / parts.of_a_map] != T::Accumulator::ZERO {
            match divergence {
                Divergence::KullbackLeibler => parts.sum_lines::<KullbackLeibler>(part, sums),
                Divergence::JensenShannon => parts.sum_lines::<JensenShannon>(part, sums),
            }
        }
    });
    let mut slopes = Vec::with_capacity(log_lines.len());
    for (sums, grad) in sums.chunks_exact(parts.of_a_map).zip(grad) {
        for entry in 0..sums[0].len() {
            let sum: f64 = sums.iter().map(|sums| sums[entry]).sum();
            let sum = if *grad == T::Accumulator::ZERO {
                0.0
            } else {
                sum
            };
            slopes.push(T::Accumulator::from_f64(sum * grad.to_f64()));
        }
    }
    slopes
}

/// Maps in parts of some rows, each for one task.
struct Parts<'a, T: Element> {
    maps: &'a [T],
    extent: Extent,
    log_lines: &'a [T::Accumulator],
    /// Their powers.
    lines: Vec<T::Accumulator>,
    /// Rows of a part, and parts of a map.
    rows: usize,
    of_a_map: usize,
}

/// One row of a map, and what of the lines belongs to it.
struct Row<'a, T: Element> {
    y: usize,
    z: usize,
    values: &'a [T],
    line: &'a [T::Accumulator],
    log_line: &'a [T::Accumulator],
    /// The product of the entries of the other lines, over the smallest normal number: a product with
    /// one that is no normal number takes the processor a hundred times as long. And its logarithm.
    factor: T::Accumulator,
    log_factor: T::Accumulator,
}

impl<'a, T: Element> Parts<'a, T> {
    fn new(maps: &'a [T], log_lines: &'a [T::Accumulator], extent: Extent) -> Self {
        let [width, height, depth] = extent.0;
        let count = maps.len() / extent.len();
        check_length("heatmaps", maps.len(), count * extent.len());
        check_length("lines", log_lines.len(), count * (width + height + depth));
        let mut lines = log_lines.to_vec();
        to_powers(&mut lines);
        let rows = TASK.div_ceil(width).min(height * depth);
        Self {
            maps,
            extent,
            log_lines,
            lines,
            rows,
            of_a_map: (height * depth).div_ceil(rows),
        }
    }

    fn count(&self) -> usize {
        self.maps.len() / self.extent.len() * self.of_a_map
    }

    /// The slots of every part.
    fn slots<'s>(&self, slots: &'s mut [T]) -> impl Iterator<Item = &'s mut [T]> + use<'s, T> {
        let length = self.rows * self.extent.0[0];
        let maps = slots.chunks_exact_mut(self.extent.len());
        maps.flat_map(move |map| map.chunks_mut(length))
    }

    fn rows(&self, part: usize) -> impl Iterator<Item = Row<'_, T>> {
        let [width, height, depth] = self.extent.0;
        let map = part / self.of_a_map;
        let first = part % self.of_a_map * self.rows;
        let lines = map * (width + height + depth)..(map + 1) * (width + height + depth);
        let (log_lines, lines) = (&self.log_lines[lines.clone()], &self.lines[lines]);
        (first..(first + self.rows).min(height * depth)).map(move |row| {
            let (y, z) = (width + row % height, width + height + row / height);
            Row {
                y,
                z,
                values: &self.maps[map * self.extent.len() + row * width..][..width],
                line: &lines[..width],
                log_line: &log_lines[..width],
                factor: below_is_nothing(
                    lines[y].div(T::Accumulator::SMALLEST).mul(lines[z]),
                    T::Accumulator::ONE,
                ),
                log_factor: log_lines[y].add(log_lines[z]),
            }
        })
    }

    /// The sum of a part, NaN if something in it is broken.
    fn sum<D: Term>(&self, part: usize) -> f64 {
        self.rows(part).map(|row| sum_row::<T, D>(&row)).sum()
    }

    /// The slopes of a part.
    fn map<D: Term>(&self, part: usize, grad: T::Accumulator, slopes: &mut [T]) {
        let slopes = slopes.chunks_exact_mut(self.extent.0[0]);
        for (row, slopes) in self.rows(part).zip(slopes) {
            map_row::<T, D>(&row, grad, slopes);
        }
    }

    /// The sums of the slopes along the logarithms of the lines.
    fn sum_lines<D: Term>(&self, part: usize, sums: &mut [f64]) {
        let [width, ..] = self.extent.0;
        let mut slopes = vec![T::Accumulator::ZERO; width];
        for row in self.rows(part) {
            line_slopes::<T, D>(&row, &mut slopes);
            let mut of_row = 0.0;
            for (sum, slope) in sums.iter_mut().zip(&slopes) {
                *sum += slope.to_f64();
                of_row += slope.to_f64();
            }
            sums[row.y] += of_row;
            sums[row.z] += of_row;
        }
    }
}

vectorized! {
    fn sum_row<T: Element, D: Term>(row: &Row<T>) -> f64 {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if row.factor == T::Accumulator::ZERO {
            specialized!(fma, sum_vectors::<T, D, true>(row))
        } else {
            specialized!(fma, sum_vectors::<T, D, false>(row))
        }
    }
}

#[inline(always)]
fn sum_vectors<T: Element, D: Term, const FAR: bool, const FMA: bool>(row: &Row<T>) -> f64 {
    let length = row.values.len();
    let mut whole = 0.0;
    for block in (0..length).step_by(BLOCK) {
        let mut sum = [T::Accumulator::ZERO; LANES];
        for start in (block..length.min(block + BLOCK)).step_by(LANES) {
            let Vectors { p, q, log_q } = row.vectors(start);
            for lane in 0..LANES {
                let value = D::value::<_, FMA, FAR>(p[lane], q[lane], log_q[lane]);
                sum[lane] = sum[lane].add(value.add(nothing(p[lane], q[lane])));
            }
        }
        whole += total(sum);
    }
    whole
}

vectorized! {
    fn map_row<T: Element, D: Term>(row: &Row<T>, grad: T::Accumulator, slopes: &mut [T]) {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        if row.factor == T::Accumulator::ZERO {
            specialized!(fma, map_vectors::<T, D, true>(row, grad, slopes));
        } else {
            specialized!(fma, map_vectors::<T, D, false>(row, grad, slopes));
        }
    }
}

#[inline(always)]
fn map_vectors<T: Element, D: Term, const FAR: bool, const FMA: bool>(
    row: &Row<T>,
    grad: T::Accumulator,
    slopes: &mut [T],
) {
    for (index, slopes) in slopes.chunks_mut(LANES).enumerate() {
        let Vectors { p, q, log_q } = row.vectors(index * LANES);
        let mut mapped = [T::ZERO; LANES];
        for lane in 0..LANES {
            let slope = D::slope::<_, FMA, FAR>(p[lane], q[lane], log_q[lane]);
            mapped[lane] = T::narrow(slope.mul(grad));
        }
        slopes.copy_from_slice(&mapped[..slopes.len()]);
    }
}

vectorized! {
    /// The slopes of a row along the logarithms of its line.
    fn line_slopes<T: Element, D: Term>(row: &Row<T>, slopes: &mut [T::Accumulator]) {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, line_vectors::<T, D>(row, slopes));
    }
}

#[inline(always)]
fn line_vectors<T: Element, D: Term, const FMA: bool>(row: &Row<T>, slopes: &mut [T::Accumulator]) {
    for (index, slopes) in slopes.chunks_mut(LANES).enumerate() {
        let Vectors { p, q, log_q } = row.vectors(index * LANES);
        let mut mapped = [T::Accumulator::ZERO; LANES];
        for lane in 0..LANES {
            let slope = D::slope_of_log::<_, FMA>(p[lane], q[lane], log_q[lane]);
            mapped[lane] = slope.add(nothing(p[lane], q[lane]));
        }
        slopes.copy_from_slice(&mapped[..slopes.len()]);
    }
}

/// Probabilities, those that they should be, and the logarithms of these.
struct Vectors<A> {
    p: [A; LANES],
    q: [A; LANES],
    log_q: [A; LANES],
}

impl<T: Element> Row<'_, T> {
    #[inline(always)]
    fn probability(&self, entry: T::Accumulator) -> T::Accumulator {
        below_is_nothing(entry.mul(self.factor), T::Accumulator::ONE).mul(T::Accumulator::SMALLEST)
    }

    /// From a place on; beyond the end there is nothing, as in a map that is just as it should be.
    #[inline(always)]
    fn vectors(&self, start: usize) -> Vectors<T::Accumulator> {
        let zeros = [T::Accumulator::ZERO; LANES];
        let (mut p, mut q, mut log_q) = (zeros, zeros, zeros);
        if let (Some(values), Some(line), Some(log_line)) = (
            self.values[start..].first_chunk::<LANES>(),
            self.line[start..].first_chunk::<LANES>(),
            self.log_line[start..].first_chunk::<LANES>(),
        ) {
            prefetch(values, AHEAD);
            (p, q, log_q) = (widened(values), *line, *log_line);
            for q in &mut q {
                *q = self.probability(*q);
            }
            for log_q in &mut log_q {
                *log_q = log_q.add(self.log_factor);
            }
        } else {
            for (lane, value) in self.values[start..].iter().enumerate() {
                p[lane] = value.widen();
                q[lane] = self.probability(self.line[start + lane]);
                log_q[lane] = self.log_line[start + lane].add(self.log_factor);
            }
        }
        Vectors { p, q, log_q }
    }
}

vectorized! {
    /// Logarithms to what they are of, but 0 for what is no normal number.
    fn to_powers<A: Accumulator>(logs: &mut [A]) {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, powers::<A>(logs));
    }
}

#[inline(always)]
fn powers<A: Accumulator, const FMA: bool>(logs: &mut [A]) {
    use std::f64::consts::LOG2_E;

    let high = A::from_f64(LOG2_E);
    let low = A::from_f64(LOG2_E - high.to_f64());
    for log in logs {
        *log = log.exp2::<FMA>(high, low);
    }
}

/// The value, or 0 if it is below a limit.
#[inline(always)]
fn below_is_nothing<A: Accumulator>(value: A, limit: A) -> A {
    if value < limit { A::ZERO } else { value }
}

/// 0, or NaN where one is no probability: negative, infinite or NaN.
#[inline(always)]
fn nothing<A: Accumulator>(p: A, q: A) -> A {
    let nothing = p.add(q).mul(A::ZERO);
    if p < A::ZERO { A::NAN } else { nothing }
}
