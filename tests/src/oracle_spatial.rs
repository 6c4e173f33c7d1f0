//! Position moments of one heatmap, in `f64`, as their formulas read.

use crate::oracle::{gradient, softmax};

/// The mean of a position and its covariance, axes in the order x, y, z.
pub struct Moments {
    /// The expected position.
    pub mean: Vec<f64>,
    /// Row by row.
    pub covariance: Vec<Vec<f64>>,
}

/// The index of each position along x, y, z: `sizes` are in the order of memory, x the last.
pub fn positions(sizes: &[usize]) -> Vec<Vec<f64>> {
    let count = sizes.iter().product();
    (0..count)
        .map(|mut index: usize| {
            let axes = sizes.iter().rev().map(|size| {
                let coordinate = index % size;
                index /= size;
                coordinate as f64
            });
            axes.collect()
        })
        .collect()
}

/// Under `softmax(beta * map)`.
pub fn moments(map: &[f64], sizes: &[usize], beta: f64) -> Moments {
    let p = softmax(map, beta);
    let positions = positions(sizes);
    let expect = |value: &dyn Fn(&[f64]) -> f64| -> f64 {
        p.iter().zip(&positions).map(|(p, at)| p * value(at)).sum()
    };
    let mean: Vec<f64> = (0..sizes.len()).map(|a| expect(&|at| at[a])).collect();
    let covariance = (0..sizes.len())
        .map(|a| {
            let row = (0..sizes.len()).map(|b| expect(&|at| (at[a] - mean[a]) * (at[b] - mean[b])));
            row.collect()
        })
        .collect();
    Moments { mean, covariance }
}

/// The gradient of `sum_a g_a mean_a + sum_ab G_ab covariance_ab`.
pub fn moments_gradient(
    map: &[f64],
    sizes: &[usize],
    beta: f64,
    mean_upstream: &[f64],
    covariance_upstream: &[Vec<f64>],
) -> Vec<f64> {
    let p = softmax(map, beta);
    let Moments { mean, covariance } = moments(map, sizes, beta);
    let positions = positions(sizes);
    let mut upstream = mean_upstream
        .iter()
        .chain(covariance_upstream.iter().flatten());
    let silent = upstream.all(|&g| g == 0.0);
    gradient(map, silent, |j| {
        let at = &positions[j];
        let mut slope = 0.0;
        for a in 0..sizes.len() {
            slope += mean_upstream[a] * (at[a] - mean[a]);
            for b in 0..sizes.len() {
                let product = (at[a] - mean[a]) * (at[b] - mean[b]);
                slope += covariance_upstream[a][b] * (product - covariance[a][b]);
            }
        }
        beta * p[j] * slope
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_corners() {
        let got = moments(&[9.0, 0.0, 0.0, 0.0, 0.0, 9.0], &[2, 3], 100.0);
        assert_eq!(got.mean, [1.0, 0.5]);
        assert_eq!(got.covariance, [[1.0, 0.5], [0.5, 0.25]]);
    }

    #[test]
    fn gradient_is_the_slope() {
        let (sizes, beta) = ([2, 2, 3], 0.7);
        let map: Vec<f64> = (0..12).map(|i| f64::from(i * 5 % 7)).collect();
        let mean = [1.0, -2.0, 0.5];
        let covariance = vec![
            vec![0.3, 0.1, -0.4],
            vec![0.2, 1.0, 0.6],
            vec![0.0, 0.5, -0.7],
        ];
        let objective = |map: &[f64]| {
            let got = moments(map, &sizes, beta);
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(&mean, &got.mean) + dot(&covariance.concat(), &got.covariance.concat())
        };
        let gradient = moments_gradient(&map, &sizes, beta, &mean, &covariance);
        for (j, slope) in gradient.into_iter().enumerate() {
            let shifted = |step: f64| {
                let mut map = map.clone();
                map[j] += step;
                objective(&map)
            };
            let difference = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!(
                (slope - difference).abs() < 1e-8,
                "{j}: {slope} {difference}"
            );
        }
    }
}
