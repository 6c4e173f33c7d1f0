//! Result and state from the sums of a line.

use super::{
    Accumulator, Element, STATE,
    partial::{LANES, Partial, Partials},
};

/// The result of a line and its state, `[max, sum, centre, offset]`.
#[inline(always)]
pub(crate) fn finish<T: Element>(partial: Partial) -> (T, [T::Accumulator; STATE]) {
    if !partial.is_valid() {
        return (T::round(f64::NAN), [T::Accumulator::NAN; STATE]);
    }
    let offset = partial.weighted / partial.sum;
    let result = T::round(partial.centre + offset);
    // A large index may not fit the accumulator: the offset makes up for the rounding.
    let centre = T::Accumulator::from_f64(partial.centre);
    let offset = offset + (partial.centre - centre.to_f64());
    let state = [partial.max, partial.sum, centre.to_f64(), offset].map(T::Accumulator::from_f64);
    (result, state)
}

/// [`finish`] of lines side by side, each entry of the state together. Their coordinates are exact in
/// the accumulator.
#[inline(always)]
pub(crate) fn finish_each<T: Element>(
    partials: &Partials<T::Accumulator>,
) -> ([T; LANES], [[T::Accumulator; LANES]; STATE]) {
    let mut results = [T::ZERO; LANES];
    let mut state = [[T::Accumulator::NAN; LANES]; STATE];
    for lane in 0..LANES {
        let (max, centre) = (partials.max[lane], partials.centre[lane]);
        let (sum, weighted) = (partials.sum[lane], partials.weighted[lane]);
        let valid = max > T::Accumulator::NEG_INFINITY && !sum.is_nan();
        // NaN, and all that is made of it, where there is no softmax.
        let sum = if valid { sum } else { f64::NAN };
        let nothing = T::Accumulator::from_f64(sum * 0.0);
        let offset = weighted / sum;
        results[lane] = T::round(centre.to_f64() + offset);
        state[0][lane] = max.add(nothing);
        state[1][lane] = T::Accumulator::from_f64(sum);
        state[2][lane] = centre.add(nothing);
        state[3][lane] = T::Accumulator::from_f64(offset);
    }
    (results, state)
}

/// Results of interleaved lines, and if it is kept the state, whose entries lie `inner` from the next.
pub(crate) fn finish_columns<T: Element>(
    partials: &[Partial],
    inner: usize,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>) {
    let kept = if keep_state { partials.len() } else { 0 };
    let mut results = vec![T::ZERO; partials.len()];
    let mut state = vec![T::Accumulator::ZERO; STATE * kept];
    for (line, (partial, result)) in partials.iter().zip(&mut results).enumerate() {
        let (value, entries) = finish::<T>(*partial);
        *result = value;
        if keep_state {
            let first = line / inner * STATE * inner + line % inner;
            for (entry, value) in entries.into_iter().enumerate() {
                state[first + entry * inner] = value;
            }
        }
    }
    (results, state)
}
