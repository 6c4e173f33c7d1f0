//! The weights of a softmax, and how its gradient is multiplied.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::bits::Kind;

/// `exp(beta * difference)` for a difference that is not positive.
///
/// The product is kept finite on the way: 0 * -inf is not a weight of 1, as `beta = 0` must give,
/// and `exp` of -1000 is 0 in every precision.
#[cube]
pub(super) fn weight<A: Float, N: Size>(difference: Vector<A, N>, beta: A) -> Vector<A, N> {
    let finite = max(difference, Vector::new(A::min_value()));
    let exponent = Vector::new(beta) * finite;
    max(exponent, Vector::new(A::new(-1000.0_f32))).exp()
}

/// What every gradient of a softmax is multiplied by in a line: `beta` and the upstream gradient.
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
