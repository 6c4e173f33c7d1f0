//! What a score weighs under an entmax: a root above 0, to a power.

use burn_core::tensor::DType;
use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::super::{
    bits::{Kind, finite_of_key, is_finite},
    lines::Lines,
    log::{log, log_near_one},
    peak::KEY,
    weights::less_power,
};
use crate::composed::accumulator_max;

/// Where the two parts of a level stand, behind the key of the peak.
const HIGH: usize = 1;
const LOW: usize = 2;
pub(super) const STATE: usize = 3;

/// What roots are raised to: 1 for an alpha of 2, 2 for one of 3/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Power {
    One,
    Two,
    /// `k`.
    Any,
}

#[derive(CubeType, CubeLaunch)]
pub(super) struct Roots {
    /// How far below the maximum all weights are 0.
    reach: InputScalar,
    /// `r` in two parts.
    rate: InputScalar,
    rate_low: InputScalar,
    /// `k`.
    exponent: InputScalar,
    #[cube(comptime)]
    power: Power,
}

/// What is known of a line: its maximum, and the root of the weight that belongs to it.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Level<A: Float, N: Size> {
    max: Vector<A, N>,
    /// Whether the line has a finite maximum.
    pub(super) valid: Vector<bool, N>,
    /// The level in steps of [`GRAIN`], and what it is more: a weight may be less than the last digit of the
    /// level, and there may be very many of it.
    pub(super) high: Vector<A, N>,
    pub(super) low: Vector<A, N>,
}

pub(super) const GRAIN: f32 = 1.0 / 65536.0;

#[cube]
impl<A: Float, N: Size> Level<A, N> {
    /// Of a line of which the peak alone is known it is 1: the weight of the peak is no larger.
    pub(super) fn of<K: Int>(
        known: &Sequence<Vector<K, N>>,
        #[comptime] has_level: bool,
    ) -> Level<A, N> {
        let mut high = Vector::<A, N>::new(A::new(1.0_f32));
        let mut low = Vector::<A, N>::new(A::new(0.0_f32));
        if comptime!(has_level) {
            high = Vector::reinterpret(known[HIGH]);
            low = Vector::reinterpret(known[LOW]);
        }
        Level::<A, N> {
            max: finite_of_key::<A, K, N>(known[KEY]),
            valid: is_finite::<K, N>(known[KEY]),
            high,
            low,
        }
    }
}

/// A weight, and how it grows with its root, over `k`.
#[derive(CubeType)]
pub(super) struct Weighed<A: Float, N: Size> {
    pub(super) weight: Vector<A, N>,
    pub(super) slope: Vector<A, N>,
}

/// A root whose weight is none, and of which there is a logarithm.
const SMALLEST: f32 = f32::MIN_POSITIVE;

#[cube]
impl Roots {
    pub(super) fn weigh<A: Float, K: Int, N: Size>(
        &self,
        x: Vector<A, N>,
        level: &Level<A, N>,
    ) -> Weighed<A, N> {
        let zero = Vector::<A, N>::new(A::new(0.0_f32));
        let one = Vector::<A, N>::new(A::new(1.0_f32));
        let masked = Kind::<N>::of::<A, K>(x).masked;
        let x = select_many(masked, level.max, x);
        let farthest = zero - Vector::new(self.reach.get::<A>());
        // Farther away, a product with the rate might not be finite.
        let below = max(x - level.max, farthest);
        let low = below * Vector::new(self.rate_low.get::<A>()) + level.low;
        let rate = Vector::<A, N>::new(self.rate.get::<A>());
        let root = fma(below, rate, level.high) + low;
        let outside = masked.or(root.less_equal(&zero));
        let weighed = match comptime!(self.power) {
            Power::One => Weighed::<A, N> {
                weight: root,
                slope: one,
            },
            Power::Two => Weighed::<A, N> {
                weight: root * root,
                slope: root,
            },
            Power::Any => {
                let less = fma(below, rate, level.high - one) + low;
                let root = max(root, Vector::new(A::new(SMALLEST)));
                let log = min(log_near_one::<A, K, N>(root, less), zero);
                let weight = (log * Vector::new(self.exponent.get::<A>())).exp();
                Weighed::<A, N> {
                    weight,
                    slope: weight / root,
                }
            }
        };
        Weighed::<A, N> {
            weight: select_many(outside, zero, weighed.weight),
            slope: select_many(outside, zero, weighed.slope),
        }
    }

    /// `1 - sum^(-1 / k)`.
    pub(super) fn less_root<A: Float, K: Int, N: Size>(&self, sum: Vector<A, N>) -> Vector<A, N> {
        let less = sum - Vector::new(A::new(1.0_f32));
        match comptime!(self.power) {
            Power::One => less / sum,
            Power::Two => less / (sum + sum.sqrt()),
            Power::Any => {
                let log = log::<A, K, N>(sum);
                less_power::<A, N>(log / Vector::new(self.exponent.get::<A>()))
            }
        }
    }
}

impl Lines {
    pub(super) fn roots(&self, alpha: f64, beta: f64) -> RootsLaunch {
        let largest = accumulator_max(self.accumulator);
        let rate = (beta * (alpha - 1.0)).min(largest);
        let (high, smallest) = match self.accumulator {
            DType::F64 => (rate, f64::MIN_POSITIVE),
            _ => (f64::from(rate as f32), f64::from(f32::MIN_POSITIVE)),
        };
        let power = 1.0 / (alpha - 1.0);
        // Twice what is enough, and a normal number also where the rate is the largest.
        let reach = (2.0 / rate).clamp(smallest, largest);
        RootsLaunch::new(
            self.scalar(reach),
            self.scalar(high),
            self.scalar(rate - high),
            self.scalar(power),
            match power {
                1.0 => Power::One,
                2.0 => Power::Two,
                _ => Power::Any,
            },
        )
    }
}
