//! What is kept of a line whose weights are above a threshold, line by line and lane by lane.

use crate::kernels::cpu::{Accumulator, plan::LANES, simd::filled_up};

/// Numbers of the state of a line: its maximum, and the level of that above the threshold in two parts.
/// All are NaN where a line has none.
pub(crate) const THRESHOLD_STATE: usize = 3;

/// The state of a line.
pub(super) type State<A> = [A; THRESHOLD_STATE];

/// The states of lines side by side, which may all be one and the same.
pub(super) type LaneStates<A> = [[A; LANES]; THRESHOLD_STATE];

/// A number as one of the accumulator and what it lacks of that.
#[inline(always)]
pub(super) fn in_two<A: Accumulator>(value: f64) -> [A; 2] {
    let high = A::from_f64(value);
    [high, A::from_f64(value - high.to_f64())]
}

/// Of the columns from one on, from what all have entry by entry.
#[inline(always)]
pub(super) fn lane_states<A: Accumulator, const ENTRIES: usize, const WHOLE: bool>(
    state: &[A],
    columns: usize,
    first: usize,
) -> [[A; LANES]; ENTRIES] {
    std::array::from_fn(|entry| lanes::<A, WHOLE>(&state[entry * columns..][first..columns]))
}

/// The first values, and masks beyond them where they are not a whole vector.
#[inline(always)]
pub(super) fn lanes<A: Accumulator, const WHOLE: bool>(values: &[A]) -> [A; LANES] {
    if WHOLE {
        *values.first_chunk().expect("a whole vector")
    } else {
        filled_up(values)
    }
}
