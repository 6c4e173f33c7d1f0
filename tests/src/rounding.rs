//! How far a number of a dtype may be from a number of `f64`.

use burn::tensor::DType;
use half::{bf16, f16};

/// A float: how it rounds, and how far the sums of an operator may be off in it.
pub struct Rounding {
    dtype: DType,
}

impl Rounding {
    /// Of this dtype.
    pub fn of(dtype: DType) -> Self {
        Self { dtype }
    }

    /// The nearest numbers of the dtype.
    pub fn round(&self, values: &[f64]) -> Vec<f64> {
        let round = |&value: &f64| match self.dtype {
            DType::F16 => f16::from_f64(value).to_f64(),
            DType::BF16 => bf16::from_f64(value).to_f64(),
            DType::F32 => f64::from(value as f32),
            _ => value,
        };
        values.iter().map(round).collect()
    }

    /// The distance from a number to the next.
    pub fn ulp(&self, value: f64) -> f64 {
        let (digits, smallest) = match self.dtype {
            DType::F16 => (10, -14),
            DType::BF16 => (7, -126),
            DType::F32 => (23, -126),
            _ => (52, -1022),
        };
        let exponent = value.abs().log2().floor().max(smallest.into());
        exponent.min(1024.0).exp2() * 2f64.powi(-digits)
    }

    /// How far sums over `n` entries may be off, over the largest result: they run in `f32` at least.
    pub fn sums(&self, n: usize) -> f64 {
        match self.dtype {
            DType::F64 => 1e-12 * (n as f64).sqrt(),
            _ => 1e-6 + 1e-8 * (n as f64).sqrt(),
        }
    }
}
