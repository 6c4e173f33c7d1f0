//! What an operator over lines says, and what the traversals keep of a line for it.

use crate::kernels::cpu::{Accumulator, Element, plan::LANES, simd::fold};

/// An operator that takes `SUMS` sums over a line, keeps `STATE` numbers of it, and maps these over
/// the line again.
///
/// The sums are taken about the line's first maximum: values are given with the largest so far, and
/// coordinates as their distance from that of its place. The first sum is that of the weights.
pub(crate) trait LineOp<A: Accumulator, const SUMS: usize, const STATE: usize>:
    Copy + Sync
{
    /// How much sums about one maximum shrink when the maximum grows to another.
    fn shrink<const FMA: bool>(self, from: A, to: A) -> A;

    /// The same between parts of a line that were summed apart.
    fn rescale(self, from: f64, to: f64) -> f64;

    /// Adds a vector of elements to the sums, lane by lane.
    fn observe<const FMA: bool>(
        self,
        sums: &mut [[A; LANES]; SUMS],
        values: [A; LANES],
        max: [A; LANES],
        distances: [A; LANES],
    );

    /// The sums about a maximum that is larger by this scale, from which coordinates are farther by
    /// `shift`. Where the scale is 0 they are 0, however far the maximum is.
    fn moved<X: Accumulator, const FMA: bool>(sums: [X; SUMS], scale: X, shift: X) -> [X; SUMS];

    /// The result of a line and its state, NaN where the sums are not [valid](Partial::is_valid).
    fn finish<T: Element<Accumulator = A>>(partial: Partial<SUMS>) -> (T, [A; STATE]);

    /// [`finish`](Self::finish) of lines side by side, each entry of the state together. Their
    /// coordinates are exact in the accumulator.
    fn finish_each<T: Element<Accumulator = A>>(
        partials: &Partials<A, SUMS>,
    ) -> ([T; LANES], [[A; LANES]; STATE]);

    /// `[max, center, offset]` of the state of a line, all NaN where it has no softmax.
    fn place(state: [A; STATE]) -> [A; 3];

    /// What the map is multiplied by, from the state of a line and its upstream gradient. The first is
    /// not finite where the upstream gradient is not.
    fn factors(self, state: [A; STATE], grad: A) -> [A; FACTORS];

    /// The map at a value that is so far from the center. `BROKEN` is what the state says of some
    /// line nearby.
    fn map<const FMA: bool, const BROKEN: bool>(
        self,
        state: LineState<A>,
        value: A,
        distance: A,
    ) -> A;
}

/// Numbers of a line that maps are multiplied by, at most.
pub(crate) const FACTORS: usize = 4;

/// What the map takes from a line.
#[derive(Clone, Copy)]
pub(crate) struct LineState<A> {
    pub max: A,
    /// The coordinate that distances are counted from.
    pub center: A,
    /// How far the mean is from the center.
    pub offset: A,
    pub factors: [A; FACTORS],
    /// Whether one of these is not finite, or one of a line beside it: the line has no softmax, or an infinite
    /// upstream gradient.
    pub broken: bool,
}

impl<A: Accumulator> LineState<A> {
    #[inline(always)]
    pub fn new<O: LineOp<A, SUMS, STATE>, const SUMS: usize, const STATE: usize>(
        op: O,
        state: [A; STATE],
        grad: A,
    ) -> Self {
        let [max, center, offset] = O::place(state);
        let factors = op.factors(state, grad);
        Self {
            max,
            center,
            offset,
            factors,
            broken: nothing([max, center, offset, factors[0]]).is_nan(),
        }
    }
}

/// Every entry of one lane.
#[inline(always)]
pub(super) fn at<A: Accumulator, const N: usize>(entries: &[[A; LANES]; N], lane: usize) -> [A; N] {
    let mut of_lane = [A::ZERO; N];
    for entry in 0..N {
        of_lane[entry] = entries[entry][lane];
    }
    of_lane
}

/// 0 for finite numbers, NaN if one of them is not.
#[inline(always)]
fn nothing<A: Accumulator>([a, b, c, d]: [A; 4]) -> A {
    let zero = |x: A| x.mul(A::ZERO);
    zero(a).add(zero(b)).add(zero(c).add(zero(d)))
}

/// [`LineState`] of neighboring lines, lane by lane.
#[derive(Clone, Copy)]
pub(crate) struct LaneStates<A> {
    max: [A; LANES],
    center: [A; LANES],
    offset: [A; LANES],
    factors: [[A; LANES]; FACTORS],
    /// Whether one of the lines is broken.
    pub broken: bool,
}

