//! Logarithms as straight-line code that vectorises.

use super::Accumulator;

/// `ln(1 + x)` for an `x` from `-1/2` to 1, to the last few units of the result.
#[inline(always)]
pub(crate) fn log_one_plus<A: Accumulator, const FMA: bool>(x: A) -> A {
    // Twice the inverse hyperbolic tangent of this, which is no larger than 1/3.
    let s = x.div(x.add(A::from_f64(2.0)));
    let square = s.mul(s);
    let mut series = A::ZERO;
    for power in (0..A::LOG_TERMS).rev() {
        let coefficient = A::from_f64(2.0 / (2 * power + 1) as f64);
        series = series.mul_add::<FMA>(square, coefficient);
    }
    series.mul(s)
}

/// `ln(x)` of a normal number above 0.
#[inline(always)]
pub(crate) fn log<A: Accumulator, const FMA: bool>(x: A) -> A {
    let (exponent, rest) = x.split_for_log();
    let log = log_one_plus::<A, FMA>(rest);
    exponent.mul_add::<FMA>(A::from_f64(core::f64::consts::LN_2), log)
}

/// The same of a number up to 1, of which `less` is the number less 1, and more exact near 1.
#[inline(always)]
pub(crate) fn log_near_one<A: Accumulator, const FMA: bool>(x: A, less: A) -> A {
    let (exponent, rest) = x.split_for_log();
    let rest = if exponent == A::ZERO { less } else { rest };
    let log = log_one_plus::<A, FMA>(rest);
    exponent.mul_add::<FMA>(A::from_f64(core::f64::consts::LN_2), log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_f32() {
        for i in 0..200_000 {
            let x = -0.5 + 1.5 * i as f32 / 2e5;
            let (got, exact) = (log_one_plus::<f32, true>(x), f64::from(x).ln_1p());
            assert!(
                (f64::from(got) - exact).abs() <= 3e-7 * exact.abs(),
                "{x}: {got}, not {exact}"
            );
            let x = 10f32
                .powf(76.0 * i as f32 / 2e5 - 38.0)
                .max(f32::MIN_POSITIVE);
            let (got, exact) = (log::<f32, true>(x), f64::from(x).ln());
            assert!(
                (f64::from(got) - exact).abs() <= 2e-7 * exact.abs().max(1.0),
                "ln {x}: {got}, not {exact}"
            );
        }
    }

    #[test]
    fn logs_of_f64() {
        for i in 0..20_000 {
            let x = -0.5 + 1.5 * f64::from(i) / 2e4;
            let (got, exact) = (log_one_plus::<f64, true>(x), x.ln_1p());
            assert!(
                (got - exact).abs() <= 1e-15 * exact.abs(),
                "{x}: {got}, not {exact}"
            );
            let x = 10f64.powf(600.0 * f64::from(i) / 2e4 - 300.0);
            let (got, exact) = (log::<f64, false>(x), x.ln());
            assert!(
                (got - exact).abs() <= 1e-15 * exact.abs().max(1.0),
                "ln {x}"
            );
        }
    }
}
