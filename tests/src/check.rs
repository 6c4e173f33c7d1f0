//! Comparisons, each with the tolerance that the contract gives it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::tensor::{Bytes, Tensor};

use crate::rows::rows;

/// The smallest normal `f32`: a processor may take what is below for 0.
pub const UNDERFLOW: f64 = f32::MIN_POSITIVE as f64;

/// An expected index among `n`: 1e-6 relative and 4e-7 `n` absolute. NaN matches NaN only.
#[track_caller]
pub fn assert_index(got: &[f64], want: &[f64], n: usize) {
    assert_within(got, want, |want| 1e-6 * want.abs() + 4e-7 * n as f64);
}

/// Equal, value for value. NaN matches NaN only.
#[track_caller]
pub fn assert_exact(got: &[f64], want: &[f64]) {
    assert_within(got, want, |_| 0.0);
}

/// Every entry within `tolerance` of the entry wanted, relative to the largest wanted in its row.
/// What is below the smallest normal `f32` may be lost.
#[track_caller]
pub fn assert_rows<const D: usize>(
    got: &[f64],
    want: &[f64],
    shape: [usize; D],
    dim: usize,
    tolerance: f64,
) {
    assert_eq!(got.len(), want.len(), "number of entries");
    for (got, want) in rows(got, shape, dim).iter().zip(rows(want, shape, dim)) {
        let tolerance = (tolerance * largest(&want)).max(UNDERFLOW);
        assert_within(got, &want, |_| tolerance);
    }
}

/// Every entry within the tolerance that `tolerance` gives for the entry wanted.
#[track_caller]
pub fn assert_within(got: &[f64], want: &[f64], tolerance: impl Fn(f64) -> f64) {
    assert_eq!(got.len(), want.len(), "number of entries");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let tolerance = tolerance(want);
        let close = got == want || (got - want).abs() <= tolerance || got.is_nan() && want.is_nan();
        assert!(
            close,
            "entry {i}: {got:e}, not {want:e}: off by {:e}, allowed {tolerance:e}",
            (got - want).abs()
        );
    }
}

/// Every entry within `ulps` representable `f32` values of the entry wanted, rounded to `f32`.
/// What is below the smallest normal `f32` may be lost.
#[track_caller]
pub fn assert_ulps(got: &[f64], want: &[f64], ulps: i64) {
    assert_eq!(got.len(), want.len(), "number of entries");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let distance = (order(got as f32) - order(want as f32)).abs();
        assert!(
            distance <= ulps || (got - want).abs() <= UNDERFLOW,
            "entry {i}: {got:e}, not {want:e}: off by {distance} ulp, allowed {ulps}"
        );
    }
}

/// The same bytes, NaN payloads and signs of zero included.
#[track_caller]
pub fn assert_bits<const D: usize>(got: Tensor<D>, want: Tensor<D>) {
    assert_eq!(got.dims(), want.dims());
    assert_eq!(got.dtype(), want.dtype());
    let bytes = |tensor: Tensor<D>| -> Bytes { tensor.into_data().into_bytes() };
    let (got, want) = (bytes(got), bytes(want));
    let differ = got.iter().zip(want.iter()).position(|(a, b)| a != b);
    assert_eq!(differ, None, "the first byte that differs");
}

/// The largest magnitude among the entries that are not NaN.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, x| largest.max(x.abs()))
}

/// The position of a value among all `f32` values.
fn order(value: f32) -> i64 {
    let bits = i64::from(value.to_bits() & 0x7fff_ffff);
    if value.is_sign_negative() {
        -bits
    } else {
        bits
    }
}

/// Asserts that `call` panics, with a message that has all of `parts`.
#[track_caller]
pub fn assert_panics<const D: usize>(call: impl FnOnce() -> Tensor<D>, parts: &[&str]) {
    let payload = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => panic!("no panic, but a result of shape {:?}", result.dims()),
        Err(payload) => payload,
    };
    let message = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .expect("a panic with a message");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in {message:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "entry 1: NaN, not 0e0")]
    fn nan_matches_nan_only() {
        assert_exact(&[f64::NAN, f64::NAN], &[f64::NAN, 0.0]);
    }

    #[test]
    fn ulps_count_across_zero() {
        assert_eq!(order(-0.0), order(0.0));
        assert_eq!(order(f32::from_bits(1)) - order(-f32::from_bits(1)), 2);
        assert_eq!(order(2.0) - order(2f32.next_down()), 1);
    }

    #[test]
    #[should_panic(expected = "off by 3 ulp, allowed 2")]
    fn three_ulps_are_not_two() {
        let one = f64::from(1f32 + 3.0 * f32::EPSILON);
        assert_ulps(&[one], &[1.0], 2);
    }
}
