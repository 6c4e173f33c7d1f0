//! What is summed over a map, of a probability and the logarithm of the one that it should be.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use crate::losses::Divergence;

/// The number that is added to a probability under a logarithm. From the host, where it and its
/// logarithm are as exact as the dtype that sums run in.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Tiny {
    value: InputScalar,
    log: InputScalar,
}

#[cube]
impl Tiny {
    fn more<A: Float, N: Size>(&self, x: Vector<A, N>) -> Vector<A, N> {
        x + Vector::new(self.value.get::<A>())
    }
}

/// The term of one position.
#[cube]
pub(super) fn value<A: Float, N: Size>(
    p: Vector<A, N>,
    log_q: Vector<A, N>,
    tiny: &Tiny,
    #[comptime] divergence: Divergence,
) -> Vector<A, N> {
    match comptime!(divergence) {
        Divergence::KullbackLeibler => p * log_p_over_q::<A, N>(p, log_q, tiny),
        Divergence::JensenShannon => {
            let q = power::<A, N>(log_q);
            let (large, small) = (max(p, q), min(p, q));
            let middle = Middle::<A, N>::of(large, small, tiny);
            let one = Vector::<A, N>::new(A::new(1.0_f32));
            let of_large = (one + middle.lean).ln();
            let of_small = middle.log_of_little(small, tiny);
            let far = large * of_large + small * of_small;

            // The two are nearly opposite where p and q are nearly equal: there their sum is the middle
            // times lean^2 + lean^4 / 6 + lean^6 / 15 + ...
            let limit = Vector::<A, N>::new(A::new(0.25_f32));
            let square = middle.lean * middle.lean;
            let is_near = square.less_than(&limit);
            let square = min(square, limit);
            let terms = comptime!(if A::size().comptime() == 8 {
                25usize
            } else {
                11usize
            });
            let mut series = Vector::<A, N>::new(A::new(0.0_f32));
            #[unroll]
            for step in 0..terms {
                let term = comptime!(terms - 1 - step);
                let divisor = comptime!(((term + 1) * (2 * term + 1)) as f32);
                let coefficient = A::new(1.0_f32) / A::new(divisor);
                series = series * square + Vector::new(coefficient);
            }
            let near = middle.middle * (square * series);
            half::<A, N>(select_many(is_near, near, far))
        }
    }
}

/// Along the probability.
#[cube]
pub(super) fn slope<A: Float, N: Size>(
    p: Vector<A, N>,
    log_q: Vector<A, N>,
    tiny: &Tiny,
    #[comptime] divergence: Divergence,
) -> Vector<A, N> {
    match comptime!(divergence) {
        Divergence::KullbackLeibler => {
            log_p_over_q::<A, N>(p, log_q, tiny) + p / tiny.more::<A, N>(p)
        }
        Divergence::JensenShannon => {
            let middle = Middle::<A, N>::of(p, power::<A, N>(log_q), tiny);
            half::<A, N>(middle.log_of(p, middle.lean, tiny))
        }
    }
}

/// Along the logarithm.
#[cube]
pub(super) fn slope_of_log<A: Float, N: Size>(
    p: Vector<A, N>,
    log_q: Vector<A, N>,
    tiny: &Tiny,
    #[comptime] divergence: Divergence,
) -> Vector<A, N> {
    let zero = Vector::<A, N>::new(A::new(0.0_f32));
    let q = power::<A, N>(log_q);
    match comptime!(divergence) {
        Divergence::KullbackLeibler => zero - p * (q / tiny.more::<A, N>(q)),
        Divergence::JensenShannon => {
            let middle = Middle::<A, N>::of(p, q, tiny);
            half::<A, N>(q * middle.log_of(q, zero - middle.lean, tiny))
        }
    }
}

/// `log((p + t) / (q + t))`.
#[cube]
fn log_p_over_q<A: Float, N: Size>(
    p: Vector<A, N>,
    log_q: Vector<A, N>,
    tiny: &Tiny,
) -> Vector<A, N> {
    let one = Vector::<A, N>::new(A::new(1.0_f32));
    let floor = Vector::<A, N>::new(tiny.log.get::<A>());
    // From the larger of q and t up.
    let distance = (log_q - floor).abs();
    let rest = (one + power::<A, N>(Vector::new(A::new(0.0_f32)) - distance)).ln();
    tiny.more::<A, N>(p).ln() - (max(log_q, floor) + rest)
}

/// `exp(x)`, from an argument that it takes in every precision: of -1000 it is 0.
#[cube]
fn power<A: Float, N: Size>(x: Vector<A, N>) -> Vector<A, N> {
    max(x, Vector::new(A::new(-1000.0_f32))).exp()
}

#[cube]
fn half<A: Float, N: Size>(x: Vector<A, N>) -> Vector<A, N> {
    x * Vector::new(A::new(0.5_f32))
}

/// The middle of p and q, and how far p leans from it: `p = m (1 + lean)` and `q = m (1 - lean)`.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Middle<A: Float, N: Size> {
    middle: Vector<A, N>,
    lean: Vector<A, N>,
}

#[cube]
impl<A: Float, N: Size> Middle<A, N> {
    fn of(p: Vector<A, N>, q: Vector<A, N>, tiny: &Tiny) -> Self {
        let sum = tiny.more::<A, N>(tiny.more::<A, N>(p + q));
        Middle::<A, N> {
            middle: half::<A, N>(sum),
            lean: (p - q) / sum,
        }
    }

    /// `log(x / m)` for `x = m (1 + lean)`.
    fn log_of(&self, x: Vector<A, N>, lean: Vector<A, N>, tiny: &Tiny) -> Vector<A, N> {
        let limit = Vector::<A, N>::new(A::new(-0.5_f32));
        let near = log_one_plus::<A, N>(max(lean, limit));
        select_many(lean.greater_than(&limit), near, self.log_of_little(x, tiny))
    }

    /// The same where little is left of x: its distance from m does not tell how much.
    fn log_of_little(&self, x: Vector<A, N>, tiny: &Tiny) -> Vector<A, N> {
        let ratio = tiny.more::<A, N>(x) / self.middle;
        // A normal number, also where the middle is of no probabilities.
        max(ratio, Vector::new(A::new(1e-37_f32))).ln()
    }
}

/// `log(1 + x)` for an `x` from -1/2 to 1, to the last few units of the result, which the logarithms of
/// devices need not be.
#[cube]
fn log_one_plus<A: Float, N: Size>(x: Vector<A, N>) -> Vector<A, N> {
    // Twice the inverse hyperbolic tangent of this, which is no larger than 1/3.
    let s = x / (x + Vector::new(A::new(2.0_f32)));
    let square = s * s;
    let terms = comptime!(if A::size().comptime() == 8 {
        18usize
    } else {
        8usize
    });
    let mut series = Vector::<A, N>::new(A::new(0.0_f32));
    #[unroll]
    for step in 0..terms {
        let divisor = comptime!((2 * (terms - 1 - step) + 1) as f32);
        let coefficient = A::new(2.0_f32) / A::new(divisor);
        series = series * square + Vector::new(coefficient);
    }
    series * s
}
