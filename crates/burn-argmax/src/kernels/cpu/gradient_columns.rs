//! The gradient of the softmax average of a coordinate along interleaved lines, lanes across them.

use std::{borrow::Cow, ops::Range};

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, Lines, STATE,
    beta::Beta,
    coordinate::Index,
    gradient::{LANES, Logits, Slot, factor, is_broken, slope_or_zero},
    parallel::{TASK, share},
    peak::{filled_up, widened},
    prefetch::AHEAD,
};

/// Elements of every line that are worked on together: few enough for memory to be read and written
/// at as many places at once.
const DEPTH: usize = 4;

/// Elements of a line up to which every index is exact in single precision.
const EXACT: usize = 1 << 24;

/// Elements of every line of a task, at least.
const ROWS: usize = 16;

/// What the gradients of lines side by side take from their state.
#[derive(Clone, Copy)]
pub(crate) struct Slopes<A> {
    pub max: [A; LANES],
    pub centre: [A; LANES],
    pub offset: [A; LANES],
    /// `grad * beta / sum`.
    pub factor: [A; LANES],
}

impl<A: Accumulator> Slopes<A> {
    /// The slope at a value of a line. The weight comes first: where it is 0, the product stays 0
    /// however large beta is.
    #[inline(always)]
    pub fn at<const FMA: bool, const FLAT: bool, const BROKEN: bool>(
        &self,
        lane: usize,
        value: A,
        coordinate: A,
        beta: Beta<A>,
    ) -> A {
        let e = beta.weight::<FMA, FLAT>(value, self.max[lane]);
        let distance = coordinate.sub(self.centre[lane]).sub(self.offset[lane]);
        let slope = e.mul(distance).mul(self.factor[lane]);
        if BROKEN {
            slope_or_zero(slope, value, self.factor[lane])
        } else {
            slope
        }
    }
}

/// The same of any number of neighbouring lines, a slice for each.
#[derive(Clone, Copy)]
struct LineSlopes<'a, A> {
    max: &'a [A],
    centre: &'a [A],
    offset: &'a [A],
    factor: &'a [A],
}

impl<A: Accumulator> LineSlopes<'_, A> {
    /// Vector by vector, as far as there are whole ones.
    #[inline(always)]
    fn vectors(&self) -> impl Iterator<Item = Slopes<A>> {
        let peaks = whole(self.max).zip(whole(self.centre));
        let all = peaks.zip(whole(self.offset)).zip(whole(self.factor));
        all.map(|(((max, centre), offset), factor)| Slopes {
            max: *max,
            centre: *centre,
            offset: *offset,
            factor: *factor,
        })
    }

    /// Of the last lines, fewer than a vector.
    #[inline(always)]
    fn rest(&self) -> Slopes<A> {
        let rest = |values: &[A]| filled_up(values.as_chunks::<LANES>().1);
        Slopes {
            max: rest(self.max),
            centre: rest(self.centre),
            offset: rest(self.offset),
            factor: rest(self.factor),
        }
    }
}

#[inline(always)]
fn whole<A>(values: &[A]) -> std::slice::Iter<'_, [A; LANES]> {
    values.as_chunks().0.iter()
}

/// The gradient. `state` is `[max, sum, centre, offset]` along the dimension of the index, and `grad`
/// the upstream gradient of every line, 1 where it is `None`.
pub(crate) fn gradient_columns<T, S, L, C>(
    out: &mut [S],
    logits: L,
    state: &[T::Accumulator],
    grad: Option<&[T]>,
    lines: Lines,
    coordinate: C,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
{
    let Lines { n, inner, .. } = lines;
    let elements = out.len();
    let rows = TASK.div_ceil(inner).max(ROWS);
    let mut broken = vec![false; lines.outer];
    let mut factors = Vec::with_capacity(lines.count());
    for (outer, state) in state.chunks_exact(STATE * inner).enumerate() {
        for (column, &sum) in state[inner..2 * inner].iter().enumerate() {
            let grad = grad.map_or(T::Accumulator::ONE, |grad| {
                grad[outer * inner + column].widen()
            });
            let factor = factor(grad, sum, beta);
            broken[outer] |= is_broken(sum, factor);
            factors.push(factor);
        }
    }
    let tasks = out
        .chunks_exact_mut(n * inner)
        .enumerate()
        .flat_map(|(outer, out)| {
            let parts = out.chunks_mut(rows * inner).enumerate();
            parts.map(move |(part, out)| (outer, part * rows, out))
        });
    share(tasks, elements, |(outer, first, out)| {
        let lines = outer * inner..(outer + 1) * inner;
        let state = &state[STATE * lines.start..STATE * lines.end];
        let base = if n <= EXACT { 0 } else { first };
        let center = coordinate.about(&state[2 * inner..3 * inner], base);
        let slopes = LineSlopes {
            max: &state[..inner],
            centre: &center,
            offset: &state[3 * inner..],
            factor: &factors[lines],
        };
        let logits = logits.part((outer * n + first) * inner, out.len());
        let first = first - base;
        gradient_rows(out, logits, slopes, coordinate, beta, first, broken[outer]);
    });
}

/// A coordinate of the elements whose gradient goes to slots.
pub(crate) trait SlotCoordinate<A: Accumulator, S>: Copy + Sync {
    /// The coordinates of the lines' centers, counted from element `base` of the lines.
    fn about(self, centers: &[A], base: usize) -> Cow<'_, [A]>;

    /// Of element `row` of neighbouring lines.
    fn across(self, row: usize, slots: &[S; LANES]) -> [A; LANES];

    /// The same of the last few lines, and anything beyond them.
    fn across_rest(self, row: usize, slots: &[S]) -> [A; LANES];
}

impl<A: Accumulator, S> SlotCoordinate<A, S> for Index {
    /// An index past 2^24 may not fit the accumulator, but how far it is from the center does.
    fn about(self, centers: &[A], base: usize) -> Cow<'_, [A]> {
        if base == 0 {
            return Cow::Borrowed(centers);
        }
        let centers = centers.iter();
        let from_base = |center: &A| A::from_f64(center.to_f64() - base as f64);
        centers.map(from_base).collect()
    }

    #[inline(always)]
    fn across(self, row: usize, _slots: &[S; LANES]) -> [A; LANES] {
        [A::from_i32(row as i32); LANES]
    }

    #[inline(always)]
    fn across_rest(self, row: usize, _slots: &[S]) -> [A; LANES] {
        [A::from_i32(row as i32); LANES]
    }
}

