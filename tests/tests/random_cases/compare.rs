//! What is wanted of one row, and how far from it a result may be.

use burn::tensor::DType;
use burn_argmax_tests::{check::largest, rounding::Rounding};
use half::{bf16, f16};

/// Numbers, and how far each may be off beside the rounding to the dtype. What is infinitely far may be anything.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub values: Vec<f64>,
    pub within: Vec<f64>,
}

/// What is wanted of one row.
pub struct Expected {
    /// Of each result.
    pub results: Vec<Wanted>,
    /// The slopes along the scores.
    pub slopes: Wanted,
    /// What the row adds to slopes along another argument, and where.
    pub shares: Vec<(usize, f64)>,
}

impl Wanted {
    pub fn exact(values: Vec<f64>) -> Self {
        Self::within(values, |_| 0.0)
    }

    pub fn within(values: Vec<f64>, within: impl Fn(f64) -> f64) -> Self {
        let within = values.iter().map(|&value| within(value)).collect();
        Self { values, within }
    }

    pub fn anything(count: usize) -> Self {
        Self::within(vec![0.0; count], |_| f64::INFINITY)
    }

    /// Off by so much more where other numbers of the same row differ.
    pub fn or_between(mut self, one: &[f64], other: &[f64]) -> Self {
        for (within, (one, other)) in self.within.iter_mut().zip(one.iter().zip(other)) {
            *within += (one - other).abs();
        }
        self
    }
}

/// How exact the sums of a dtype are.
pub struct Precision {
    pub rounding: Rounding,
    dtype: DType,
}

impl Precision {
    pub fn of(dtype: DType) -> Self {
        Self {
            rounding: Rounding::of(dtype),
            dtype,
        }
    }

    pub fn is_wide(&self) -> bool {
        self.dtype == DType::F64
    }

    /// Of an expected index among `n`, as [`burn_argmax_tests::check::assert_index`] has it.
    pub fn index(&self, want: f64, n: usize) -> f64 {
        match self.is_wide() {
            true => self.rounding.sums(n) * want.abs().max(1.0) + 1e-14 * n as f64,
            false => 1e-6 * want.abs() + 4e-7 * n as f64,
        }
    }

    /// Of a sum of `n` positive terms, over the sum.
    pub fn sum(&self, n: usize) -> f64 {
        match self.is_wide() {
            true => self.rounding.sums(n),
            false => 1e-5,
        }
    }

    /// Of the slopes of a row of `n`, over the largest.
    pub fn slopes(&self, n: usize) -> f64 {
        match self.is_wide() {
            true => self.rounding.sums(n),
            false => 2e-4,
        }
    }

    /// Slopes of a row, each within that share of the largest, or what else may be lost.
    pub fn of_slopes(&self, values: Vec<f64>, lost: f64) -> Wanted {
        let within = self.slopes(values.len()) * largest(&values) + lost;
        Wanted::within(values, |_| within)
    }

    /// Whether a row is as it is wanted, or the first entry that is not.
    pub fn differ(&self, got: &[f64], want: &Wanted, ulps: f64) -> Option<String> {
        if got.len() != want.values.len() {
            return Some(format!("{} entries, not {}", got.len(), want.values.len()));
        }
        let rounded = self.rounding.round(&want.values);
        let mut entries = got
            .iter()
            .zip(&want.within)
            .zip(want.values.iter().zip(rounded));
        let at = entries.position(|((&got, &within), (&want, rounded))| {
            let is_close = || {
                let tolerance = match within {
                    0.0 => 0.0,
                    _ => ulps * self.rounding.ulp(want) + within,
                };
                (got - rounded).abs() <= tolerance
            };
            // As near as it may be, it has no number either.
            let is_beyond = || got.is_infinite() && got.signum() * want + within > self.max();
            let is_at_the_end = || want.abs() > 0.99 * self.max() && got.abs() > 0.99 * self.max();
            let is_right = within == f64::INFINITY
                || got == rounded
                || got.is_nan() && want.is_nan()
                || rounded.is_finite() && got.is_finite() && is_close()
                || rounded.is_infinite() && (got - want).abs() <= within
                || is_beyond()
                || is_at_the_end() && got.signum() == want.signum();
            !is_right
        })?;
        Some(format!(
            "entry {at} of {}: {:e}, not {:e}, within {:e}",
            got.len(),
            got[at],
            want.values[at],
            want.within[at]
        ))
    }

    /// The largest finite number.
    pub fn max(&self) -> f64 {
        match self.dtype {
            DType::F16 => f16::MAX.to_f64(),
            DType::BF16 => bf16::MAX.to_f64(),
            DType::F32 => f32::MAX.into(),
            _ => f64::MAX,
        }
    }
}
