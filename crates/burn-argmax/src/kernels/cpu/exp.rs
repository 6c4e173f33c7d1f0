//! Softmax weights as straight-line code that vectorises: `2^(difference * rate)`.

/// Adding it leaves the nearest integer in the low bits of the sum.
pub(crate) const ROUND_F32: f32 = 12_582_912.0;

/// The same.
pub(crate) const ROUND_F64: f64 = 6_755_399_441_055_744.0;

/// `2^(x * (high + low))` for a product that is not positive, where `low` is what `high` lacks of
/// the rate.
///
/// Within 1.25 ulp where the processor fuses multiplication and addition; elsewhere the product's
/// rounding adds up to `0.7 |x * high|` ulp. Exactly 1 at 0, and exactly 0 below `2^-125.5`, at `-inf`
/// included. A NaN stays NaN.
#[inline(always)]
pub(crate) fn exp2_f32<const FMA: bool>(x: f32, high: f32, low: f32) -> f32 {
    let (rounded, p, r) = split_f32::<FMA>(x, high, low);
    let (scale, vanishes) = power_f32(rounded);
    let factor = mul_add_f32::<FMA>(p, r, 1.0);
    if vanishes { 0.0 } else { factor * scale }
}

/// `2^e - 1` and `2^e` for the exponent `e = x * (high + low)`, over `2^power`, where `background` is
/// `2^-power`, or 0 where no 1 is to be taken off. Neither loses anything where `e` is near 0.
#[inline(always)]
pub(crate) fn exp2_less_f32<const FMA: bool>(
    x: f32,
    high: f32,
    low: f32,
    power: f32,
    background: f32,
) -> [f32; 2] {
    let (rounded, p, r) = split_f32::<FMA>(x, high, low);
    let (scale, vanishes) = power_f32(rounded - power);
    let rest = (p * r) * scale;
    if vanishes {
        [0.0; 2]
    } else {
        [(scale - background) + rest, scale + rest]
    }
}

/// `n + 127` in the low bits, `p` and `r`, with `n` the nearest integer to `e = x * (high + low)`,
/// `r = e - n`, and `1 + p * r = 2^r`.
#[inline(always)]
fn split_f32<const FMA: bool>(x: f32, high: f32, low: f32) -> (f32, f32, f32) {
    // 127 more make it the exponent of a float.
    const ROUND: f32 = ROUND_F32 + 127.0;

    let rounded = mul_add_f32::<FMA>(x, high, ROUND);
    let n = rounded - ROUND;
    let r = mul_add_f32::<FMA>(x, high, -n);
    let r = mul_add_f32::<FMA>(x, low, r);

    // (2^r - 1) / r, minimax for the relative error of 2^r in [-0.5, 0.5], which is below 2^-28.
    let mut p = 1.559_476e-4;
    for coefficient in [
        1.340_667_5e-3,
        9.617_693e-3,
        5.550_310_5e-2,
        2.402_265_2e-1,
        6.931_472_2e-1,
    ] {
        p = mul_add_f32::<FMA>(p, r, coefficient);
    }
    (rounded, p, r)
}

/// `2^n`, and whether it is too small for a float.
#[inline(always)]
fn power_f32(rounded: f32) -> (f32, bool) {
    const LOWEST: f32 = ROUND_F32 + 2.0;

    (f32::from_bits(rounded.to_bits() << 23), rounded < LOWEST)
}

#[inline(always)]
pub(crate) fn exp2_f64<const FMA: bool>(x: f64, high: f64, low: f64) -> f64 {
    let (rounded, p, r) = split_f64::<FMA>(x, high, low);
    let (scale, vanishes) = power_f64(rounded);
    let factor = mul_add_f64::<FMA>(p, r, 1.0);
    if vanishes { 0.0 } else { factor * scale }
}

#[inline(always)]
pub(crate) fn exp2_less_f64<const FMA: bool>(
    x: f64,
    high: f64,
    low: f64,
    power: f64,
    background: f64,
) -> [f64; 2] {
    let (rounded, p, r) = split_f64::<FMA>(x, high, low);
    let (scale, vanishes) = power_f64(rounded - power);
    let rest = (p * r) * scale;
    if vanishes {
        [0.0; 2]
    } else {
        [(scale - background) + rest, scale + rest]
    }
}

#[inline(always)]
fn split_f64<const FMA: bool>(x: f64, high: f64, low: f64) -> (f64, f64, f64) {
    const ROUND: f64 = ROUND_F64 + 1023.0;

    let rounded = mul_add_f64::<FMA>(x, high, ROUND);
    let n = rounded - ROUND;
    let r = mul_add_f64::<FMA>(x, high, -n);
    let r = mul_add_f64::<FMA>(x, low, r);

    // As above; the error is below 2^-63.
    let mut p = 2.585_531_340_419_626_5e-11;
    for coefficient in [
        4.457_244_124_339_454_4e-10,
        7.054_814_756_054_868_4e-9,
        1.017_804_749_953_959_3e-7,
        1.321_548_700_367_263_1e-6,
        1.525_273_386_492_009_5e-5,
        1.540_353_039_317_148_8e-4,
        1.333_355_814_638_166_2e-3,
        9.618_129_107_628_562e-3,
        5.550_410_866_482_173_6e-2,
        2.402_265_069_591_007_2e-1,
        core::f64::consts::LN_2,
    ] {
        p = mul_add_f64::<FMA>(p, r, coefficient);
    }
    (rounded, p, r)
}