/// What is in the slots, which the gradient takes the place of.
#[derive(Clone, Copy)]
pub(crate) struct Slots;

impl<T: Element> SlotCoordinate<T::Accumulator, T> for Slots {
    fn about(self, centers: &[T::Accumulator], _base: usize) -> Cow<'_, [T::Accumulator]> {
        Cow::Borrowed(centers)
    }

    #[inline(always)]
    fn across(self, _row: usize, slots: &[T; LANES]) -> [T::Accumulator; LANES] {
        widened(slots)
    }

    #[inline(always)]
    fn across_rest(self, _row: usize, slots: &[T]) -> [T::Accumulator; LANES] {
        filled_up(slots)
    }
}

/// The gradient of elements `first`, `first + 1`, … of the lines.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
fn gradient_rows<T, S, L, C>(
    out: &mut [S],
    logits: L,
    slopes: LineSlopes<T::Accumulator>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    first: usize,
    broken: bool,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    if broken {
        specialised!(
            fma,
            beta,
            fill_rows::<T, S, L, C, true>(out, logits, slopes, coordinate, beta, first)
        );
    } else {
        specialised!(
            fma,
            beta,
            fill_rows::<T, S, L, C, false>(out, logits, slopes, coordinate, beta, first)
        );
    }
}

#[inline(always)]
fn fill_rows<T, S, L, C, const BROKEN: bool, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    logits: L,
    slopes: LineSlopes<T::Accumulator>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    first: usize,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
{
    let inner = slopes.max.len();
    for (block, out) in out.chunks_mut(DEPTH * inner).enumerate() {
        let logits = logits.part(block * DEPTH * inner, out.len());
        let first = first + block * DEPTH;
        let depth = out.len() / inner;
        for (vector, slopes) in slopes.vectors().enumerate() {
            let place = vector * LANES;
            let logits = logits.part(place, out.len() - place);
            let out = &mut out[place..];
            // A loop of a known length is unrolled, and the slopes stay in registers.
            if depth == DEPTH {
                let rows = first..first + DEPTH;
                fill_vectors::<T, S, L, C, BROKEN, FMA, FLAT>(
                    out, logits, rows, inner, &slopes, coordinate, beta,
                );
            } else {
                let rows = first..first + depth;
                fill_vectors::<T, S, L, C, BROKEN, FMA, FLAT>(
                    out, logits, rows, inner, &slopes, coordinate, beta,
                );
            }
        }
        let rest = inner / LANES * LANES;
        if rest == inner {
            continue;
        }
        let slopes = slopes.rest();
        for (row, out) in out.chunks_exact_mut(inner).enumerate() {
            let out = &mut out[rest..];
            let coordinates = coordinate.across_rest(first + row, out);
            let values = logits.part(row * inner + rest, out.len()).rest(0, out);
            let mut gradient = [T::Accumulator::ZERO; LANES];
            for lane in 0..LANES {
                gradient[lane] =
                    slopes.at::<FMA, FLAT, BROKEN>(lane, values[lane], coordinates[lane], beta);
            }
            for (out, slope) in out.iter_mut().zip(gradient) {
                out.put(T::narrow(slope));
            }
        }
    }
}

/// The gradient of the same vector of lines in rows `inner` apart.
#[inline(always)]
fn fill_vectors<T, S, L, C, const BROKEN: bool, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    logits: L,
    rows: Range<usize>,
    inner: usize,
    slopes: &Slopes<T::Accumulator>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T>,
    L: Logits<T, S>,
    C: SlotCoordinate<T::Accumulator, S>,
{
    for (index, row) in rows.enumerate() {
        let place = index * inner;
        let out = &mut out[place..].as_chunks_mut().0[0];
        logits.prefetch(place, out, AHEAD / DEPTH);
        let coordinates = coordinate.across(row, out);
        let values = logits.chunk(place, out);
        for lane in 0..LANES {
            let slope = slopes.at::<FMA, FLAT, BROKEN>(lane, values[lane], coordinates[lane], beta);
            out[lane].put(T::narrow(slope));
        }
    }
}
