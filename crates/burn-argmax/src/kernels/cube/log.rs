//! Logarithms of our own: that of a device may be wrong in all digits of a result near 0.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// `ln(1 + x)` for an `x` from `-1/3` to `1/3`, to the last few units of the result.
#[cube]
fn log_one_plus<A: Float, N: Size>(x: Vector<A, N>) -> Vector<A, N> {
    let terms = comptime!(if A::size().comptime() == 8 {
        12usize
    } else {
        6usize
    });
    // Twice the inverse hyperbolic tangent of this, which is no larger than 1/5.
    let s = x / (x + Vector::new(A::new(2.0_f32)));
    let square = s * s;
    let mut series = Vector::<A, N>::new(A::new(0.0_f32));
    #[unroll]
    for step in 0..terms {
        let power = comptime!((2 * (terms - 1 - step) + 1) as f32);
        let coefficient = Vector::new(A::new(2.0_f32)) / Vector::new(A::new(power));
        series = series * square + coefficient;
    }
    series * s
}

/// The exponent of 2 and the rest less 1, such that the rest is near 1.
#[derive(CubeType)]
struct Split<A: Float, N: Size> {
    exponent: Vector<A, N>,
    rest: Vector<A, N>,
}

#[cube]
fn split<A: Float, K: Int, N: Size>(x: Vector<A, N>) -> Split<A, N> {
    let is_double = comptime!(A::size().comptime() == 8);
    let mantissa = comptime!(if is_double { 52i64 } else { 23i64 });
    let two_thirds = comptime!(if is_double {
        0x3fe5_5555_5555_5555_i64
    } else {
        0x3f2a_aaab_i64
    });
    let mantissa = Vector::<K, N>::new(K::from_int(mantissa));
    let bits = Vector::<K, N>::reinterpret(x);
    let exponent = (bits - Vector::new(K::from_int(two_thirds))) >> mantissa;
    let rest = Vector::<A, N>::reinterpret(bits - (exponent << mantissa));
    Split::<A, N> {
        exponent: Vector::cast_from(exponent),
        rest: rest - Vector::new(A::new(1.0_f32)),
    }
}

/// `ln(2)` in two parts, as a constant has the digits of an `f32`.
const LN_2: [f32; 2] = [core::f32::consts::LN_2, -1.904_654_3e-9];

#[cube]
fn together<A: Float, N: Size>(exponent: Vector<A, N>, rest: Vector<A, N>) -> Vector<A, N> {
    let low = exponent * Vector::new(A::new(LN_2[1])) + log_one_plus::<A, N>(rest);
    exponent * Vector::new(A::new(LN_2[0])) + low
}

/// `ln(x)` of a normal number above 0.
#[cube]
pub(super) fn log<A: Float, K: Int, N: Size>(x: Vector<A, N>) -> Vector<A, N> {
    let split = split::<A, K, N>(x);
    together::<A, N>(split.exponent, split.rest)
}

/// The same of a number up to 1, of which `less` is the number less 1, and more exact near 1.
#[cube]
pub(super) fn log_near_one<A: Float, K: Int, N: Size>(
    x: Vector<A, N>,
    less: Vector<A, N>,
) -> Vector<A, N> {
    let split = split::<A, K, N>(x);
    let is_near = split.exponent.equal(&Vector::new(A::new(0.0_f32)));
    together::<A, N>(split.exponent, select_many(is_near, less, split.rest))
}