impl<A: Accumulator> LaneStates<A> {
    #[inline(always)]
    pub fn new<O: LineOp<A, SUMS, STATE>, const SUMS: usize, const STATE: usize>(
        op: O,
        state: [[A; LANES]; STATE],
        grad: [A; LANES],
    ) -> Self {
        let mut factors = [[A::ZERO; LANES]; FACTORS];
        for lane in 0..LANES {
            let of_lane = op.factors(at(&state, lane), grad[lane]);
            for factor in 0..FACTORS {
                factors[factor][lane] = of_lane[factor];
            }
        }
        let mut place = [[A::ZERO; LANES]; 3];
        let mut check = [A::ZERO; LANES];
        for lane in 0..LANES {
            let [max, center, offset] = O::place(at(&state, lane));
            place[0][lane] = max;
            place[1][lane] = center;
            place[2][lane] = offset;
            check[lane] = nothing([max, center, offset, factors[0][lane]]);
        }
        let [max, center, offset] = place;
        Self {
            max,
            center,
            offset,
            factors,
            broken: fold(check, A::add).is_nan(),
        }
    }

    #[inline(always)]
    pub fn lane(&self, lane: usize) -> LineState<A> {
        LineState {
            max: self.max[lane],
            center: self.center[lane],
            offset: self.offset[lane],
            factors: at(&self.factors, lane),
            broken: self.broken,
        }
    }

    /// The same, with coordinates counted from `base`: an index past 2^24 may not fit the
    /// accumulator, but how far it is from the center does.
    pub fn counted_from(mut self, base: usize) -> Self {
        self.center = self
            .center
            .map(|center| A::from_f64(center.to_f64() - base as f64));
        self
    }
}

/// The sums about the maximum of a part of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial<const SUMS: usize> {
    /// The largest value that is not NaN.
    pub max: f64,
    /// The coordinate of the first maximum.
    pub center: f64,
    pub sums: [f64; SUMS],
}

impl<const SUMS: usize> Partial<SUMS> {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        max: f64::NEG_INFINITY,
        center: 0.0,
        sums: [0.0; SUMS],
    };

    /// The same sums about a maximum that is no smaller, found elsewhere.
    #[inline(always)]
    pub fn raised<A: Accumulator, O: LineOp<A, SUMS, STATE>, const STATE: usize>(
        self,
        max: f64,
        center: f64,
        op: O,
    ) -> Self {
        let scale = op.rescale(self.max, max);
        let sums = O::moved::<f64, false>(self.sums, scale, self.center - center);
        Self { max, center, sums }
    }

    #[inline(always)]
    pub fn add(&mut self, sums: [f64; SUMS]) {
        for (total, sum) in self.sums.iter_mut().zip(sums) {
            *total += sum;
        }
    }

    /// The sums of both parts, of which `self` comes first in the line.
    pub fn merge<A: Accumulator, O: LineOp<A, SUMS, STATE>, const STATE: usize>(
        self,
        later: Self,
        op: O,
    ) -> Self {
        let (mut top, low) = if later.max > self.max {
            (later, self)
        } else {
            (self, later)
        };
        top.add(low.raised(top.max, top.center, op).sums);
        top
    }

    /// Whether the line has a softmax: something that is not masked, and no NaN or `+inf`.
    pub fn is_valid(self) -> bool {
        self.max > f64::NEG_INFINITY && !self.sums[0].is_nan()
    }

    /// Whether the line has no softmax, or a sum that is not finite: of an infinite coordinate, which
    /// weighs nothing if it is that of a mask.
    pub fn is_broken(self) -> bool {
        !self.is_valid() || !self.sums.iter().all(|sum| sum.is_finite())
    }
}

/// [`Partial`] of neighboring lines, lane by lane.
#[derive(Clone, Copy)]
pub(crate) struct Partials<A, const SUMS: usize> {
    pub max: [A; LANES],
    pub center: [A; LANES],
    pub sums: [[f64; LANES]; SUMS],
}

impl<A: Accumulator, const SUMS: usize> Partials<A, SUMS> {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        max: [A::NEG_INFINITY; LANES],
        center: [A::ZERO; LANES],
        sums: [[0.0; LANES]; SUMS],
    };

    /// Of lines whose weights were summed in the accumulator's precision.
    #[inline(always)]
    pub fn new(max: [A; LANES], center: [A; LANES], sums: [[A; LANES]; SUMS]) -> Self {
        let mut partials = Self {
            max,
            center,
            ..Self::EMPTY
        };
        for (wide, sums) in partials.sums.iter_mut().zip(sums) {
            for lane in 0..LANES {
                wide[lane] = sums[lane].to_f64();
            }
        }
        partials
    }

    /// Whether a line has no softmax, or a sum that is not finite.
    pub fn are_broken(&self) -> bool {
        let mut sums = self.sums.as_flattened().iter();
        self.max.contains(&A::NEG_INFINITY) || !sums.all(|sum| sum.is_finite())
    }

    /// Those of one line, whose coordinates were counted from `origin`.
    #[inline(always)]
    pub fn lane(&self, lane: usize, origin: f64) -> Partial<SUMS> {
        Partial {
            max: self.max[lane].to_f64(),
            center: self.center[lane].to_f64() + origin,
            sums: self.sums.map(|sums| sums[lane]),
        }
    }
}

/// What weights are taken about, where all may be masked: of `-inf` less this, the weight is 0. A NaN
/// among the masks is not lost.
#[inline(always)]
pub(crate) fn finite_max<A: Accumulator>(max: A) -> A {
    if max == A::NEG_INFINITY { A::ZERO } else { max }
}
