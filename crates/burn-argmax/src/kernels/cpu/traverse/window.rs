//! Windows about the first maximum of every line: what is outside of them has no part.

use std::ops::Range;

use super::{
    LineOp, LineState, Slot,
    coordinate::Index,
    map_rows::{IndexDistances, map_piece},
    narrow_columns::{state_of_columns, state_of_rows},
    peaks::{AsTheyAre, peak_indices, row_peak},
    rows::reduce_piece,
};
use crate::kernels::cpu::{
    Accumulator, Element, Lines, check_length,
    plan::{EXACT_INDICES, LANES, Path, TASK, TASK_ROWS},
    share::{filled, share},
};

/// The places of a line that are within `radius` of its peak.
fn window(peak: usize, radius: usize, n: usize) -> Range<usize> {
    peak.saturating_sub(radius)..n.min(peak.saturating_add(radius).saturating_add(1))
}

/// The place of the first maximum of a line of which something is not finite, if that is not a score:
/// weights that sum to 0 are, and an upstream gradient.
#[cold]
pub(crate) fn finite_peak<'a, T: Element>(line: impl Iterator<Item = &'a T>) -> Option<usize> {
    let (mut peak, mut max) = (None, f64::NEG_INFINITY);
    for (place, value) in line.enumerate() {
        let value = value.widen().to_f64();
        if value.is_nan() || value == f64::INFINITY {
            return None;
        }
        if value > max {
            (peak, max) = (Some(place), value);
        }
    }
    peak
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
    // Of rows that are whole, the window is in the cache after the peak is found.
    let is_whole = lines.inner == 1 && lines.path() == Path::Rows && lines.n >= LANES;
    let peaks = (!is_whole).then(|| peak_indices(values, lines, AsTheyAre));
    let width = match &peaks {
        Some(_) => window(0, radius, lines.n).len(),
        None => lines.n,
    };
    let count = lines.count();
    let mut results = vec![T::ZERO; count];
    let mut states = vec![[T::Accumulator::ZERO; STATE]; count];
    let tasks = results
        .chunks_mut(in_a_task(width))
        .zip(states.chunks_mut(in_a_task(width)))
        .enumerate();
    share(tasks, count * width, |(task, (results, states))| {
        let mut gathered = Vec::new();
        for (index, (result, state)) in results.iter_mut().zip(states).enumerate() {
            let line = task * in_a_task(width) + index;
            let peak = match &peaks {
                Some(peaks) => peaks[line],
                None => row_peak(&values[line * lines.n..][..lines.n]).1,
            };
            let places = window(peak, radius, lines.n);
            let start = places.start;
            let values = lines.part(values, line, places, &mut gathered);
            (*result, *state) = O::finish::<T>(reduce_piece(values, Index, op, start));
        }
    });
    states.truncate(if keep_state { count } else { 0 });
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
    // SAFETY: `put` goes over all lines, and writes every element of each.
    unsafe { filled(values.len(), |out| mapped.put(out, lines)) }
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
    mapped.put(values, lines);
}

/// The values, and masks outside of the window of every line. In a line that a NaN or `+inf` leaves
/// without a maximum nothing is outside.
pub(crate) fn outside_masked<T: Element>(values: &[T], lines: Lines, radius: usize) -> Vec<T> {
    let peaks = peak_indices(values, lines, AsTheyAre);
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
        let peaks = (lines.n > EXACT_INDICES).then(|| peak_indices(values, lines, AsTheyAre));
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
                    _ if state.broken => match finite_peak(lines.values(values, line)) {
                        Some(peak) => window(peak, radius, lines.n),
                        // All of it is NaN, but for its masks.
                        None => 0..lines.n,
                    },
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

    /// Puts the map of the windows in its place, and 0 everywhere else.
    fn put<S: Slot<T>>(&self, out: &mut [S], lines: Lines) {
        let Lines { n, inner, .. } = lines;
        let windows: Vec<(&Range<usize>, &[T])> = self
            .parts
            .iter()
            .flat_map(|(windows, mapped)| {
                let mut mapped = &mapped[..];
                windows.iter().map(move |places| {
                    let (of_line, rest) = mapped.split_at(places.len());
                    mapped = rest;
                    (places, of_line)
                })
            })
            .collect();
        // Several tables, or some rows of one.
        let (tables, rows) = match lines.table() > PUT_TASKS * TASK {
            true => (1, TASK_ROWS.max(TASK.div_ceil(inner))),
            false => (TASK.div_ceil(lines.table()), n),
        };
        let length = out.len();
        let parts = out.chunks_mut(tables * lines.table()).enumerate();
        let parts = parts.flat_map(|(part, slots)| {
            let parts = slots.chunks_mut(tables * rows * inner).enumerate();
            parts.map(move |(index, slots)| (part * tables, index * rows, slots))
        });
        share(parts, length, |(table, first, slots)| {
            for slot in &mut *slots {
                slot.put(T::ZERO);
            }
            for (index, slots) in slots.chunks_mut(lines.table()).enumerate() {
                let end = first + slots.len() / inner;
                let windows = &windows[(table + index) * inner..][..inner];
                for (column, (places, mapped)) in windows.iter().enumerate() {
                    for place in places.start.max(first)..places.end.min(end) {
                        slots[(place - first) * inner + column].put(mapped[place - places.start]);
                    }
                }
            }
        });
    }
}

/// Tasks from which the rows of a table are put in parts.
const PUT_TASKS: usize = 4;

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
