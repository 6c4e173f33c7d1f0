//! Short contiguous lines, sixteen at a time, turned so that lanes run across them: a vector along
//! one would be mostly empty, and its lanes would have to be folded for a few elements.

use super::{
    Accumulator, Element, STATE,
    beta::{Beta, finite_max},
    gradient::{Slot, factor, is_broken},
    gradient_columns::Slopes,
    partial::{LANES, Partials},
    prefetch::{AHEAD, prefetch},
};

/// Elements from which a line is too long to be turned. Where lines are turned back too, or little is
/// done with their elements, it pays for those shorter than a vector only.
pub(crate) const SHORT: usize = 2 * LANES;

/// Elements of a line that are moved together.
const PIECE: usize = 4;

/// Where lines are turned: in the first cache, since to wait for memory piece by piece takes longer;
/// then the pieces in the same place of [`LANES`] lines beside each other; then the elements.
pub(crate) struct Space<T: Element> {
    lines: [T; LANES * SHORT],
    pieces: [[[T; PIECE]; LANES]; SHORT / PIECE],
    turned: [[T::Accumulator; LANES]; SHORT],
}

impl<T: Element> Space<T> {
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            lines: [T::ZERO; LANES * SHORT],
            pieces: [[[T::ZERO; PIECE]; LANES]; SHORT / PIECE],
            turned: [[T::Accumulator::ZERO; LANES]; SHORT],
        }
    }

    /// Turns lines of `n` elements, no more than [`LANES`] of them. Anything is in the lanes beyond.
    #[inline(always)]
    pub fn turn(&mut self, lines: &[T], n: usize) -> &mut [[T::Accumulator; LANES]] {
        let near = &mut self.lines[..lines.len()];
        near.copy_from_slice(lines);
        prefetch(lines, AHEAD);
        let lines = near;
        let pieces = &mut self.pieces[..n / PIECE];
        let (turned, last) = self.turned[..n].split_at_mut(pieces.len() * PIECE);
        for (lane, line) in lines.chunks_exact(n).enumerate().take(LANES) {
            let (chunks, rest) = line.as_chunks();
            for (piece, chunk) in pieces.iter_mut().zip(chunks) {
                piece[lane] = *chunk;
            }
            for (turned, value) in last.iter_mut().zip(rest) {
                turned[lane] = value.widen();
            }
        }
        for (turned, piece) in turned.as_chunks_mut::<PIECE>().0.iter_mut().zip(pieces) {
            for lane in 0..LANES {
                for place in 0..PIECE {
                    turned[place][lane] = piece[lane][place].widen();
                }
            }
        }
        &mut self.turned[..n]
    }

    /// What was turned last.
    #[inline(always)]
    pub fn turned(&self, n: usize) -> &[[T::Accumulator; LANES]] {
        &self.turned[..n]
    }

    /// Turns back what is where [`turn`](Self::turn) left them.
    #[inline(always)]
    pub fn turn_back<S: Slot<T>>(&mut self, out: &mut [S], n: usize) {
        let pieces = &mut self.pieces[..n / PIECE];
        let (turned, last) = self.turned[..n].split_at(pieces.len() * PIECE);
        for (turned, piece) in turned.as_chunks::<PIECE>().0.iter().zip(&mut *pieces) {
            for lane in 0..LANES {
                for place in 0..PIECE {
                    piece[lane][place] = T::narrow(turned[place][lane]);
                }
            }
        }
        let near = &mut self.lines[..out.len()];
        for (lane, line) in near.chunks_exact_mut(n).enumerate().take(LANES) {
            let (chunks, rest) = line.as_chunks_mut();
            for (piece, chunk) in pieces.iter().zip(chunks) {
                *chunk = piece[lane];
            }
            for (turned, value) in last.iter().zip(rest) {
                *value = T::narrow(turned[lane]);
            }
        }
        S::put_all(out, near);
    }
}

/// The largest value of each line that is not NaN.
#[inline(always)]
pub(crate) fn max_of<A: Accumulator>(turned: &[[A; LANES]]) -> [A; LANES] {
    let mut max = [A::NEG_INFINITY; LANES];
    for values in turned {
        for lane in 0..LANES {
            max[lane] = if values[lane] > max[lane] {
                values[lane]
            } else {
                max[lane]
            };
        }
    }
    max
}