#[inline(always)]
fn power_f64(rounded: f64) -> (f64, bool) {
    const LOWEST: f64 = ROUND_F64 + 2.0;

    (f64::from_bits(rounded.to_bits() << 52), rounded < LOWEST)
}

#[inline(always)]
pub(crate) fn mul_add_f32<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
pub(crate) fn mul_add_f64<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [f64; 3] = [std::f64::consts::LOG2_E, 5.0, 1e-3];

    /// The largest distance of `exp2_f32` from the true value, in units of the result's last place,
    /// less `slack` for each unit of the exponent.
    fn worst_f32(exp2: fn(f32, f32, f32) -> f32, slack: f64) -> f64 {
        let mut worst = 0f64;
        for rate in RATES {
            let high = rate as f32;
            let low = (rate - f64::from(high)) as f32;
            for i in 0..1_000_000 {
                let x = (-125.4 / rate * f64::from(i) / 1e6) as f32;
                let exponent = f64::from(x) * (f64::from(high) + f64::from(low));
                let truth = exponent.exp2();
                let ulp = f64::from(f32::from_bits((truth as f32).to_bits() + 1))
                    - f64::from(truth as f32);
                let distance = (f64::from(exp2(x, high, low)) - truth).abs() / ulp;
                worst = worst.max(distance - slack * exponent.abs());
            }
        }
        worst
    }

    #[test]
    fn f32_is_within_one_and_a_quarter_ulp() {
        let worst = worst_f32(exp2_f32::<true>, 0.0);
        assert!(worst <= 1.25, "{worst} ulp");
    }

    #[test]
    fn f32_loses_the_rounding_of_the_product_without_fusion() {
        let worst = worst_f32(exp2_f32::<false>, 0.7);
        assert!(worst <= 1.25, "{worst} ulp");
    }

    #[test]
    fn f64_is_within_one_ulp() {
        for i in 0..1_000_000 {
            // The exponent is exact, so that the truth is the standard library's to 1 ulp.
            let x = -1021.0 * f64::from(i) / 1e6;
            for result in [
                exp2_f64::<true>(x, 1.0, 0.0),
                exp2_f64::<false>(x, 1.0, 0.0),
            ] {
                let distance = result.to_bits().abs_diff(x.exp2().to_bits());
                assert!(distance <= 2, "2^{x} = {result}, {distance} ulp off");
            }
        }
    }

    #[test]
    fn less_one_loses_nothing_near_1() {
        for i in 1..200_000 {
            let x = (i as f32 * 1.6e-4).powi(5) * 1e-6;
            let [less, power] = exp2_less_f32::<true>(x, 1.0, 0.0, 0.0, 1.0);
            let exact = (f64::from(x) * core::f64::consts::LN_2).exp_m1();
            // Where the nearest power is 2, the rounding of the rest is some two units of the result.
            assert!(
                (f64::from(less) - exact).abs() <= 2.5e-7 * exact,
                "2^{x} - 1 = {less}, not {exact}"
            );
            assert!((f64::from(power) - exact - 1.0).abs() <= 2e-7 * (exact + 1.0));
            let x = f64::from(x);
            let [less, _] = exp2_less_f64::<true>(x, 1.0, 0.0, 0.0, 1.0);
            assert!((less - exact).abs() <= 1e-14 * exact, "{x}");
        }
        // Over 2^40, and with nothing taken off.
        let [less, power] = exp2_less_f32::<true>(40.0, 1.0, 0.0, 40.0, 0.5f32.powi(40));
        assert_eq!([less, power], [1.0; 2]);
        assert_eq!(exp2_less_f32::<true>(-3.0, 1.0, 0.0, 0.0, 0.0), [0.125; 2]);
    }

    #[test]
    fn the_ends_are_exact() {
        let f32 = |x| exp2_f32::<true>(x, 1.5, 1e-8);
        assert_eq!(f32(0.0), 1.0);
        assert_eq!(f32(-0.0), 1.0);
        assert_eq!(f32(-84.0).to_bits(), 0);
        assert_eq!(f32(f32::MIN).to_bits(), 0);
        assert_eq!(f32(f32::NEG_INFINITY).to_bits(), 0);
        assert!(f32(f32::NAN).is_nan());
        assert_eq!(exp2_f32::<true>(0.0, f32::MAX, 0.0), 1.0);
        assert_eq!(exp2_f32::<true>(-1.0, f32::MAX, 0.0).to_bits(), 0);
        let f64 = |x| exp2_f64::<true>(x, 1.5, 1e-17);
        assert_eq!(f64(0.0), 1.0);
        assert_eq!(f64(-682.0).to_bits(), 0);
        assert_eq!(f64(f64::NEG_INFINITY).to_bits(), 0);
        assert!(f64(f64::NAN).is_nan());
    }
}
