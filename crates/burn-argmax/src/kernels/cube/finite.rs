//! What a float is, by its bits. A compiler with relaxed floats, as WGSL and Metal have, may take
//! it that no NaN exists and fold a test for one away; of integers it knows nothing of the kind.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// What is not a finite number.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct NotFinite<N: Size> {
    /// NaN or an infinity of either sign.
    pub(super) any: Vector<bool, N>,
    /// Either of them but `-inf`.
    pub(super) not_masked: Vector<bool, N>,
}

#[cube]
fn by_bits<I: Int, N: Size>(
    bits: Vector<I, N>,
    #[comptime] magnitude: i64,
    #[comptime] infinity: i64,
) -> NotFinite<N> {
    let positive = bits & Vector::new(I::from_int(magnitude));
    let infinity = Vector::new(I::from_int(infinity));
    let any = positive.greater_equal(&infinity);
    NotFinite::<N> {
        any,
        not_masked: any.vec_and(bits.equal(&positive).or(positive.not_equal(&infinity))),
    }
}

/// Of an accumulator: `f32` or `f64`.
#[cube]
pub(super) fn not_finite<A: Float, N: Size>(x: Vector<A, N>) -> NotFinite<N> {
    let size = A::size().comptime();
    if comptime!(size == 8) {
        let bits = Vector::<u64, N>::reinterpret(x);
        by_bits::<u64, N>(bits, 0x7fff_ffff_ffff_ffff_i64, 0x7ff0_0000_0000_0000_i64)
    } else {
        let bits = Vector::<u32, N>::reinterpret(x);
        by_bits::<u32, N>(bits, 0x7fff_ffff_i64, 0x7f80_0000_i64)
    }
}

#[cube]
fn key_by_bits<K: Int, N: Size>(
    bits: Vector<K, N>,
    #[comptime] magnitude: i64,
    #[comptime] infinity: i64,
) -> Vector<K, N> {
    let zero = Vector::<K, N>::new(K::from_int(0));
    let positive = bits & Vector::new(K::from_int(magnitude));
    let key = select_many(bits.less_than(&zero), zero - positive, positive);
    let nan = positive.greater_than(&Vector::new(K::from_int(infinity)));
    select_many(nan, Vector::new(K::max_value()), key)
}

/// An integer that is ordered as the floats are: equal for zeros of either sign, and the largest
/// integer for a NaN. Nothing has the smallest integer. `K` is the signed integer of `A`'s size.
#[cube]
pub(super) fn order_key<A: Float, K: Int, N: Size>(x: Vector<A, N>) -> Vector<K, N> {
    let bits = Vector::<K, N>::reinterpret(x);
    let size = A::size().comptime();
    if comptime!(size == 8) {
        key_by_bits::<K, N>(bits, 0x7fff_ffff_ffff_ffff_i64, 0x7ff0_0000_0000_0000_i64)
    } else {
        key_by_bits::<K, N>(bits, 0x7fff_ffff_i64, 0x7f80_0000_i64)
    }
}
