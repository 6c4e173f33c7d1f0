//! What the softmax of a line is averaged over.

use super::{Accumulator, Element};

/// A coordinate of the elements of a line. Sums are weighted by how far it is from the argmax's,
/// so that nothing cancels when the peak is sharp.
pub(crate) trait Coordinate<A>: Copy + Sync {
    /// The coordinate of one index less that of another.
    fn between(self, index: usize, other: usize) -> f64;

    /// The coordinate that [`distance`](Coordinate::distance) is measured from.
    fn at(self, index: usize) -> A;

    /// The coordinate of `index`, which is `steps` past the argmax, less the argmax's.
    fn distance(self, index: usize, steps: i32, argmax: A) -> A;

    /// The same of `N` elements in a row, from `index` on.
    fn distances<const N: usize>(self, index: usize, steps: i32, argmax: A) -> [A; N];

    /// The same across `width` neighbouring lines, each of which has its own argmax.
    fn across<const N: usize>(
        self,
        index: usize,
        width: usize,
        steps: [i32; N],
        argmax: &[A; N],
    ) -> [A; N];
}

/// The index itself.
#[derive(Clone, Copy)]
pub(crate) struct Index {
    /// Places from one element of a line to the next.
    pub stride: usize,
}

impl<A: Accumulator> Coordinate<A> for Index {
    #[inline(always)]
    fn between(self, index: usize, other: usize) -> f64 {
        (index as f64 - other as f64) / self.stride as f64
    }

    #[inline(always)]
    fn at(self, _index: usize) -> A {
        A::ZERO
    }

    #[inline(always)]
    fn distance(self, _index: usize, steps: i32, _argmax: A) -> A {
        A::from_distance(steps)
    }

    #[inline(always)]
    fn distances<const N: usize>(self, _index: usize, steps: i32, _argmax: A) -> [A; N] {
        std::array::from_fn(|lane| A::from_distance(steps + lane as i32))
    }

    #[inline(always)]
    fn across<const N: usize>(
        self,
        _index: usize,
        _width: usize,
        steps: [i32; N],
        _argmax: &[A; N],
    ) -> [A; N] {
        steps.map(A::from_distance)
    }
}

/// The elements of another line.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a, T>(pub &'a [T]);

impl<T: Element> Coordinate<T::Accumulator> for Values<'_, T> {
    #[inline(always)]
    fn between(self, index: usize, other: usize) -> f64 {
        self.0[index].widen().to_f64() - self.0[other].widen().to_f64()
    }

    #[inline(always)]
    fn at(self, index: usize) -> T::Accumulator {
        self.0[index].widen()
    }

    #[inline(always)]
    fn distance(self, index: usize, _steps: i32, argmax: T::Accumulator) -> T::Accumulator {
        self.0[index].widen().sub(argmax)
    }

    #[inline(always)]
    fn distances<const N: usize>(
        self,
        index: usize,
        _steps: i32,
        argmax: T::Accumulator,
    ) -> [T::Accumulator; N] {
        let values: &[T; N] = self.0[index..index + N]
            .try_into()
            .expect("a slice of N elements");
        values.map(|value| value.widen().sub(argmax))
    }

    #[inline(always)]
    fn across<const N: usize>(
        self,
        index: usize,
        width: usize,
        _steps: [i32; N],
        argmax: &[T::Accumulator; N],
    ) -> [T::Accumulator; N] {
        let mut distances = [T::Accumulator::ZERO; N];
        let values = &self.0[index..index + width];
        if let Ok(values) = <&[T; N]>::try_from(values) {
            for lane in 0..N {
                distances[lane] = values[lane].widen().sub(argmax[lane]);
            }
        } else {
            for (lane, value) in values.iter().enumerate() {
                distances[lane] = value.widen().sub(argmax[lane]);
            }
        }
        distances
    }
}
