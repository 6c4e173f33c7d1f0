//! How a score becomes a weight, and how a gradient is multiplied.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::bits::Kind;

/// What weights are made of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// `exp(beta * x)` over `exp(beta * max)`.
    Softmax,
    /// `exp(beta * (x - level)) - 1` above the level, and 0 at and below it, over `exp(beta * max)`. A
    /// line whose maximum does not rise above the level has the weights of a softmax.
    Above,
    /// `x`.
    Given,
}

/// How scores become weights.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Weights {
    beta: InputScalar,
    level: InputScalar,
    #[cube(comptime)]
    pub(super) form: Form,
}

#[cube]
impl Weights {
    pub(super) fn rate<A: Float>(&self) -> A {
        self.beta.get::<A>()
    }

    /// `exp(beta * difference)` for a difference that is not positive, and 1 for weights that are given.
    ///
    /// The product is kept finite on the way: 0 * -inf is not a weight of 1, as `beta = 0` must give,
    /// and `exp` of -1000 is 0 in every precision.
    pub(super) fn power<A: Float, N: Size>(&self, difference: Vector<A, N>) -> Vector<A, N> {
        if comptime!(self.form == Form::Given) {
            Vector::new(A::new(1.0_f32))
        } else {
            let finite = max(difference, Vector::new(A::min_value()));
            let exponent = Vector::new(self.beta.get::<A>()) * finite;
            max(exponent, Vector::new(A::new(-1000.0_f32))).exp()
        }
    }

    /// What orders the scores of a line: the score, but for weights that are given short of the largest
    /// number, which marks a line that is broken. The sums are as exact about any entry.
    pub(super) fn rank<A: Float, N: Size>(&self, x: Vector<A, N>) -> Vector<A, N> {
        if comptime!(self.form == Form::Given) {
            let largest = A::max_value() * A::new(0.5_f32);
            min(x, Vector::new(largest))
        } else {
            x
        }
    }

    /// What the power of a score is multiplied by, to be its weight, in a line of this maximum.
    pub(super) fn less<A: Float, N: Size>(
        &self,
        x: Vector<A, N>,
        highest: Vector<A, N>,
    ) -> Vector<A, N> {
        let one = Vector::<A, N>::new(A::new(1.0_f32));
        if comptime!(self.form == Form::Above) {
            let rise = self.rise::<A, N>(x);
            let zero = Vector::<A, N>::new(A::new(0.0_f32));
            let share = select_many(self.is_above(rise), less_power::<A, N>(rise), zero);
            select_many(self.is_above(self.rise::<A, N>(highest)), share, one)
        } else if comptime!(self.form == Form::Given) {
            x
        } else {
            one
        }
    }

    /// What the power of a score is multiplied by, to be the growth of its weight over beta.
    pub(super) fn growth<A: Float, N: Size>(
        &self,
        x: Vector<A, N>,
        highest: Vector<A, N>,
    ) -> Vector<A, N> {
        let one = Vector::<A, N>::new(A::new(1.0_f32));
        if comptime!(self.form == Form::Above) {
            let below = x.less_equal(&Vector::new(self.level.get::<A>()));
            let share = select_many(below, Vector::new(A::new(0.0_f32)), one);
            select_many(self.is_above(self.rise::<A, N>(highest)), share, one)
        } else {
            one
        }
    }

    /// How much sums about one maximum shrink when the maximum grows to another. What was summed while
    /// nothing was above the level is background.
    pub(super) fn shrink<A: Float, N: Size>(
        &self,
        from: Vector<A, N>,
        to: Vector<A, N>,
    ) -> Vector<A, N> {
        let power = self.power::<A, N>(from - to);
        if comptime!(self.form == Form::Above) {
            let was_above = self.is_above(self.rise::<A, N>(from));
            let is_above = self.is_above(self.rise::<A, N>(to));
            let zero = Vector::<A, N>::new(A::new(0.0_f32));
            select_many(was_above, power, select_many(is_above, zero, power))
        } else {
            power
        }
    }

