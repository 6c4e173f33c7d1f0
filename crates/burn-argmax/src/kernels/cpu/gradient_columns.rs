//! The gradient of the softmax average of a coordinate along interleaved lines, lanes across them.

use std::ops::Range;

use multiversion::{multiversion, target::target_cfg_f};
use rayon::prelude::*;

use super::{
    Accumulator, Element, Lines, STATE,
    beta::Beta,
    coordinate::Index,
    gradient::{LANES, Slot},
    parallel::{PARALLEL, TASK},
    peak::{filled_up, widened},
};

/// Neighbouring lines worked on together: what their gradients take from their state stays in the
/// first cache from one row to the next.
const WIDTH: usize = 1024;

/// Rows of a task, at least.
const ROWS: usize = 16;

/// What the gradients of neighbouring lines take from their state, a slice for each.
#[derive(Clone, Copy)]
struct Slopes<'a, A> {
    max: &'a [A],
    centre: &'a [A],
    offset: &'a [A],
    /// `beta / sum`.
    scale: &'a [A],
    grad: &'a [A],
}

/// The gradient. `state` is `[max, sum, centre, offset]` along the dimension of the index, and `grad`
/// the upstream gradient of every line, 1 where it is `None`.
pub(crate) fn gradient_columns<T, S, C>(
    out: &mut [S],
    logits: &[T],
    state: &[T::Accumulator],
    grad: Option<&[T]>,
    lines: Lines,
    coordinate: C,
    beta: Beta<T::Accumulator>,
) where
    T: Element,
    S: Slot<T> + Send,
    C: SlotCoordinate<T::Accumulator, S>,
{
    let Lines { n, inner, .. } = lines;
    let block = n * inner;
    let rows = TASK.div_ceil(inner).max(ROWS);
    let parallel = logits.len() >= PARALLEL;
    let fill = |(outer, out): (usize, &mut [S])| {
        let state = &state[outer * STATE * inner..][..STATE * inner];
        let (max, state) = state.split_at(inner);
        let (sum, state) = state.split_at(inner);
        let (centre, offset) = state.split_at(inner);
        let scale: Vec<_> = sum
            .iter()
            .map(|sum| T::Accumulator::from_f64(beta.wide / sum.to_f64()))
            .collect();
        let grad = grad.map_or_else(
            || vec![T::Accumulator::ONE; inner],
            |grad| {
                grad[outer * inner..][..inner]
                    .iter()
                    .map(|grad| grad.widen())
                    .collect()
            },
        );
        let slopes = Slopes {
            max,
            centre,
            offset,
            scale: &scale,
            grad: &grad,
        };
        let part = |(index, out): (usize, &mut [S])| {
            let first = index * rows;
            let place = outer * block + first * inner;
            let logits = &logits[place..place + out.len()];
            gradient_rows(out, logits, slopes, coordinate, beta, first);
        };
        if parallel {
            out.par_chunks_mut(rows * inner).enumerate().for_each(part);
        } else {
            out.chunks_mut(rows * inner).enumerate().for_each(part);
        }
    };
    if parallel {
        out.par_chunks_exact_mut(block).enumerate().for_each(fill);
    } else {
        out.chunks_exact_mut(block).enumerate().for_each(fill);
    }
}

/// A coordinate of the elements whose gradient goes to slots.
pub(crate) trait SlotCoordinate<A, S>: Copy + Sync {
    /// What the coordinates of lines from element `first` on are counted from.
    fn first_origin(self, first: usize) -> A;

    /// Of element `row` past the first of neighbouring lines.
    fn across(self, row: usize, slots: &[S; LANES]) -> [A; LANES];

    /// The same of the last few lines, and anything beyond them.
    fn across_rest(self, row: usize, slots: &[S]) -> [A; LANES];
}

impl<A: Accumulator, S> SlotCoordinate<A, S> for Index {
    #[inline(always)]
    fn first_origin(self, first: usize) -> A {
        A::from_f64(first as f64)
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
    #[inline(always)]
    fn first_origin(self, _first: usize) -> T::Accumulator {
        T::Accumulator::ZERO
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
fn gradient_rows<T, S, C>(
    out: &mut [S],
    logits: &[T],
    slopes: Slopes<T::Accumulator>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    first: usize,
) where
    T: Element,
    S: Slot<T>,
    C: SlotCoordinate<T::Accumulator, S>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        fill_rows::<T, S, C>(out, logits, slopes, coordinate, beta, first)
    );
}

#[inline(always)]
fn fill_rows<T, S, C, const FMA: bool, const FLAT: bool>(
    out: &mut [S],
    logits: &[T],
    slopes: Slopes<T::Accumulator>,
    coordinate: C,
    beta: Beta<T::Accumulator>,
    first: usize,
) where
    T: Element,
    S: Slot<T>,
    C: SlotCoordinate<T::Accumulator, S>,
{
    let inner = slopes.max.len();
    let origin = coordinate.first_origin(first);
    for begin in (0..inner).step_by(WIDTH) {
        let columns = begin..inner.min(begin + WIDTH);
        let slopes = slopes.of(columns.clone());
        for (row, (out, logits)) in out
            .chunks_exact_mut(inner)
            .zip(logits.chunks_exact(inner))
            .enumerate()
        {
            let (out, logits) = (&mut out[columns.clone()], &logits[columns.clone()]);
            let (chunks, rest) = logits.as_chunks::<LANES>();
            let (out_chunks, out_rest) = out.as_chunks_mut::<LANES>();
            for (index, (out, chunk)) in out_chunks.iter_mut().zip(chunks).enumerate() {
                let column = index * LANES;
                let coordinates = coordinate.across(row, out);
                let slopes = slopes.of(column..column + LANES);
                for lane in 0..LANES {
                    let coordinate = coordinates[lane].add(origin);
                    let value = chunk[lane].widen();
                    let slope = slopes.at::<FMA, FLAT>(lane, value, coordinate, beta);
                    out[lane].put(T::narrow(slope));
                }
            }
            let column = chunks.len() * LANES;
            let coordinates = coordinate.across_rest(row, out_rest);
            for (lane, (out, value)) in out_rest.iter_mut().zip(rest).enumerate() {
                let coordinate = coordinates[lane].add(origin);
                let slope = slopes.at::<FMA, FLAT>(column + lane, value.widen(), coordinate, beta);
                out.put(T::narrow(slope));
            }
        }
    }
}

impl<A: Accumulator> Slopes<'_, A> {
    #[inline(always)]
    fn of(&self, lines: Range<usize>) -> Slopes<'_, A> {
        Slopes {
            max: &self.max[lines.clone()],
            centre: &self.centre[lines.clone()],
            offset: &self.offset[lines.clone()],
            scale: &self.scale[lines.clone()],
            grad: &self.grad[lines],
        }
    }

    /// The slope at a value of a line. The weight comes first: where it is 0, the product stays 0
    /// however large beta is.
    #[inline(always)]
    fn at<const FMA: bool, const FLAT: bool>(
        &self,
        line: usize,
        value: A,
        coordinate: A,
        beta: Beta<A>,
    ) -> A {
        let e = beta.weight::<FMA, FLAT>(value, self.max[line]);
        let distance = coordinate.sub(self.centre[line]).sub(self.offset[line]);
        e.mul(distance).mul(self.scale[line]).mul(self.grad[line])
    }
}
