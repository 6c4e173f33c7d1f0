//! The first maximum of every line, in one read of the values, and what scores are read with that needs it: windows
//! and noise.
//!
//! Our own reduction and not the backend's: that one is wrong on lines of more than 65,535 steps
//! where llvmpipe, Mesa's software GPU, ends a loop early, and what it makes of ties, `-inf` and NaN
//! depends on the device.

use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::order_key,
    kernels::fold_lanes,
    launch::Inputs,
    lines::Lines,
    noise::NoiseOfLines,
    operator::{Counts, Entry, Finished, Reduction, Types, Walk},
    peak::{INDEX, KEY, NUMBERS},
    window::{Space, Windows},
};

/// The largest [`order_key`] of some entries, lane by lane, and the first index that has it. A NaN
/// is the largest of all, so the first NaN is the peak of a line that has one.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Peak<K: Int, N: Size> {
    key: Vector<K, N>,
    index: Vector<K, N>,
}

#[cube]
impl<K: Int, N: Size> Peak<K, N> {
    /// Below every entry.
    fn none() -> Self {
        Peak::<K, N> {
            key: Vector::new(K::min_value()),
            index: Vector::new(K::max_value()),
        }
    }

    fn merge(&mut self, other: &Self) {
        let ties = other.key.equal(&self.key);
        let leads = other
            .key
            .greater_than(&self.key)
            .or(ties.vec_and(other.index.less_than(&self.index)));
        self.key = select_many(leads, other.key, self.key);
        self.index = select_many(leads, other.index, self.index);
    }

    fn numbers(&self) -> Sequence<Vector<K, N>> {
        let mut numbers = Sequence::<Vector<K, N>>::new();
        numbers.push(self.key);
        numbers.push(self.index);
        numbers
    }
}

#[derive(CubeType, CubeLaunch)]
struct FirstMax {}

#[cube]
impl Reduction for FirstMax {
    type Lanes<P: Types> = Peak<P::K, P::N>;
    type Sums<P: Types> = Peak<P::K, P::M>;

    fn empty<P: Types>(
        _op: &Self,
        _known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        Peak::<P::K, P::N>::none()
    }

    fn observe<P: Types>(_op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        lanes.merge(&Peak::<P::K, P::N> {
            key: order_key::<P::A, P::K, P::N>(entry.x),
            index: entry.index,
        });
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, FirstMax>(op, &lanes.numbers())
    }

    fn merge<P: Types>(_op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.merge(other);
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        sums.numbers()
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        Peak::<P::K, P::M> {
            key: numbers[KEY],
            index: numbers[INDEX],
        }
    }

    fn finish<P: Types>(
        _op: &Self,
        sums: &Self::Sums<P>,
        _known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        Finished::<P> {
            state: sums.numbers(),
            result: Sequence::<Vector<P::A, P::M>>::new(),
        }
    }
}

/// The peak of every line: its [`order_key`] at [`KEY`] and its index at [`INDEX`].
pub(super) fn peaks(lines: &Lines, values: Inputs) -> CubeTensor {
    let counts = Counts {
        sums: NUMBERS,
        state: NUMBERS,
        result: 0,
    };
    let (peaks, _) = lines.reduce::<FirstMax>(values, counts, FirstMaxLaunch::new);
    peaks
}

impl Inputs {
    /// With the windows of lines, if these have a radius: one more read of the scores.
    pub(super) fn within(self, lines: &Lines, radius: Option<usize>) -> Self {
        self.with_windows(lines, radius, Space::Line, [1, 1])
    }

    /// With those of maps of a `[width, height]`.
    pub(super) fn within_maps(
        self,
        lines: &Lines,
        radius: Option<usize>,
        sizes: [usize; 2],
    ) -> Self {
        self.with_windows(lines, radius, Space::Map, sizes)
    }

    fn with_windows(
        mut self,
        lines: &Lines,
        radius: Option<usize>,
        space: Space,
        [width, height]: [usize; 2],
    ) -> Self {
        if let Some(radius) = radius {
            self.known = Some(peaks(lines, self.clone()));
            self.windows = Some(Windows {
                radius,
                space,
                width,
                height,
            });
        }
        self
    }

    /// With noise on scores less the maximum of their line: one more read of the scores.
    pub(super) fn with_noise(mut self, lines: &Lines, key: CubeTensor, stream: u32) -> Self {
        self.known = Some(peaks(lines, self.clone()));
        self.noise = Some(NoiseOfLines::new(lines, key, stream));
        self
    }
}