    /// How far above the level, times beta.
    fn rise<A: Float, N: Size>(&self, x: Vector<A, N>) -> Vector<A, N> {
        let distance = x - Vector::new(self.level.get::<A>());
        let finite = min(distance, Vector::new(A::max_value()));
        let finite = max(finite, Vector::new(A::min_value()));
        min(
            Vector::new(self.beta.get::<A>()) * finite,
            Vector::new(A::new(1000.0_f32)),
        )
    }

    /// A rise whose weight would vanish is none.
    fn is_above<A: Float, N: Size>(&self, rise: Vector<A, N>) -> Vector<bool, N> {
        rise.greater_than(&Vector::new(A::new(FAINT)))
    }
}

/// The smallest rise, with room above the smallest normal float.
const FAINT: f32 = 2.4e-38;

/// `1 - exp(-t)` of what is positive, or next to 0: by its series where the difference would cancel.
#[cube]
pub(super) fn less_power<A: Float, N: Size>(t: Vector<A, N>) -> Vector<A, N> {
    let one = Vector::<A, N>::new(A::new(1.0_f32));
    let limit = Vector::<A, N>::new(A::new(0.5_f32));
    let terms = comptime!(if A::size().comptime() == 8 {
        15usize
    } else {
        9usize
    });
    // t (1 - t/2 (1 - t/3 (1 - ...)))
    let small = min(t, limit);
    let mut series = one;
    #[unroll]
    for step in 0..comptime!(terms - 1) {
        let term = comptime!((terms - step) as f32);
        series = one - small * series / Vector::new(A::new(term));
    }
    let exact = one - (Vector::<A, N>::new(A::new(0.0_f32)) - t).exp();
    select_many(t.greater_than(&limit), exact, small * series)
}

/// What every gradient is multiplied by in a line: the rate, which is beta, and the upstream gradient.
///
/// A product of many factors may overflow on the way to a result that does not. So the two are one
/// factor where at least one of them is no larger than 1, and else follow each other: then no
/// partial product is larger than the result.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Slope<A: Float, N: Size> {
    first: Vector<A, N>,
    last: Vector<A, N>,
    /// Whether the upstream gradient of the line is exactly 0.
    silent: Vector<bool, N>,
    /// Whether the line has a softmax.
    valid: Vector<bool, N>,
    nan: Vector<A, N>,
}

#[cube]
impl<A: Float, N: Size> Slope<A, N> {
    pub(super) fn new(
        beta: A,
        upstream: Vector<A, N>,
        silent: Vector<bool, N>,
        valid: Vector<bool, N>,
        nan: A,
    ) -> Slope<A, N> {
        let one = Vector::<A, N>::new(A::new(1.0_f32));
        let beta = Vector::<A, N>::new(beta);
        let together = beta.less_equal(&one).or(upstream.abs().less_equal(&one));
        Slope::<A, N> {
            first: select_many(together, beta * upstream, beta),
            last: select_many(together, one, upstream),
            silent,
            valid,
            nan: Vector::new(nan),
        }
    }

    /// Of a line whose upstream gradients are in the distances. What is [`heard`](super::bits::heard) of them is or-ed.
    pub(super) fn of_distances<K: Int>(
        beta: A,
        heard: Vector<K, N>,
        valid: Vector<bool, N>,
        nan: A,
    ) -> Slope<A, N> {
        let silent = heard.equal(&Vector::new(K::from_int(0)));
        let one = Vector::new(A::new(1.0_f32));
        Slope::<A, N>::new(beta, one, silent, valid, nan)
    }

    /// `beta * upstream * probability * distance`: 0 at a mask, where nothing comes from upstream
    /// and where the probability is 0, and else NaN if the line has no softmax.
    pub(super) fn at<K: Int>(
        &self,
        x: Vector<A, N>,
        probability: Vector<A, N>,
        distance: Vector<A, N>,
    ) -> Vector<A, N> {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let slope = probability * self.first * distance * self.last;
        let slope = select_many(probability.equal(&zero), zero, slope);
        let slope = select_many(self.valid, slope, self.nan);
        let nothing = self.silent.or(Kind::<N>::of::<A, K>(x).masked);
        select_many(nothing, zero, slope)
    }
}
