//! Result and state from the sums of a line.

use rayon::prelude::*;

use super::{Accumulator, Element, STATE, partial::Partial};

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

/// Results and states of interleaved lines: each entry of the state lies `inner` from the next.
pub(crate) fn finish_columns<T: Element>(
    partials: &[Partial],
    inner: usize,
) -> (Vec<T>, Vec<T::Accumulator>) {
    let mut results = vec![T::ZERO; partials.len()];
    let mut state = vec![T::Accumulator::ZERO; STATE * partials.len()];
    partials
        .par_chunks_exact(inner)
        .zip(results.par_chunks_exact_mut(inner))
        .zip(state.par_chunks_exact_mut(STATE * inner))
        .for_each(|((partials, results), state)| {
            for (line, (partial, result)) in partials.iter().zip(results).enumerate() {
                let (value, entries) = finish::<T>(*partial);
                *result = value;
                for (entry, value) in entries.into_iter().enumerate() {
                    state[entry * inner + line] = value;
                }
            }
        });
    (results, state)
}
