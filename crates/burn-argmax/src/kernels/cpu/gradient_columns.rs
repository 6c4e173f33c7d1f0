//! The gradient of the softmax average of a coordinate along interleaved lines, lanes across them.

use multiversion::{multiversion, target::target_cfg_f};

use super::{
    Accumulator, Element, Lines, STATE,
    beta::Beta,
    coordinate::Index,
    gradient::{LANES, Logits, Slot},
    parallel::{TASK, share},
    peak::{filled_up, widened},
};

/// Lines that are worked on together: few enough for their slopes to stay in the first cache, and
/// enough for the elements that follow to have come when it is their turn.
const WIDTH: usize = 512;

/// Elements of every line of a task, at least.
const ROWS: usize = 16;

/// What the gradients of lines side by side take from their state.
#[derive(Clone, Copy)]
pub(crate) struct Slopes<A> {
    pub max: [A; LANES],
    pub centre: [A; LANES],
    pub offset: [A; LANES],
    /// `beta / sum`.
    pub scale: [A; LANES],
    pub grad: [A; LANES],
}

impl<A: Accumulator> Slopes<A> {
    /// Of no line.
    const NONE: Self = Self {
        max: [A::ZERO; LANES],
        centre: [A::ZERO; LANES],
        offset: [A::ZERO; LANES],
        scale: [A::ZERO; LANES],
        grad: [A::ZERO; LANES],
    };

    /// The slope at a value of a line. The weight comes first: where it is 0, the product stays 0
    /// however large beta is.
    #[inline(always)]
    pub fn at<const FMA: bool, const FLAT: bool>(
        &self,
        lane: usize,
        value: A,
        coordinate: A,
        beta: Beta<A>,
    ) -> A {
        let e = beta.weight::<FMA, FLAT>(value, self.max[lane]);
        let distance = coordinate.sub(self.centre[lane]).sub(self.offset[lane]);
        e.mul(distance).mul(self.scale[lane]).mul(self.grad[lane])
    }
}

/// The same of any number of neighbouring lines, a slice for each.
#[derive(Clone, Copy)]
struct LineSlopes<'a, A> {
    max: &'a [A],
    centre: &'a [A],
    offset: &'a [A],
    scale: &'a [A],
    grad: &'a [A],
}

impl<A: Accumulator> LineSlopes<'_, A> {
    /// Of the lines from one on, no more than a vector of them.
    #[inline(always)]
    fn from(&self, line: usize) -> Slopes<A> {
        let part = |values: &[A]| {
            let values = &values[line..];
            values
                .as_chunks()
                .0
                .first()
                .copied()
                .unwrap_or_else(|| filled_up(values))
        };
        Slopes {
            max: part(self.max),
            centre: part(self.centre),
            offset: part(self.offset),
            scale: part(self.scale),
            grad: part(self.grad),
        }
    }
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
    let scale: Vec<_> = state
        .chunks_exact(STATE * inner)
        .flat_map(|state| &state[inner..2 * inner])
        .map(|sum| T::Accumulator::from_f64(beta.wide / sum.to_f64()))
        .collect();
    let grad: Vec<_> = grad.map_or_else(
        || vec![T::Accumulator::ONE; lines.count()],
        |grad| grad.iter().map(|grad| grad.widen()).collect(),
    );
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
        let slopes = LineSlopes {
            max: &state[..inner],
            centre: &state[2 * inner..3 * inner],
            offset: &state[3 * inner..],
            scale: &scale[lines.clone()],
            grad: &grad[lines],
        };
        let logits = logits.part((outer * n + first) * inner, out.len());
        gradient_rows(out, logits, slopes, coordinate, beta, first);
    });
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
fn gradient_rows<T, S, L, C>(
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
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        fill_rows::<T, S, L, C>(out, logits, slopes, coordinate, beta, first)
    );
}

#[inline(always)]
fn fill_rows<T, S, L, C, const FMA: bool, const FLAT: bool>(
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
    let origin = coordinate.first_origin(first);
    for tile in (0..inner).step_by(WIDTH) {
        let width = WIDTH.min(inner - tile);
        let mut groups = [Slopes::NONE; WIDTH / LANES];
        for (group, column) in groups.iter_mut().zip((tile..tile + width).step_by(LANES)) {
            *group = slopes.from(column);
        }
        for (row, out) in out.chunks_exact_mut(inner).enumerate() {
            let logits = logits.part(row * inner + tile, width);
            let (chunks, rest) = out[tile..tile + width].as_chunks_mut::<LANES>();
            let place = chunks.len() * LANES;
            for (index, (out, slopes)) in chunks.iter_mut().zip(&groups).enumerate() {
                logits.prefetch(index * LANES, out, inner * size_of::<T>());
                let coordinates = coordinate.across(row, out);
                let values = logits.chunk(index * LANES, out);
                for lane in 0..LANES {
                    let coordinate = coordinates[lane].add(origin);
                    let slope = slopes.at::<FMA, FLAT>(lane, values[lane], coordinate, beta);
                    out[lane].put(T::narrow(slope));
                }
            }
            if !rest.is_empty() {
                let slopes = &groups[chunks.len()];
                let coordinates = coordinate.across_rest(row, rest);
                let values = logits.rest(place, rest);
                let mut gradient = [T::Accumulator::ZERO; LANES];
                for lane in 0..LANES {
                    let coordinate = coordinates[lane].add(origin);
                    gradient[lane] = slopes.at::<FMA, FLAT>(lane, values[lane], coordinate, beta);
                }
                for (out, slope) in rest.iter_mut().zip(gradient) {
                    out.put(T::narrow(slope));
                }
            }
        }
    }
}
