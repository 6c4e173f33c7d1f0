//! What a float is, by its bits. A compiler with relaxed floats, as WGSL and Metal have, may take
//! it that no NaN exists and fold a test for one away; of integers it knows nothing of the kind.
//!
//! `A` is the float that sums run in, `K` the signed integer of its size.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// Which entries of a vector are no finite numbers.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Kind<N: Size> {
    /// `-inf`: a mask.
    pub(super) masked: Vector<bool, N>,
    /// NaN or `+inf`: its line has no softmax.
    pub(super) broken: Vector<bool, N>,
}

/// The bits of positive infinity.
#[cube]
pub(super) fn infinity<K: Int>() -> K {
    let size = K::size().comptime();
    if comptime!(size == 8) {
        K::from_int(0x7ff0_0000_0000_0000_i64)
    } else {
        K::from_int(0x7f80_0000_i64)
    }
}

/// The bits of the absolute value: 0 for a zero of either sign, and for nothing else.
#[cube]
pub(super) fn magnitude<A: Float, K: Int, N: Size>(x: Vector<A, N>) -> Vector<K, N> {
    Vector::<K, N>::reinterpret(x) & Vector::new(K::max_value())
}

#[cube]
impl<N: Size> Kind<N> {
    pub(super) fn of<A: Float, K: Int>(x: Vector<A, N>) -> Kind<N> {
        let bits = Vector::<K, N>::reinterpret(x);
        let magnitude = magnitude::<A, K, N>(x);
        let infinity = Vector::new(infinity::<K>());
        Kind::<N> {
            masked: magnitude
                .equal(&infinity)
                .vec_and(bits.not_equal(&infinity)),
            broken: magnitude.greater_than(&infinity).or(bits.equal(&infinity)),
        }
    }
}

/// An integer that is ordered as the floats are: equal for zeros of either sign, and the largest
/// integer for a NaN. Nothing has the smallest integer.
#[cube]
pub(super) fn order_key<A: Float, K: Int, N: Size>(x: Vector<A, N>) -> Vector<K, N> {
    let zero = Vector::<K, N>::new(K::from_int(0));
    let bits = Vector::<K, N>::reinterpret(x);
    let magnitude = magnitude::<A, K, N>(x);
    let key = select_many(bits.less_than(&zero), zero - magnitude, magnitude);
    let nan = magnitude.greater_than(&Vector::new(infinity::<K>()));
    select_many(nan, Vector::new(K::max_value()), key)
}

/// Whether an [`order_key`] is that of a finite float.
#[cube]
pub(super) fn is_finite<K: Int, N: Size>(key: Vector<K, N>) -> Vector<bool, N> {
    let zero = Vector::<K, N>::new(K::from_int(0));
    max(key, zero - key).less_than(&Vector::new(infinity::<K>()))
}

/// The float of an [`order_key`] if it is finite, and 0 otherwise.
#[cube]
pub(super) fn finite_of_key<A: Float, K: Int, N: Size>(key: Vector<K, N>) -> Vector<A, N> {
    let zero = Vector::<K, N>::new(K::from_int(0));
    let magnitude = max(key, zero - key);
    let negative = magnitude | Vector::new(K::min_value());
    let bits = select_many(key.less_than(&zero), negative, magnitude);
    Vector::reinterpret(select_many(is_finite(key), bits, zero))
}

/// The magnitude of what comes from upstream to a score, and 0 for a mask. Or-ed over a line they are 0 if
/// nothing comes to it.
#[cube]
pub(super) fn heard<A: Float, K: Int, N: Size>(
    score: Vector<A, N>,
    upstream: Vector<A, N>,
) -> Vector<K, N> {
    let masked = Kind::<N>::of::<A, K>(score).masked;
    let nothing = Vector::new(K::from_int(0));
    select_many(masked, nothing, magnitude::<A, K, N>(upstream))
}
