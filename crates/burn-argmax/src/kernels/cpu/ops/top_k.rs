//! The `k` largest of each line: 1 for each, or weights from 0 to 1 that sum to `k`.

use crate::{
    kernels::cpu::{
        Accumulator, Element, Lines,
        simd::{larger, smaller},
        traverse::{map_by_line, of_each_line, state_of_columns},
    },
    top_k::{FAR, level, marks, soft_level},
};

/// Numbers of the state of a line: a score, and how far the threshold is below it.
pub(crate) const STATE: usize = 2;

/// 1 at the `k` largest, of equals at the first, and 0 elsewhere.
pub(crate) fn top_k<T: Element>(values: &[T], lines: Lines, k: usize) -> Vec<T> {
    let levels = of_each_line(values, lines, (0.0, 0), |line, scratch| {
        level(line, k, scratch)
    });
    map_by_line(values, lines, &levels, |value, index, level| {
        let value = value.widen().to_f64();
        if marks(value, index, *level) {
            T::ONE
        } else {
            T::ZERO
        }
    })
}

/// The weights of every line, and its state.
pub(crate) fn soft_top_k<A: Accumulator>(
    logits: &[A],
    lines: Lines,
    k: usize,
    beta: f64,
) -> (Vec<A>, Vec<A>) {
    let states = of_each_line(logits, lines, [A::ZERO; STATE], |line, scratch| {
        soft_level(line, k, beta, scratch).map(A::from_f64)
    });
    let beta = A::from_f64(beta.min(A::LARGEST.to_f64()));
    let far = A::from_f64(FAR);
    let weights = map_by_line(logits, lines, &states, |score, _, [level, threshold]| {
        if level.is_nan() {
            return A::NAN;
        }
        if score == A::NEG_INFINITY {
            return A::ZERO;
        }
        let largest = A::LARGEST;
        let distance = smaller(larger(score.sub(*level), A::ZERO.sub(largest)), largest);
        let distance = smaller(larger(distance.mul(beta), A::ZERO.sub(far)), far);
        smaller(larger(distance.add(*threshold), A::ZERO), A::ONE)
    });
    (
        weights,
        state_of_columns(states.into_flattened(), lines, STATE),
    )
}
