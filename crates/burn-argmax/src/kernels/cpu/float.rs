use half::{bf16, f16};

use super::{
    exp,
    quads::{self, Across, Along},
};

/// A float that sums run in.
pub(crate) trait Accumulator: Element<Accumulator = Self> + Send + Sync {
    const NEG_INFINITY: Self;
    const NAN: Self;
    /// The largest finite value.
    const LARGEST: Self;
    /// The smallest positive number that has all its digits.
    const SMALLEST: Self;
    /// To which a number is added, and from which it is taken again, to be rounded to an integer.
    const ROUND: Self;
    /// How far the sum of weights that should be 1 may be from it.
    const FROM_ONE: f64;

    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn is_nan(self) -> bool;
    /// An index within a part of a line, or a distance between two.
    fn from_i32(value: i32) -> Self;
    /// `2^(self * (high + low))` for a product that is not positive.
    fn exp2<const FMA: bool>(self, high: Self, low: Self) -> Self;
    /// `2^e - 1` and `2^e` for the exponent `e = self * (high + low)`, over `2^power`. `background` is
    /// `2^-power`, or 0 where no 1 is to be taken off.
    fn exp2_less<const FMA: bool>(
        self,
        high: Self,
        low: Self,
        power: Self,
        background: Self,
    ) -> [Self; 2];
    fn mul_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// Terms of the series of a logarithm and of an entropy that the precision can tell.
    const LOG_TERMS: usize;
    const ENTROPY_TERMS: usize;
    /// `n` and `r`, of which `2^n (1 + r)` is this normal number above 0, with `r` from `-1/3` to `1/3`.
    fn split_for_log(self) -> (Self, Self);
}

/// A float that tensors hold.
pub(crate) trait Element:
    Copy + PartialOrd + Send + Sync + bytemuck::Zeroable + 'static
{
    type Accumulator: Accumulator;

    const ONE: Self;
    const ZERO: Self;
    const IS_HALF: bool;

    fn widen(self) -> Self::Accumulator;
    fn narrow(value: Self::Accumulator) -> Self;
    /// Rounds once, from the precision that results are put together in.
    fn round(value: f64) -> Self;

    /// Lays quads of lines side by side.
    #[inline(always)]
    fn across(lines: Along<Self>) -> Across<Self> {
        quads::across(lines)
    }

    /// The inverse of [`across`](Self::across).
    #[inline(always)]
    fn along(columns: Across<Self>) -> Along<Self> {
        quads::along(columns)
    }
}

macro_rules! accumulator {
    ($float:ty, $exp2:ident, $exp2_less:ident, $mul_add:ident, $across:ident, $along:ident, $round:expr, [$log_terms:literal, $entropy_terms:literal, $two_thirds:literal, $from_one:literal]) => {
        impl Accumulator for $float {
            const NEG_INFINITY: Self = <$float>::NEG_INFINITY;
            const NAN: Self = <$float>::NAN;
            const LARGEST: Self = <$float>::MAX;
            const SMALLEST: Self = <$float>::MIN_POSITIVE;
            const ROUND: Self = $round;
            const FROM_ONE: f64 = $from_one;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                <$float>::is_nan(self)
            }

            #[inline(always)]
            fn from_i32(value: i32) -> Self {
                value as $float
            }

            #[inline(always)]
            fn exp2<const FMA: bool>(self, high: Self, low: Self) -> Self {
                exp::$exp2::<FMA>(self, high, low)
            }

            #[inline(always)]
            fn exp2_less<const FMA: bool>(
                self,
                high: Self,
                low: Self,
                power: Self,
                background: Self,
            ) -> [Self; 2] {
                exp::$exp2_less::<FMA>(self, high, low, power, background)
            }

            #[inline(always)]
            fn mul_add<const FMA: bool>(self, factor: Self, addend: Self) -> Self {
                exp::$mul_add::<FMA>(self, factor, addend)
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }

            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }

            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }

            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self / other
            }

            const LOG_TERMS: usize = $log_terms;
            const ENTROPY_TERMS: usize = $entropy_terms;

            #[inline(always)]
            fn split_for_log(self) -> (Self, Self) {
                const MANTISSA: u32 = <$float>::MANTISSA_DIGITS - 1;

                let bits = self.to_bits();
                let exponent = bits.wrapping_sub($two_thirds).cast_signed() >> MANTISSA;
                let rest = bits.wrapping_sub(exponent.cast_unsigned() << MANTISSA);
                (exponent as i32 as $float, <$float>::from_bits(rest) - 1.0)
            }
        }

        impl Element for $float {
            type Accumulator = Self;

            const ONE: Self = 1.0;
            const ZERO: Self = 0.0;
            const IS_HALF: bool = false;

            #[inline(always)]
            fn widen(self) -> Self {
                self
            }

            #[inline(always)]
            fn narrow(value: Self) -> Self {
                value
            }

            #[inline(always)]
            fn round(value: f64) -> Self {
                value as $float
            }

            #[inline(always)]
            fn across(lines: Along<Self>) -> Across<Self> {
                quads::$across(lines)
            }

            #[inline(always)]
            fn along(columns: Across<Self>) -> Along<Self> {
                quads::$along(columns)
            }
        }
    };
}

accumulator!(
    f32,
    exp2_f32,
    exp2_less_f32,
    mul_add_f32,
    across_single,
    along_single,
    exp::ROUND_F32,
    [8, 11, 0x3f2a_aaab, 4e-7]
);
accumulator!(
    f64,
    exp2_f64,
    exp2_less_f64,
    mul_add_f64,
    across,
    along,
    exp::ROUND_F64,
    [18, 25, 0x3fe5_5555_5555_5555, 1e-14]
);

macro_rules! half_element {
    ($half:ty) => {
        impl Element for $half {
            type Accumulator = f32;

            const ONE: Self = <$half>::ONE;
            const ZERO: Self = <$half>::ZERO;
            const IS_HALF: bool = true;

            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }

            #[inline(always)]
            fn narrow(value: f32) -> Self {
                <$half>::from_f32(value)
            }

            #[inline(always)]
            fn round(value: f64) -> Self {
                <$half>::from_f64(value)
            }
        }
    };
}

half_element!(f16);
half_element!(bf16);
