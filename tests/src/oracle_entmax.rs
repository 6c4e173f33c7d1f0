//! Entmax of one row, in `f64`: the threshold by halving an interval.

use crate::oracle::{gradient, softmax};

/// `[(alpha - 1) * beta * x - tau]_+^(1 / (alpha - 1))` with the `tau` for which these sum to 1; NaN
/// throughout a row that has no softmax either.
pub fn entmax(row: &[f64], alpha: f64, beta: f64) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if alpha == 1.0 || row.iter().any(|x| x.is_nan()) || max.is_infinite() {
        return softmax(row, beta);
    }
    // How far the maximum is above the threshold: the root of its weight.
    let (mut low, mut high) = (0.0, 1.0);
    let weights = |level: f64| row.iter().map(move |&x| weight(x, max, level, alpha, beta));
    for _ in 0..1100 {
        let middle = 0.5 * (low + high);
        match weights(middle).sum::<f64>() < 1.0 {
            true => low = middle,
            false => high = middle,
        }
        if high - low <= f64::EPSILON * low {
            break;
        }
    }
    weights(high).collect()
}

fn weight(x: f64, max: f64, level: f64, alpha: f64, beta: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return 0.0;
    }
    let distance = (alpha - 1.0) * beta * (x - max);
    if level + distance <= 0.0 {
        return 0.0;
    }
    ((distance + (level - 1.0)).ln_1p() / (alpha - 1.0)).exp()
}

/// Its vector-Jacobian product. What comes upstream to a weight of 0 takes no part.
pub fn entmax_gradient(row: &[f64], alpha: f64, beta: f64, upstream: &[f64]) -> Vec<f64> {
    let p = entmax(row, alpha, beta);
    let unmasked = row.iter().zip(upstream);
    let silent = unmasked
        .filter(|(x, _)| **x != f64::NEG_INFINITY)
        .all(|(_, &g)| g == 0.0);
    let slope = |p: f64| if p == 0.0 { 0.0 } else { p.powf(2.0 - alpha) };
    let slopes: Vec<f64> = p.iter().copied().map(slope).collect();
    let sum: f64 = slopes.iter().sum();
    // About what comes to the largest: where its weight is nearly all, its gradient is a small difference.
    let largest = (0..row.len()).fold(0, |a, b| if slopes[b] > slopes[a] { b } else { a });
    let distance = |j: usize| match upstream[largest].is_finite() {
        true => upstream[j] - upstream[largest],
        false => upstream[j],
    };
    let product = |j: usize| {
        if slopes[j] == 0.0 {
            0.0
        } else {
            slopes[j] * distance(j)
        }
    };
    let mean = (0..row.len()).map(product).sum::<f64>() / sum;
    gradient(row, silent, |j| match slopes[j] {
        0.0 => 0.0,
        slope => beta * slope * (distance(j) - mean),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_scores() {
        // Sparsemax of two scores is half of 1 and half of how far they are apart.
        let got = entmax(&[0.5, 0.1], 2.0, 1.0);
        assert!((got[0] - 0.7).abs() < 1e-15 && (got[1] - 0.3).abs() < 1e-15);
        assert_eq!(entmax(&[2.0, 1.0], 2.0, 1.0), [1.0, 0.0]);
    }

    #[test]
    fn gradient_is_the_slope() {
        let (row, alpha, beta) = ([0.3, 0.1, -0.7, 0.25, -9.0], 1.4, 0.9);
        let upstream = [1.0, -2.0, 0.5, 0.25, 7.0];
        let got = entmax_gradient(&row, alpha, beta, &upstream);
        for j in 0..row.len() {
            let objective = |step: f64| {
                let mut row = row;
                row[j] += step;
                let p = entmax(&row, alpha, beta);
                p.iter().zip(upstream).map(|(p, g)| p * g).sum::<f64>()
            };
            let difference = (objective(1e-6) - objective(-1e-6)) / 2e-6;
            assert!((got[j] - difference).abs() < 1e-8, "{j}");
        }
    }
}
