//! Expected positions under any weighting, in `f64`, as the formulas read.

use burn_argmax::Weighting;

use crate::oracle_spatial::positions;

/// The weights of a whole line.
#[derive(Clone, Copy, Debug)]
pub enum Weights {
    /// `exp(beta * x)`.
    Softmax(f64),
    /// `max(exp(beta * (x - level)) - 1, 0)`, of `(beta, level)`.
    Above(f64, f64),
    /// `x`.
    Given,
}

/// Weights, and the radius of a window.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Of the whole line.
    pub weights: Weights,
    /// Of the window, if there is one.
    pub radius: Option<usize>,
}

impl Case {
    /// As the operators take it.
    pub fn weighting(self) -> Weighting {
        let weighting = match self.weights {
            Weights::Softmax(beta) => Weighting::softmax(beta),
            Weights::Above(beta, level) => Weighting::softmax(beta).above(level),
            Weights::Given => Weighting::given(),
        };
        match self.radius {
            Some(radius) => weighting.within(radius),
            None => weighting,
        }
    }

    /// The expected position over a map, axes in the order x, y, z, and its slope along each score,
    /// an axis at a time. A line is a map of one size.
    pub fn expected(self, map: &[f64], sizes: &[usize]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let peak = peak(map);
        let positions = positions(sizes);
        let weighed = self.weighed(map, &positions);
        let axes = 0..sizes.len();
        axes.map(|axis| {
            let distance = |place: usize| positions[place][axis] - positions[peak][axis];
            let distances: Vec<f64> = (0..map.len()).map(distance).collect();
            let (offset, slopes) = mean(&weighed, &distances);
            (positions[peak][axis] + offset, slopes)
        })
        .unzip()
    }

    /// The expected bin of a line, its slope along each score, and along each bin. The bin of what
    /// weighs nothing may be anything.
    pub fn expected_bin(self, line: &[f64], bins: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
        let weighed = self.weighed(line, &positions(&[line.len()]));
        let sum = sum(&weighed);
        let bins = bins.iter().zip(&weighed);
        let bins: Vec<f64> = bins
            .map(|(&bin, &(weight, growth))| match (weight, growth) {
                (0.0, 0.0) => 0.0,
                _ => bin,
            })
            .collect();
        let (value, slopes) = mean(&weighed, &bins);
        let of_bins = weighed.iter().map(|(weight, _)| weight / sum).collect();
        (value, slopes, of_bins)
    }

    /// The weight of each score over that of the maximum, and how it grows with its score.
    fn weighed(self, map: &[f64], positions: &[Vec<f64>]) -> Vec<(f64, f64)> {
        let peak = peak(map);
        let max = map[peak];
        let inside = |at: &[f64]| match self.radius {
            Some(radius) => {
                let mut axes = at.iter().zip(&positions[peak]);
                axes.all(|(x, center)| (x - center).abs() <= radius as f64)
            }
            None => true,
        };
        let weigh = |x: f64| match self.weights {
            _ if x == f64::NEG_INFINITY => (0.0, 0.0),
            Weights::Above(beta, level) if max > level => {
                let share = (beta * (x - max)).exp();
                let less = -(-beta * (x - level)).exp_m1();
                match x > level {
                    true => (share * less, beta * share),
                    false => (0.0, 0.0),
                }
            }
            Weights::Softmax(beta) | Weights::Above(beta, _) => {
                let share = (beta * (x - max)).exp();
                (share, beta * share)
            }
            Weights::Given => (x, 1.0),
        };
        map.iter()
            .zip(positions)
            .map(|(&x, at)| if inside(at) { weigh(x) } else { (0.0, 0.0) })
            .collect()
    }
}

/// The first maximum.
fn peak(map: &[f64]) -> usize {
    let max = map.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    map.iter().position(|&x| x == max).expect("a maximum")
}

fn sum(weighed: &[(f64, f64)]) -> f64 {
    weighed.iter().map(|(weight, _)| weight).sum()
}

/// The weighted mean of values, and its slope along each score.
fn mean(weighed: &[(f64, f64)], values: &[f64]) -> (f64, Vec<f64>) {
    let sum = sum(weighed);
    let each = weighed.iter().zip(values);
    let products = each.clone().map(|((weight, _), value)| weight * value);
    let mean = products.sum::<f64>() / sum;
    let slopes = each.map(|((_, growth), value)| growth * (value - mean) / sum);
    (mean, slopes.collect())
}