/// The sums of each line.
#[inline(always)]
pub(crate) fn reduce_turned<A: Accumulator, const FMA: bool, const FLAT: bool>(
    turned: &[[A; LANES]],
    coordinates: impl Fn(usize) -> [A; LANES],
    beta: Beta<A>,
) -> Partials<A> {
    let max = max_of(turned);
    // From the last to the first, so that the first of equal maxima is left.
    let mut centre = coordinates(0);
    for (place, values) in turned.iter().enumerate().rev() {
        let coordinates = coordinates(place);
        for lane in 0..LANES {
            let hit = values[lane] == max[lane];
            centre[lane] = if hit { coordinates[lane] } else { centre[lane] };
        }
    }
    // A line of masks weighs nothing, but a NaN in it must not be lost.
    let mut about = max;
    for lane in 0..LANES {
        about[lane] = finite_max(max[lane]);
    }
    let mut sums = [A::ZERO; LANES];
    let mut weighted = [A::ZERO; LANES];
    for (place, values) in turned.iter().enumerate() {
        let coordinates = coordinates(place);
        for lane in 0..LANES {
            let e = beta.weight::<FMA, FLAT>(values[lane], about[lane]);
            let distance = coordinates[lane].sub(centre[lane]);
            sums[lane] = sums[lane].add(e);
            weighted[lane] = e.mul_add::<FMA>(distance, weighted[lane]);
        }
    }
    Partials::new(max, centre, sums, weighted)
}

/// The slopes of each line, in the place of its values.
#[inline(always)]
pub(crate) fn slope_turned<A: Accumulator, const FMA: bool, const FLAT: bool>(
    turned: &mut [[A; LANES]],
    coordinates: impl Fn(usize) -> [A; LANES],
    [max, sum, centre, offset]: [[A; LANES]; STATE],
    grad: [A; LANES],
    beta: Beta<A>,
) {
    let mut factors = [A::ZERO; LANES];
    let mut broken = false;
    for lane in 0..LANES {
        factors[lane] = factor(grad[lane], sum[lane], beta);
        broken |= is_broken(sum[lane], factors[lane]);
    }
    let slopes = Slopes {
        max,
        centre,
        offset,
        factor: factors,
    };
    if broken {
        fill_turned::<A, FMA, FLAT, true>(turned, coordinates, &slopes, beta);
    } else {
        fill_turned::<A, FMA, FLAT, false>(turned, coordinates, &slopes, beta);
    }
}

#[inline(always)]
fn fill_turned<A: Accumulator, const FMA: bool, const FLAT: bool, const BROKEN: bool>(
    turned: &mut [[A; LANES]],
    coordinates: impl Fn(usize) -> [A; LANES],
    slopes: &Slopes<A>,
    beta: Beta<A>,
) {
    for (place, values) in turned.iter_mut().enumerate() {
        let coordinates = coordinates(place);
        for lane in 0..LANES {
            values[lane] =
                slopes.at::<FMA, FLAT, BROKEN>(lane, values[lane], coordinates[lane], beta);
        }
    }
}

/// The first NaN of each line and its place, else the same of its largest value.
#[inline(always)]
pub(crate) fn nan_or_peak_turned<A: Accumulator>(
    turned: &[[A; LANES]],
) -> ([A; LANES], [i32; LANES]) {
    let mut peak = max_of(turned);
    let mut first = [0; LANES];
    let mut first_nan = [i32::MAX; LANES];
    for (place, values) in turned.iter().enumerate().rev() {
        let place = place as i32;
        for lane in 0..LANES {
            let (value, hit) = (values[lane], values[lane] == peak[lane]);
            first[lane] = if hit { place } else { first[lane] };
            first_nan[lane] = if value.is_nan() {
                place
            } else {
                first_nan[lane]
            };
        }
    }
    for lane in 0..LANES {
        let is_nan = first_nan[lane] < i32::MAX;
        peak[lane] = if is_nan { A::NAN } else { peak[lane] };
        first[lane] = if is_nan { first_nan[lane] } else { first[lane] };
    }
    (peak, first)
}
