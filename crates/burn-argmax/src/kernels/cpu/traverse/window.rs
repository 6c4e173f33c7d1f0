//! Windows about the first maximum of every line: what is outside of them has no part.

use std::ops::Range;

use super::{
    LineOp, LineState, Slot,
    coordinate::Index,
    map_rows::{IndexDistances, map_piece},
    narrow_columns::{state_of_columns, state_of_rows},
    peaks::peak_indices,
    rows::reduce_piece,
};
use crate::kernels::cpu::{
    Accumulator, Element, Lines, check_length,
    plan::{EXACT_INDICES, TASK},
    share::{share, zeroed},
};

/// The places of a line that are within `radius` of its peak.
fn window(peak: usize, radius: usize, n: usize) -> Range<usize> {
    peak.saturating_sub(radius)..n.min(peak.saturating_add(radius).saturating_add(1))
}

/// [`reduce`](super::reduce()) of the window of every line.
pub(crate) fn reduce_windows<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    lines: Lines,
    op: O,
    radius: usize,
    keep_state: bool,
) -> (Vec<T>, Vec<T::Accumulator>)
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    check_length("logits", values.len(), lines.elements());
    let peaks = peak_indices(values, lines);
    let mut results = vec![T::ZERO; peaks.len()];
    let mut states = vec![[T::Accumulator::ZERO; STATE]; peaks.len()];
    let width = window(0, radius, lines.n).len();
    let tasks = results
        .chunks_mut(in_a_task(width))
        .zip(states.chunks_mut(in_a_task(width)))
        .enumerate();
    share(tasks, peaks.len() * width, |(task, (results, states))| {
        let mut gathered = Vec::new();
        for (index, (result, state)) in results.iter_mut().zip(states).enumerate() {
            let line = task * in_a_task(width) + index;
            let places = window(peaks[line], radius, lines.n);
            let start = places.start;
            let values = lines.part(values, line, places, &mut gathered);
            (*result, *state) = O::finish::<T>(reduce_piece(values, Index, op, start));
        }
    });
    states.truncate(if keep_state { peaks.len() } else { 0 });
    (
        results,
        state_of_columns(states.into_flattened(), lines, STATE),
    )
}

/// [`map`](super::map()) of the window of every line, 0 outside of it.
pub(crate) fn map_windows<T, O, const SUMS: usize, const STATE: usize>(
    values: &[T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
    radius: usize,
) -> Vec<T>
where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mapped = Mapped::new(values, state, grad, lines, op, radius);
    let mut out = zeroed(values.len(), lines.n);
    mapped.put(&mut out, lines);
    out
}

/// The same, which takes the place of the values.
pub(crate) fn map_windows_in_place<T, O, const SUMS: usize, const STATE: usize>(
    values: &mut [T],
    state: &[T::Accumulator],
    grad: &[T],
    lines: Lines,
    op: O,
    radius: usize,
) where
    T: Element,
    O: LineOp<T::Accumulator, SUMS, STATE>,
{
    let mapped = Mapped::new(values, state, grad, lines, op, radius);
    let length = values.len();
    share(values.chunks_mut(TASK), length, |part| part.fill(T::ZERO));
    mapped.put(values, lines);
}

/// The values, and masks outside of the window of every line. In a line that a NaN or `+inf` leaves
/// without a maximum nothing is outside.
pub(crate) fn outside_masked<T: Element>(values: &[T], lines: Lines, radius: usize) -> Vec<T> {
    let peaks = peak_indices(values, lines);
    let mask = T::narrow(T::Accumulator::NEG_INFINITY);
    let mut masked = vec![mask; values.len()];
    let tables = masked.chunks_mut(lines.table()).enumerate();
    share(tables, values.len(), |(table, masked)| {
        let values = &values[table * lines.table()..][..lines.table()];
        let peaks = &peaks[table * lines.inner..][..lines.inner];
        for (column, &peak) in peaks.iter().enumerate() {
            let highest = values[peak * lines.inner + column].widen().to_f64();
            let places = match highest < f64::INFINITY {
                true => window(peak, radius, lines.n),
                false => 0..lines.n,
            };
            for place in places.map(|index| index * lines.inner + column) {
                masked[place] = values[place];
            }
        }
    });
    masked
}

/// The map of the window of every line.
struct Mapped<T> {
    /// For some lines at a time: the places of the window of each, and the map there, one after the
    /// other.
    parts: Vec<(Vec<Range<usize>>, Vec<T>)>,
}

impl<T: Element> Mapped<T> {
    fn new<O, const SUMS: usize, const STATE: usize>(
        values: &[T],
        state: &[T::Accumulator],
        grad: &[T],
        lines: Lines,
        op: O,
        radius: usize,
    ) -> Self
    where
        O: LineOp<T::Accumulator, SUMS, STATE>,
    {
        check_length("logits", values.len(), lines.elements());
        check_length("state", state.len(), STATE * lines.count());
        check_length("grad", grad.len(), lines.count());
        let state = state_of_rows(state, lines, STATE);
        let (states, _) = state.as_chunks::<STATE>();
        // Past that the state has no exact index.
        let peaks = (lines.n > EXACT_INDICES).then(|| peak_indices(values, lines));
        let width = window(0, radius, lines.n).len();
        let in_a_task = in_a_task(width);
        let mut parts = Vec::new();
        parts.resize_with(lines.count().div_ceil(in_a_task), Default::default);
        let tasks = parts.iter_mut().enumerate();
        share(tasks, lines.count() * width, |(task, part)| {
            let (windows, mapped): &mut (Vec<Range<usize>>, Vec<T>) = part;
            let mut gathered = Vec::new();
            let first = task * in_a_task;
            for line in first..lines.count().min(first + in_a_task) {
                let state = LineState::new(op, states[line], grad[line].widen());
                let places = match &peaks {
                    // All of a line without a maximum is NaN, but for its masks.
                    _ if state.broken => 0..lines.n,
                    Some(peaks) => window(peaks[line], radius, lines.n),
                    None => window(state.center.to_f64() as usize, radius, lines.n),
                };
                let values = lines.part(values, line, places.clone(), &mut gathered);
                let start = mapped.len();
                mapped.resize(start + values.len(), T::ZERO);
                let distances = IndexDistances::new(places.start, state);
                map_piece(&mut mapped[start..], values, distances, state, op);
                windows.push(places);
            }
        });
        Self { parts }
    }

    fn put(self, out: &mut [T], lines: Lines) {
        let mut line = 0;
        for (windows, mapped) in self.parts {
            let mut mapped = mapped.into_iter();
            for places in windows {
                let first = lines.place(line, places.start);
                let out = out[first..].iter_mut().step_by(lines.inner);
                for (out, value) in out.take(places.len()).zip(&mut mapped) {
                    out.put(value);
                }
                line += 1;
            }
        }
    }
}

/// Lines of one task.
fn in_a_task(width: usize) -> usize {
    TASK.div_ceil(width)
}

impl Lines {
    /// Where an element of a line lies.
    fn place(self, line: usize, index: usize) -> usize {
        line / self.inner * self.table() + index * self.inner + line % self.inner
    }

    /// A part of a line, in a buffer where its elements do not lie beside each other.
    fn part<'a, T: Element>(
        self,
        values: &'a [T],
        line: usize,
        places: Range<usize>,
        buffer: &'a mut Vec<T>,
    ) -> &'a [T] {
        let first = self.place(line, places.start);
        if self.inner == 1 {
            return &values[first..][..places.len()];
        }
        buffer.clear();
        let elements = values[first..].iter().step_by(self.inner);
        buffer.extend(elements.take(places.len()));
        buffer
    }
}
