//! The softmax sums of a part of a line, which add up to those of the line.

use super::{Accumulator, beta::Beta};

/// Lines side by side in a vector.
pub(crate) const LANES: usize = 16;

/// The sums about the maximum of a part of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partial {
    /// The largest value that is not NaN.
    pub max: f64,
    /// The coordinate of the first maximum.
    pub centre: f64,
    /// `sum_i exp(beta * (x_i - max))`; NaN where a value is, or is `+inf`.
    pub sum: f64,
    /// The same sum, weighted by how far the coordinate of `i` is from the centre.
    pub weighted: f64,
}

impl Partial {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        max: f64::NEG_INFINITY,
        centre: 0.0,
        sum: 0.0,
        weighted: 0.0,
    };

    /// The same sums about a maximum that is no smaller, found elsewhere.
    #[inline(always)]
    pub fn raised<A: Accumulator>(self, max: f64, centre: f64, beta: Beta<A>) -> Self {
        let scale = beta.rescale(self.max, max);
        let shift = self.centre - centre;
        Self {
            max,
            centre,
            sum: scale * self.sum,
            weighted: scale * (self.weighted + shift * self.sum),
        }
    }

    /// The sums of both parts, of which `self` comes first in the line.
    pub fn merge<A: Accumulator>(self, later: Self, beta: Beta<A>) -> Self {
        let (mut top, low) = if later.max > self.max {
            (later, self)
        } else {
            (self, later)
        };
        let low = low.raised(top.max, top.centre, beta);
        top.sum += low.sum;
        top.weighted += low.weighted;
        top
    }

    /// Whether the line has a softmax, but no finite mean: an infinite coordinate, which weighs nothing
    /// if it is that of a mask.
    pub fn meets_infinity(self) -> bool {
        self.is_valid() && !self.weighted.is_finite()
    }

    /// Whether the line has a softmax: something that is not masked, and no NaN or `+inf`.
    pub fn is_valid(self) -> bool {
        self.max > f64::NEG_INFINITY && !self.sum.is_nan()
    }
}

/// [`Partial`] of neighbouring lines, lane by lane.
#[derive(Clone, Copy)]
pub(crate) struct Partials<A> {
    pub max: [A; LANES],
    pub centre: [A; LANES],
    pub sum: [f64; LANES],
    pub weighted: [f64; LANES],
}

impl<A: Accumulator> Partials<A> {
    /// Nothing yet.
    pub const EMPTY: Self = Self {
        max: [A::NEG_INFINITY; LANES],
        centre: [A::ZERO; LANES],
        sum: [0.0; LANES],
        weighted: [0.0; LANES],
    };

    /// Of lines whose weights were summed in the accumulator's precision.
    #[inline(always)]
    pub fn new(
        max: [A; LANES],
        centre: [A; LANES],
        sums: [A; LANES],
        weighted: [A; LANES],
    ) -> Self {
        let mut partials = Self {
            max,
            centre,
            ..Self::EMPTY
        };
        for lane in 0..LANES {
            partials.sum[lane] = sums[lane].to_f64();
            partials.weighted[lane] = weighted[lane].to_f64();
        }
        partials
    }

    /// Whether a line has no softmax, or no finite mean.
    pub fn are_broken(&self) -> bool {
        let finite = |sum: &f64| sum.is_finite();
        let masked = self.max.contains(&A::NEG_INFINITY);
        masked || !self.sum.iter().all(finite) || !self.weighted.iter().all(finite)
    }

    /// Those of one line, whose coordinates were counted from `origin`.
    #[inline(always)]
    pub fn lane(&self, lane: usize, origin: f64) -> Partial {
        Partial {
            max: self.max[lane].to_f64(),
            centre: self.centre[lane].to_f64() + origin,
            sum: self.sum[lane],
            weighted: self.weighted[lane],
        }
    }
}
