//! Reductions of contiguous lines.

use std::ops::Range;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{Accumulator, Element};

/// Elements whose maximum is found before their weights are summed: they stay in the first cache
/// between the two.
const BLOCK: usize = 2048;

/// Independent sums: enough vectors in flight to hide the latency of an addition.
const LANES: usize = 32;

/// A line is reduced in pieces of this many elements, whatever the number of threads, so that the
/// result does not depend on it.
pub(crate) const PIECE: usize = 1 << 16;

/// The softmax sums of a part of a line about its maximum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial {
    /// The largest value that is not NaN.
    pub max: f64,
    /// The first index of the maximum, within the line.
    pub argmax: usize,
    /// `sum_i exp(beta * (x_i - max))`; NaN where a value is.
    pub sum: f64,
    /// `sum_i (i - argmax) * exp(beta * (x_i - max))`, or the sum weighted by other values.
    pub weighted: f64,
}

/// What a softmax sum is weighted by.
pub(crate) trait Weighting<A>: Copy {
    /// Whether the weights are distances from the argmax, which move with it.
    const DISTANCE: bool;

    /// The weight of an element of the piece, at a distance from the argmax.
    fn weight(self, index: usize, distance: i32) -> A;
}

/// The distance from the argmax.
#[derive(Clone, Copy)]
pub(crate) struct Distance;

impl<A: Accumulator> Weighting<A> for Distance {
    const DISTANCE: bool = true;

    #[inline(always)]
    fn weight(self, _index: usize, distance: i32) -> A {
        A::from_distance(distance)
    }
}

/// The elements of another tensor.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a, T>(pub &'a [T]);

impl<T: Element> Weighting<T::Accumulator> for Values<'_, T> {
    const DISTANCE: bool = false;

    #[inline(always)]
    fn weight(self, index: usize, _distance: i32) -> T::Accumulator {
        self.0[index].widen()
    }
}

/// The exponent's scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beta<A> {
    pub narrow: A,
    pub wide: f64,
}

impl<A: Accumulator> Beta<A> {
    /// `beta`, no larger than the largest finite value of the accumulator.
    pub fn new(beta: f64) -> Self {
        let largest = if size_of::<A>() == 8 {
            f64::MAX
        } else {
            f64::from(f32::MAX)
        };
        let wide = beta.min(largest);
        Self {
            narrow: A::from_f64(wide),
            wide,
        }
    }

    /// How much sums about one maximum shrink when the maximum grows to another.
    #[inline(always)]
    pub fn rescale(self, from: f64, to: f64) -> f64 {
        if from == f64::NEG_INFINITY {
            0.0
        } else if self.wide == 0.0 {
            1.0
        } else {
            (self.wide * (from - to)).exp()
        }
    }
}

/// The unnormalised weight of a value. `FLAT` says that beta is 0, where the product with an
/// infinite difference would be NaN.
#[inline(always)]
pub(crate) fn softmax_weight<A: Accumulator, const FMA: bool, const FLAT: bool>(
    value: A,
    max: A,
    beta: A,
) -> A {
    if FLAT {
        if value == A::NEG_INFINITY {
            A::ZERO
        } else {
            // 1 for a number, NaN for a NaN or an infinity.
            value.mul(A::ZERO).exp::<FMA>()
        }
    } else {
        value.sub(max).mul(beta).exp::<FMA>()
    }
}

impl Partial {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        max: f64::NEG_INFINITY,
        argmax: 0,
        sum: 0.0,
        weighted: 0.0,
    };

    /// The sums of both parts, of which `self` comes first in the line.
    pub fn merge<A: Accumulator>(self, later: Self, beta: Beta<A>, distance: bool) -> Self {
        let (mut top, low) = if later.max > self.max {
            (later, self)
        } else {
            (self, later)
        };
        let scale = beta.rescale(low.max, top.max);
        let shift = if distance {
            low.argmax as f64 - top.argmax as f64
        } else {
            0.0
        };
        top.sum += scale * low.sum;
        top.weighted += scale * (low.weighted + shift * low.sum);
        top
    }
}

