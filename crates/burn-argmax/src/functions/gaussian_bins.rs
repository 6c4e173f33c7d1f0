use core::f64::consts::PI;

use burn_core::tensor::{AsIndex, DType, Tensor};

use super::{check_sigma, target_of_bins::target_of_bins};
use crate::{composed::accumulator_max, precision::sum_along};

/// The mass that a Gaussian about a position has in each bin.
///
/// `m_i = integral from i - 1/2 to i + 1/2 of exp(-(y - t)^2 / (2 sigma^2)) dy / Z`, with `Z` such that they
/// sum to 1.
///
/// # Arguments
///
/// * `target` - Positions `t` in units of the index: bin `i` reaches from `i - 1/2` to `i + 1/2`. `dim` has
///   size 1. For `bins` equal intervals of `[min, max]`: `(value - min) / width - 1/2` with
///   `width = (max - min) / bins`.
/// * `dim` - The dimension that the bins take; a negative one counts from the end.
/// * `bins` - How many there are, at least 1.
/// * `sigma` - The standard deviation in bins, positive: `sigma / width`. A usual choice is 3/4.
///
/// # Returns
///
/// The shape and the dtype of `target`, with `bins` entries along `dim`. Each is right to a few digits of
/// the dtype, however far out in a tail: the integral is taken over each bin, and no value of the normal
/// distribution is subtracted from another. A target outside of the bins leans on the border nearest to
/// it. A target that is NaN or infinite gives NaN for its row. Computed in `f32` at least, and rounded once.
///
/// # Gradient
///
/// None: a target is a constant.
///
/// # Panics
///
/// If `dim` is out of range or has not size 1, if `bins` is 0, or if `sigma` is not finite and positive.
///
/// # Source
///
/// The masses of HL-Gauss: Imani and White, "Improving Regression Performance with Distributional Losses",
/// ICML 2018; Farebrother et al., "Stop Regressing", ICML 2024.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::gaussian_bins;
///
/// // Values from -1 to 3 in 16 intervals.
/// let value = Tensor::<2>::from_floats([[1.0], [2.7]], &Device::flex());
/// let width = (3.0 + 1.0) / 16.0;
/// let target = (value + 1.0) / width - 0.5;
/// let masses = gaussian_bins(target, 1, 16, 0.75);
/// let sums = masses.sum_dim(1).into_data();
/// sums.assert_approx_eq::<f32>(&[[1.0], [1.0]].into(), Default::default());
/// ```
#[track_caller]
pub fn gaussian_bins<const D: usize>(
    target: Tensor<D>,
    dim: impl AsIndex,
    bins: usize,
    sigma: f64,
) -> Tensor<D> {
    check_sigma("gaussian_bins", sigma);
    target_of_bins("gaussian_bins", target, dim, bins, |target, index, dim| {
        let masses = integrals(target, index, bins, sigma);
        masses.clone() / sum_along(masses, dim)
    })
}

/// The integral over each bin, relative to the density where that is largest among the bins.
fn integrals<const D: usize>(
    target: Tensor<D>,
    index: Tensor<D>,
    bins: usize,
    sigma: f64,
) -> Tensor<D> {
    let dtype = target.dtype();
    // How far the exponent falls within a bin until nothing more counts, and the points that such a fall takes.
    let (fall, points): (f64, usize) = match dtype {
        DType::F64 => (38.0, 40),
        _ => (18.0, 16),
    };
    // A narrower one is all in one bin, or half in each of two, and a wider one is flat: what is clamped
    // here changes no value, and keeps squares finite.
    let (narrowest, widest) = if dtype == DType::F64 {
        (1e-140, 1e150)
    } else {
        (1e-12, 1e30)
    };
    let sigma = sigma.clamp(narrowest, widest);
    let (first, last) = (-0.5, bins as f64 - 0.5);
    // From further out, all is in the bin at the border already.
    let reach = (bins as f64 + 1000.0 * sigma * sigma).min(accumulator_max(dtype) / 4.0);
    let target = target.clamp(first - reach, last + reach);

    // In standard deviations: how far the target is beyond of the bins, and where each bin starts as seen
    // from the place in them that is nearest to the target, which is within a bin that starts below 0.
    let place = target.clone().clamp(first, last);
    let beyond = (target - place.clone()).abs() / sigma;
    let start = ((index - place).abs() - 0.5) / sigma;
    let top = start.clone().clamp_min(0.0);
    let reach = reach_of(beyond.clone() + top.clone(), fall);
    let cut = start.clone().clamp_min(-(2.0 * fall).sqrt());
    let length = (start - cut.clone() + 1.0 / sigma).min_pair(reach + top - cut.clone());
    let start = cut;

    // The density at such a distance over that at the place is a difference of squares, as a product.
    let density = |distance: Tensor<D>| {
        let middle = distance.clone() * 0.5 + beyond.clone();
        (distance * middle).neg().exp()
    };
    let sum = gauss_legendre(points)
        .into_iter()
        .map(|[at, weight]| density(length.clone() * at + start.clone()) * weight)
        .reduce(|sum, term| sum + term)
        .expect("there is a point");
    sum * length
}

/// The `s` for which `d s + s^2 / 2` is `fall`, with `d` the distance.
fn reach_of<const D: usize>(distance: Tensor<D>, fall: f64) -> Tensor<D> {
    let least = (2.0 * fall).sqrt();
    // The square may overflow.
    let scale = distance.clone().clamp_min(least);
    let [distance, least] = [distance / scale.clone(), scale.clone().recip() * least];
    let root = (distance.clone() * distance.clone() + least.clone() * least).sqrt();
    ((distance + root) * scale).recip() * (2.0 * fall)
}

/// The points of Gauss-Legendre quadrature on `0..1`, each with its weight.
fn gauss_legendre(points: usize) -> Vec<[f64; 2]> {
    let n = points as f64;
    let point = |index: usize| {
        let mut root = (PI * (index as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        // Newton's method: the first guess is right to three digits.
        for _ in 0..5 {
            let (mut value, mut before) = (root, 1.0);
            for degree in 2..=points {
                let degree = degree as f64;
                let next = ((2.0 * degree - 1.0) * root * value - (degree - 1.0) * before) / degree;
                (before, value) = (value, next);
            }
            slope = n * (root * value - before) / (root * root - 1.0);
            root -= value / slope;
        }
        let weight = 1.0 / ((1.0 - root * root) * slope * slope);
        [(1.0 + root) / 2.0, weight]
    };
    (0..points).map(point).collect()
}
