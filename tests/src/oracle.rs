//! The operators on one row, in `f64`, as their formulas read.
//!
//! Nothing here uses Burn, and nothing here is fast.

/// The expected index under `softmax(beta * row)`.
pub fn soft_argmax(row: &[f64], beta: f64) -> f64 {
    let center = first_maximum(row) as f64;
    // About the largest entry, so that the sum itself loses nothing at a large index.
    let offset: f64 = softmax(row, beta)
        .iter()
        .enumerate()
        .map(|(i, p)| p * (i as f64 - center))
        .sum();
    center + offset
}

/// The gradient of `upstream * soft_argmax(row)`.
pub fn soft_argmax_gradient(row: &[f64], beta: f64, upstream: f64) -> Vec<f64> {
    let center = first_maximum(row) as f64;
    let offset = soft_argmax(row, beta) - center;
    let p = softmax(row, beta);
    gradient(row, upstream == 0.0, |j| {
        beta * p[j] * (j as f64 - center - offset) * upstream
    })
}

/// 1 at the first maximum, 0 elsewhere. The row has no NaN.
pub fn one_hot(row: &[f64]) -> Vec<f64> {
    let first = first_maximum(row);
    (0..row.len())
        .map(|i| if i == first { 1.0 } else { 0.0 })
        .collect()
}

/// The vector-Jacobian product of `softmax(beta * row)`. What comes upstream to a mask takes no part.
pub fn softmax_gradient(row: &[f64], beta: f64, upstream: &[f64]) -> Vec<f64> {
    let p = softmax(row, beta);
    let unmasked = row.iter().zip(upstream);
    let g: Vec<f64> = unmasked
        .map(|(&x, &g)| if x == f64::NEG_INFINITY { 0.0 } else { g })
        .collect();
    let mean: f64 = p.iter().zip(&g).map(|(p, g)| p * g).sum();
    let silent = g.iter().all(|&g| g == 0.0);
    gradient(row, silent, |j| beta * p[j] * (g[j] - mean))
}

/// [`softmax_gradient`] as `straight_through_one_hot` has it on a backend that the crate was not
/// compiled for: by Burn's own graph, which passes nothing on at a score that is not finite.
pub fn softmax_gradient_by_graph(row: &[f64], beta: f64, upstream: &[f64]) -> Vec<f64> {
    let gradient = softmax_gradient(row, beta, upstream).into_iter().zip(row);
    gradient
        .map(|(slope, x)| if x.is_finite() { slope } else { 0.0 })
        .collect()
}

/// A gradient from the slope along each entry: exactly 0 at a mask, and where all that comes upstream
/// is 0.
pub(crate) fn gradient(row: &[f64], silent: bool, slope: impl Fn(usize) -> f64) -> Vec<f64> {
    let entries = row.iter().enumerate();
    entries
        .map(|(j, &x)| match x {
            f64::NEG_INFINITY => 0.0,
            _ if silent => 0.0,
            _ => slope(j),
        })
        .collect()
}

/// 1 at every maximum, 0 elsewhere; NaN throughout a row with a NaN.
pub fn sign_one_hot(row: &[f64]) -> Vec<f64> {
    if row.iter().any(|x| x.is_nan()) {
        return vec![f64::NAN; row.len()];
    }
    let max = maximum(row);
    row.iter()
        .map(|&x| if x == max { 1.0 } else { 0.0 })
        .collect()
}

/// `softmax(beta * row)`; NaN throughout a row that has no softmax.
pub fn softmax(row: &[f64], beta: f64) -> Vec<f64> {
    let max = maximum(row);
    if row.iter().any(|x| x.is_nan()) || max.is_infinite() {
        return vec![f64::NAN; row.len()];
    }
    let weights: Vec<f64> = row
        .iter()
        .map(|&x| match x {
            f64::NEG_INFINITY => 0.0,
            x => (beta * (x - max)).exp(),
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

fn maximum(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn first_maximum(row: &[f64]) -> usize {
    let max = maximum(row);
    // Without a match the row is all NaN, and so is whatever is computed from it.
    row.iter().position(|&x| x == max).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_worked_by_hand() {
        // Weights 1 and 1/2.
        let row = [0.0, -(2f64.ln())];
        assert!((soft_argmax(&row, 1.0) - 1.0 / 3.0).abs() < 1e-15);
        let gradient = soft_argmax_gradient(&row, 1.0, 3.0);
        assert!((gradient[0] + 2.0 / 3.0).abs() < 1e-15);
        assert!((gradient[1] - 2.0 / 3.0).abs() < 1e-15);
        let gradient = softmax_gradient(&row, 2.0, &[1.0, 0.0]);
        assert!((gradient[0] - 2.0 * 0.8 * 0.2).abs() < 1e-15);
        assert!((gradient[1] + 2.0 * 0.2 * 0.8).abs() < 1e-15);
    }

    #[test]
    fn masks_and_silence() {
        let (masked, inf) = (f64::NEG_INFINITY, f64::INFINITY);
        let got = softmax_gradient(&[masked, 1.0, 2.0], 1.0, &[inf, 1.0, 2.0]);
        let want = softmax_gradient(&[1.0, 2.0], 1.0, &[1.0, 2.0]);
        assert_eq!(got, [0.0, want[0], want[1]]);
        assert_eq!(soft_argmax_gradient(&[masked; 2], 1.0, inf), [0.0; 2]);
        assert_eq!(soft_argmax_gradient(&[f64::NAN, inf], 1.0, 0.0), [0.0; 2]);
        let broken = soft_argmax_gradient(&[masked, inf], 1.0, 1.0);
        assert!(broken[0] == 0.0 && broken[1].is_nan());
    }

    #[test]
    fn ties() {
        assert_eq!(one_hot(&[-1.0, 3.0, 3.0]), [0.0, 1.0, 0.0]);
        assert_eq!(sign_one_hot(&[-1.0, 3.0, 3.0]), [0.0, 1.0, 1.0]);
    }
}