/// Reduces a piece of a line that starts at index `offset` of it.
#[inline(always)]
fn reduce_piece<T, W, const FMA: bool, const FLAT: bool>(
    piece: &[T],
    weighting: W,
    beta: Beta<T::Accumulator>,
    offset: usize,
) -> Partial
where
    T: Element,
    W: Weighting<T::Accumulator>,
{
    let mut total = Partial::EMPTY;
    for (block_index, block) in piece.chunks(BLOCK).enumerate() {
        let start = block_index * BLOCK;
        let max = max_of(block);
        if max.to_f64() > total.max {
            let scale = beta.rescale(total.max, max.to_f64());
            let within = block
                .iter()
                .position(|value| value.widen() == max)
                .unwrap_or(0);
            let argmax = offset + start + within;
            let shift = if W::DISTANCE {
                total.argmax as f64 - argmax as f64
            } else {
                0.0
            };
            total = Partial {
                max: max.to_f64(),
                argmax,
                sum: scale * total.sum,
                weighted: scale * (total.weighted + shift * total.sum),
            };
        }
        if total.max == f64::NEG_INFINITY {
            // Masks weigh nothing; a NaN must not be lost with them.
            if block.iter().any(|value| value.widen().is_nan()) {
                total.sum = f64::NAN;
            }
            continue;
        }

        let max = T::Accumulator::from_f64(total.max);
        let first = (offset + start) as i64 - total.argmax as i64;
        let (sum, weighted) =
            sum_block::<T, W, FMA, FLAT>(block, weighting, max, beta.narrow, start, first as i32);
        total.sum += sum;
        total.weighted += weighted;
    }
    total
}

/// The largest value of a block that is not NaN.
#[inline(always)]
fn max_of<T: Element>(block: &[T]) -> T::Accumulator {
    let mut lanes = [T::Accumulator::NEG_INFINITY; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane].widen();
            lanes[lane] = if value > lanes[lane] { value } else { lanes[lane] };
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        let value = value.widen();
        *lane = if value > *lane { value } else { *lane };
    }
    lanes
        .into_iter()
        .fold(T::Accumulator::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

/// The sum of the weights of a block, and their weighted sum.
#[inline(always)]
fn sum_block<T, W, const FMA: bool, const FLAT: bool>(
    block: &[T],
    weighting: W,
    max: T::Accumulator,
    beta: T::Accumulator,
    start: usize,
    first: i32,
) -> (f64, f64)
where
    T: Element,
    W: Weighting<T::Accumulator>,
{
    let mut sums = [T::Accumulator::ZERO; LANES];
    let mut weighted = [T::Accumulator::ZERO; LANES];
    let term = |index: usize, value: T| {
        let e = softmax_weight::<_, FMA, FLAT>(value.widen(), max, beta);
        let weight = weighting.weight(start + index, first + index as i32);
        (e, e.mul(weight))
    };
    let (chunks, rest) = block.as_chunks::<LANES>();
    for (chunk_index, chunk) in chunks.iter().enumerate() {
        for lane in 0..LANES {
            let (e, product) = term(chunk_index * LANES + lane, chunk[lane]);
            sums[lane] = sums[lane].add(e);
            weighted[lane] = weighted[lane].add(product);
        }
    }
    let whole = chunks.len() * LANES;
    for (lane, &value) in rest.iter().enumerate() {
        let (e, product) = term(whole + lane, value);
        sums[lane] = sums[lane].add(e);
        weighted[lane] = weighted[lane].add(product);
    }
    (
        sums.iter().map(|sum| sum.to_f64()).sum(),
        weighted.iter().map(|sum| sum.to_f64()).sum(),
    )
}

/// Reduces one line, in pieces where it is long.
pub(crate) fn reduce_line<T, W>(
    line: &[T],
    weighting: impl Fn(Range<usize>) -> W + Sync,
    beta: Beta<T::Accumulator>,
) -> Partial
where
    T: Element,
    W: Weighting<T::Accumulator>,
{
    if line.len() <= PIECE {
        return reduce(line, weighting(0..line.len()), beta, 0);
    }
    let pieces: Vec<Partial> = line
        .par_chunks(PIECE)
        .enumerate()
        .map(|(index, piece)| {
            let offset = index * PIECE;
            reduce(
                piece,
                weighting(offset..offset + piece.len()),
                beta,
                offset,
            )
        })
        .collect();
    pieces.into_iter().fold(Partial::EMPTY, |total, piece| {
        total.merge(piece, beta, W::DISTANCE)
    })
}

/// [`reduce_piece`] in the instructions of the processor at hand.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn reduce<T, W>(piece: &[T], weighting: W, beta: Beta<T::Accumulator>, offset: usize) -> Partial
where
    T: Element,
    W: Weighting<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match (fma, beta.wide == 0.0) {
        (true, false) => reduce_piece::<T, W, true, false>(piece, weighting, beta, offset),
        (true, true) => reduce_piece::<T, W, true, true>(piece, weighting, beta, offset),
        (false, false) => reduce_piece::<T, W, false, false>(piece, weighting, beta, offset),
        (false, true) => reduce_piece::<T, W, false, true>(piece, weighting, beta, offset),
    }
}
