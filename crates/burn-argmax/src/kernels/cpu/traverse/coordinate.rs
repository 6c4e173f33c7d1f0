//! What the softmax of a line is averaged over.

use crate::kernels::cpu::{
    Accumulator, Element,
    plan::AHEAD,
    simd::{prefetch, widened},
};

/// A coordinate of the elements of a line. Sums are weighted by how far it is from that of the
/// maximum, so that nothing cancels when the peak is sharp.
pub(crate) trait Coordinate<A>: Copy + Sync {
    /// The coordinate of the element in this place.
    fn at(self, place: usize) -> f64;

    /// What the coordinates of a part of a line that starts in this place are counted from.
    fn origin(self, start: usize) -> f64;

    /// What [`distances`](Coordinate::distances) begins with, for a center counted from the origin.
    fn begin<const N: usize>(self, center: A) -> [A; N];

    /// How far the next `N` elements, from this place on, are from the center.
    fn distances<const N: usize>(self, next: &mut [A; N], place: usize, center: A) -> [A; N];

    /// The same of the last `count` of a line, and anything beyond it.
    fn last_distances<const N: usize>(
        self,
        next: &[A; N],
        place: usize,
        count: usize,
        center: A,
    ) -> [A; N];
}

/// A coordinate of the elements of interleaved lines.
pub(crate) trait ColumnCoordinate<A>: Copy + Send + Sync {
    /// Those of lines of one table, from an element of every line on.
    fn of_part(self, _outer: usize, _start: usize) -> Self {
        self
    }

    /// What the coordinates of lines from element `first` on are counted from.
    fn first_origin(self, first: usize) -> f64;

    /// The coordinates, from the origin, of element `index` past the first of `N` neighboring
    /// lines; it lies in `place` of the tensor.
    fn across<const N: usize>(self, index: usize, place: usize) -> [A; N];

    /// The same of the last few lines, and anything finite beyond them.
    fn across_rest<const N: usize>(self, index: usize, place: usize, count: usize) -> [A; N];
}

/// The index itself: the place in the line.
#[derive(Clone, Copy)]
pub(crate) struct Index;

impl<A: Accumulator> Coordinate<A> for Index {
    #[inline(always)]
    fn at(self, place: usize) -> f64 {
        place as f64
    }

    #[inline(always)]
    fn origin(self, start: usize) -> f64 {
        start as f64
    }

    #[inline(always)]
    fn begin<const N: usize>(self, center: A) -> [A; N] {
        let mut next = [A::ZERO; N];
        for (lane, distance) in next.iter_mut().enumerate() {
            *distance = A::from_i32(lane as i32).sub(center);
        }
        next
    }

    #[inline(always)]
    fn distances<const N: usize>(self, next: &mut [A; N], _place: usize, _center: A) -> [A; N] {
        let distances = *next;
        let step = A::from_i32(N as i32);
        for lane in 0..N {
            next[lane] = distances[lane].add(step);
        }
        distances
    }

    #[inline(always)]
    fn last_distances<const N: usize>(
        self,
        next: &[A; N],
        _place: usize,
        _count: usize,
        _center: A,
    ) -> [A; N] {
        *next
    }
}

impl<A: Accumulator> ColumnCoordinate<A> for Index {
    #[inline(always)]
    fn first_origin(self, first: usize) -> f64 {
        first as f64
    }

    #[inline(always)]
    fn across<const N: usize>(self, index: usize, _place: usize) -> [A; N] {
        [A::from_i32(index as i32); N]
    }

    #[inline(always)]
    fn across_rest<const N: usize>(self, index: usize, _place: usize, _count: usize) -> [A; N] {
        [A::from_i32(index as i32); N]
    }
}

/// The elements of another line, or of the other lines of another tensor.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a, T>(pub &'a [T]);

impl<T> Values<'_, T> {
    #[inline(always)]
    fn chunk<const N: usize>(&self, place: usize) -> &[T; N] {
        let chunk = self.0[place..place + N].first_chunk();
        chunk.expect("as many elements")
    }
}

impl<T: Element> Coordinate<T::Accumulator> for Values<'_, T> {
    #[inline(always)]
    fn at(self, place: usize) -> f64 {
        self.0[place].widen().to_f64()
    }

    #[inline(always)]
    fn origin(self, _start: usize) -> f64 {
        0.0
    }

    #[inline(always)]
    fn begin<const N: usize>(self, _center: T::Accumulator) -> [T::Accumulator; N] {
        [T::Accumulator::ZERO; N]
    }

    #[inline(always)]
    fn distances<const N: usize>(
        self,
        _next: &mut [T::Accumulator; N],
        place: usize,
        center: T::Accumulator,
    ) -> [T::Accumulator; N] {
        let values = self.chunk::<N>(place);
        prefetch(values, AHEAD);
        let mut lanes = widened(values);
        for lane in &mut lanes {
            *lane = lane.sub(center);
        }
        lanes
    }

    #[inline(always)]
    fn last_distances<const N: usize>(
        self,
        _next: &[T::Accumulator; N],
        place: usize,
        count: usize,
        center: T::Accumulator,
    ) -> [T::Accumulator; N] {
        let mut lanes = self.across_rest(0, place, count);
        for lane in &mut lanes {
            *lane = lane.sub(center);
        }
        lanes
    }
}

impl<T: Element> ColumnCoordinate<T::Accumulator> for Values<'_, T> {
    #[inline(always)]
    fn first_origin(self, _first: usize) -> f64 {
        0.0
    }

    #[inline(always)]
    fn across<const N: usize>(self, _index: usize, place: usize) -> [T::Accumulator; N] {
        widened(self.chunk::<N>(place))
    }

    #[inline(always)]
    fn across_rest<const N: usize>(
        self,
        _index: usize,
        place: usize,
        count: usize,
    ) -> [T::Accumulator; N] {
        let mut lanes = [T::Accumulator::ZERO; N];
        for (lane, value) in lanes.iter_mut().zip(&self.0[place..][..count]) {
            *lane = value.widen();
        }
        lanes
    }
}
