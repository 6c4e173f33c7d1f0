//! Short rows, sixteen at a time, transposed so that lanes run across them: a vector along one would be
//! mostly empty, and its lanes would have to be folded for a few elements.

use std::hint::black_box;

use super::{
    LaneStates, LineOp, Partials, Slot, finite_max,
    transpose::{to_columns, to_lines},
};
use crate::kernels::cpu::{
    Accumulator, Element,
    plan::{AHEAD, LANES, SHORT},
    simd::{prefetch, raise},
};

/// Where rows are transposed, in the first cache.
pub(crate) struct Transposer<T: Element>([[T::Accumulator; LANES]; SHORT]);

impl<T: Element> Transposer<T> {
    #[inline(always)]
    pub fn new() -> Self {
        Self([[T::Accumulator::ZERO; LANES]; SHORT])
    }

    /// Transposes rows of `n` elements, no more than [`LANES`] of them. Anything is in the lanes beyond.
    #[inline(always)]
    pub fn transpose(&mut self, lines: &[T], n: usize) -> &mut [[T::Accumulator; LANES]] {
        prefetch(lines, AHEAD);
        let columns = &mut self.0[..n];
        to_columns(lines, n, columns.as_flattened_mut(), LANES, T::widen);
        columns
    }

    /// Transposes back what is where [`transpose`](Self::transpose) left it.
    #[inline(always)]
    pub fn transpose_back<S: Slot<T>>(&mut self, out: &mut [S], n: usize) {
        to_lines(self.0[..n].as_flattened(), LANES, out, n, T::narrow);
    }
}

/// The largest value of each row that is not NaN.
#[inline(always)]
fn maxima<A: Accumulator>(columns: &[[A; LANES]]) -> [A; LANES] {
    let mut max = [A::NEG_INFINITY; LANES];
    for values in columns {
        raise(&mut max, *values);
    }
    max
}

/// The sums of each row.
#[inline(always)]
pub(super) fn reduce_transposed<A, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    columns: &[[A; LANES]],
    coordinates: impl Fn(usize) -> [A; LANES],
    op: O,
) -> Partials<A, SUMS>
where
    A: Accumulator,
    O: LineOp<A, SUMS, STATE>,
{
    let max = maxima(columns);
    // From the last to the first, so that the first of equal maxima is left.
    let mut center = coordinates(0);
    for (place, values) in columns.iter().enumerate().rev() {
        let coordinates = coordinates(place);
        for lane in 0..LANES {
            let hit = values[lane] == max[lane];
            center[lane] = if hit { coordinates[lane] } else { center[lane] };
        }
    }
    let about = max.map(finite_max);
    let mut sums = [[A::ZERO; LANES]; SUMS];
    for (place, values) in columns.iter().enumerate() {
        let mut distances = coordinates(place);
        for lane in 0..LANES {
            distances[lane] = distances[lane].sub(center[lane]);
        }
        op.observe::<FMA>(&mut sums, *values, about, distances);
    }
    Partials::new(max, center, sums)
}

/// The map of each row, in the place of its values.
#[inline(always)]
pub(super) fn map_transposed<A, O, const SUMS: usize, const STATE: usize, const FMA: bool>(
    columns: &mut [[A; LANES]],
    coordinates: impl Fn(usize) -> [A; LANES],
    states: &LaneStates<A>,
    op: O,
) where
    A: Accumulator,
    O: LineOp<A, SUMS, STATE>,
{
    if states.broken {
        fill::<A, O, SUMS, STATE, FMA, true>(columns, coordinates, states, op);
    } else {
        fill::<A, O, SUMS, STATE, FMA, false>(columns, coordinates, states, op);
    }
}

#[inline(always)]
fn fill<A, O, const SUMS: usize, const STATE: usize, const FMA: bool, const BROKEN: bool>(
    columns: &mut [[A; LANES]],
    coordinates: impl Fn(usize) -> [A; LANES],
    states: &LaneStates<A>,
    op: O,
) where
    A: Accumulator,
    O: LineOp<A, SUMS, STATE>,
{
    for (place, values) in columns.iter_mut().enumerate() {
        // Alone: the compiler would map one lane of several columns together, which lie apart.
        let values = black_box(values);
        let coordinates = coordinates(place);
        for lane in 0..LANES {
            let state = states.lane(lane);
            let distance = coordinates[lane].sub(state.center);
            values[lane] = op.map::<FMA, BROKEN>(state, values[lane], distance);
        }
    }
}

/// The first NaN of each line and its place, else the same of its largest value.
#[inline(always)]
pub(crate) fn nan_or_peak_transposed<A: Accumulator>(
    columns: &[[A; LANES]],
) -> ([A; LANES], [i32; LANES]) {
    let mut peak = maxima(columns);
    let mut first = [0; LANES];
    let mut first_nan = [i32::MAX; LANES];
    for (place, values) in columns.iter().enumerate().rev() {
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

/// The index of neighboring elements of rows side by side.
#[inline(always)]
pub(super) fn index_of<A: Accumulator>(place: usize) -> [A; LANES] {
    [A::from_i32(place as i32); LANES]
}
