//! Reductions of contiguous lines.

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{Accumulator, Element, coordinate::Coordinate};

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
    /// The same sum, weighted by how far the coordinate of `i` is from the argmax's.
    pub weighted: f64,
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
    pub fn merge<A: Accumulator>(
        self,
        later: Self,
        beta: Beta<A>,
        coordinate: impl Coordinate<A>,
    ) -> Self {
        let (mut top, low) = if later.max > self.max {
            (later, self)
        } else {
            (self, later)
        };
        let scale = beta.rescale(low.max, top.max);
        let shift = coordinate.between(low.argmax, top.argmax);
        top.sum += scale * low.sum;
        top.weighted += scale * (low.weighted + shift * low.sum);
        top
    }

    /// The same sums about a larger maximum, found further on.
    #[inline(always)]
    pub fn raised<A: Accumulator>(
        self,
        max: f64,
        argmax: usize,
        shift: f64,
        beta: Beta<A>,
    ) -> Self {
        let scale = beta.rescale(self.max, max);
        Self {
            max,
            argmax,
            sum: scale * self.sum,
            weighted: scale * (self.weighted + shift * self.sum),
        }
    }
}

/// Reduces a piece of a line that starts at index `offset` of it.
#[inline(always)]
fn reduce_piece<T, C, const FMA: bool, const FLAT: bool>(
    piece: &[T],
    coordinate: C,
    beta: Beta<T::Accumulator>,
    offset: usize,
) -> Partial
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let mut total = Partial::EMPTY;
    for (block_index, block) in piece.chunks(BLOCK).enumerate() {
        let start = offset + block_index * BLOCK;
        let max = max_of(block);
        if max.to_f64() > total.max {
            let argmax = start + first_of(block, max);
            let shift = coordinate.between(total.argmax, argmax);
            total = total.raised(max.to_f64(), argmax, shift, beta);
        }
        if total.max == f64::NEG_INFINITY {
            // Masks weigh nothing; a NaN must not be lost with them.
            if block.iter().any(|value| value.widen().is_nan()) {
                total.sum = f64::NAN;
            }
            continue;
        }
        let (sum, weighted) =
            sum_block::<T, C, FMA, FLAT>(block, coordinate, total, beta.narrow, start);
        total.sum += sum;
        total.weighted += weighted;
    }
    total
}

/// The largest value of a block that is not NaN.
#[inline(always)]
pub(crate) fn max_of<T: Element>(block: &[T]) -> T::Accumulator {
    let mut lanes = [T::Accumulator::NEG_INFINITY; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane].widen();
            lanes[lane] = if value > lanes[lane] {
                value
            } else {
                lanes[lane]
            };
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        let value = value.widen();
        *lane = if value > *lane { value } else { *lane };
    }
    fold(lanes, |a, b| if b > a { b } else { a })
}

/// The first place of a value in a block, else 0.
#[inline(always)]
pub(crate) fn first_of<T: Element>(block: &[T], value: T::Accumulator) -> usize {
    let (chunks, rest) = block.as_chunks::<LANES>();
    for (index, chunk) in chunks.iter().enumerate() {
        // All of a chunk at once: a search that may stop at any element is not vectorised.
        let hits = chunk
            .iter()
            .fold(false, |hit, other| hit | (other.widen() == value));
        if hits {
            let within = chunk.iter().position(|other| other.widen() == value);
            return index * LANES + within.unwrap_or(0);
        }
    }
    let within = rest.iter().position(|other| other.widen() == value);
    within.map_or(0, |within| chunks.len() * LANES + within)
}

/// Combines lanes by halves: a chain of as many steps as there are lanes would cost a short row
/// more than its elements.
#[inline(always)]
pub(crate) fn fold<A: Copy, const N: usize>(mut lanes: [A; N], combine: impl Fn(A, A) -> A) -> A {
    let mut half = N / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] = combine(lanes[lane], lanes[lane + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// The sum of the weights of a block that starts at index `start`, and their weighted sum.
#[inline(always)]
fn sum_block<T, C, const FMA: bool, const FLAT: bool>(
    block: &[T],
    coordinate: C,
    total: Partial,
    beta: T::Accumulator,
    start: usize,
) -> (f64, f64)
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let max = T::Accumulator::from_f64(total.max);
    let argmax = coordinate.at(total.argmax);
    let first = (start as i64 - total.argmax as i64) as i32;
    let weight = |value: T| softmax_weight::<_, FMA, FLAT>(value.widen(), max, beta);
    let mut sums = [T::Accumulator::ZERO; LANES];
    let mut weighted = [T::Accumulator::ZERO; LANES];
    let (chunks, rest) = block.as_chunks::<LANES>();
    for (chunk_index, chunk) in chunks.iter().enumerate() {
        let index = chunk_index * LANES;
        let distances = coordinate.distances::<LANES>(start + index, first + index as i32, argmax);
        for lane in 0..LANES {
            let e = weight(chunk[lane]);
            sums[lane] = sums[lane].add(e);
            weighted[lane] = weighted[lane].add(e.mul(distances[lane]));
        }
    }
    let whole = chunks.len() * LANES;
    for (lane, &value) in rest.iter().enumerate() {
        let index = whole + lane;
        let e = weight(value);
        let distance = coordinate.distance(start + index, first + index as i32, argmax);
        sums[lane] = sums[lane].add(e);
        weighted[lane] = weighted[lane].add(e.mul(distance));
    }
    let total =
        |lanes: [T::Accumulator; LANES]| fold(lanes.map(|lane| lane.to_f64()), |a, b| a + b);
    (total(sums), total(weighted))
}

/// Reduces one line, in pieces where it is long.
pub(crate) fn reduce_line<T, C>(line: &[T], coordinate: C, beta: Beta<T::Accumulator>) -> Partial
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    if line.len() <= PIECE {
        return reduce(line, coordinate, beta, 0);
    }
    let pieces: Vec<Partial> = line
        .par_chunks(PIECE)
        .enumerate()
        .map(|(index, piece)| reduce(piece, coordinate, beta, index * PIECE))
        .collect();
    pieces.into_iter().fold(Partial::EMPTY, |total, piece| {
        total.merge(piece, beta, coordinate)
    })
}

/// [`reduce_piece`] in the instructions of the processor at hand.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn reduce<T, C>(piece: &[T], coordinate: C, beta: Beta<T::Accumulator>, offset: usize) -> Partial
where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    match (fma, beta.wide == 0.0) {
        (true, false) => reduce_piece::<T, C, true, false>(piece, coordinate, beta, offset),
        (true, true) => reduce_piece::<T, C, true, true>(piece, coordinate, beta, offset),
        (false, false) => reduce_piece::<T, C, false, false>(piece, coordinate, beta, offset),
        (false, true) => reduce_piece::<T, C, false, true>(piece, coordinate, beta, offset),
    }
}
