//! `exp` of an argument that is not positive, as straight-line code that vectorises.

/// `exp(x)` for `x <= 0`.
///
/// Within 1 ulp where the result is a normal number, exactly 1 at 0, and exactly 0 below
/// `ln(f32::MIN_POSITIVE)`, `-inf` included. A NaN stays NaN.
#[inline(always)]
pub(crate) fn exp_f32<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5 * 2^23 leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const LOWEST: f32 = -87.336_54;

    let rounded = mul_add_f32::<FMA>(x, core::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = mul_add_f32::<FMA>(n, -LN2_HIGH, x);
    let r = mul_add_f32::<FMA>(n, -LN2_LOW, r);

    let p = mul_add_f32::<FMA>(1.987_569_1e-4, r, 1.398_199_9e-3);
    let p = mul_add_f32::<FMA>(p, r, 8.333_452e-3);
    let p = mul_add_f32::<FMA>(p, r, 4.166_579_6e-2);
    let p = mul_add_f32::<FMA>(p, r, 1.666_666_5e-1);
    let p = mul_add_f32::<FMA>(p, r, 0.5);
    let p = mul_add_f32::<FMA>(p, r * r, r) + 1.0;

    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < LOWEST { 0.0 } else { p * scale }
}

/// `exp(x)` for `x <= 0`, in double precision.
///
/// Within 2 ulp where the result is a normal number, exactly 1 at 0, and exactly 0 below
/// `ln(f64::MIN_POSITIVE)`, `-inf` included. A NaN stays NaN.
#[inline(always)]
pub(crate) fn exp_f64<const FMA: bool>(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const LOWEST: f64 = -708.396_418_532_264;

    let rounded = mul_add_f64::<FMA>(x, core::f64::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = mul_add_f64::<FMA>(n, -LN2_HIGH, x);
    let r = mul_add_f64::<FMA>(n, -LN2_LOW, r);

    // The Taylor series to degree 13: its remainder at ln(2) / 2 is below 2^-57.
    let mut p = 1.0 / 6_227_020_800.0;
    for coefficient in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ] {
        p = mul_add_f64::<FMA>(p, r, coefficient);
    }
    let p = mul_add_f64::<FMA>(p, r * r, r) + 1.0;

    let scale = f64::from_bits((rounded.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
    if x < LOWEST { 0.0 } else { p * scale }
}

#[inline(always)]
fn mul_add_f32<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn mul_add_f64<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest distance from the true value, in units of the result's last place.
    fn worst_f32(exp: fn(f32) -> f32) -> f64 {
        (0..2_000_000)
            .map(|i| {
                let x = -87.336 * (i as f32 / 2_000_000.0);
                let truth = f64::from(x).exp();
                let result = exp(x);
                let ulp = f64::from(f32::from_bits((truth as f32).to_bits() + 1))
                    - f64::from(truth as f32);
                (f64::from(result) - truth).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn f32_is_within_one_ulp() {
        let worst = worst_f32(exp_f32::<true>).max(worst_f32(exp_f32::<false>));
        assert!(worst <= 1.0, "{worst} ulp");
    }

    #[test]
    fn f64_is_within_two_ulp() {
        // The standard library's is within 1 ulp.
        for i in 0..1_000_000 {
            let x = -708.39 * (f64::from(i) / 1e6);
            let truth = x.exp();
            for result in [exp_f64::<true>(x), exp_f64::<false>(x)] {
                let distance = result.to_bits().abs_diff(truth.to_bits());
                assert!(distance <= 2, "exp({x}) = {result}, {distance} ulp off");
            }
        }
    }

    #[test]
    fn the_ends_are_exact() {
        assert_eq!(exp_f32::<true>(0.0), 1.0);
        assert_eq!(exp_f32::<true>(-0.0), 1.0);
        assert_eq!(exp_f32::<true>(-88.0).to_bits(), 0);
        assert_eq!(exp_f32::<true>(f32::MIN).to_bits(), 0);
        assert_eq!(exp_f32::<true>(f32::NEG_INFINITY).to_bits(), 0);
        assert!(exp_f32::<true>(f32::NAN).is_nan());
        assert_eq!(exp_f64::<true>(0.0), 1.0);
        assert_eq!(exp_f64::<true>(-709.0).to_bits(), 0);
        assert_eq!(exp_f64::<true>(f64::NEG_INFINITY).to_bits(), 0);
        assert!(exp_f64::<true>(f64::NAN).is_nan());
    }
}
