//! What scores weigh, in `f64`, and how their mean moves with each.

use burn_argmax::Weighting;
use burn_argmax_tests::{
    check::{UNDERFLOW, largest},
    oracle_entmax,
    oracle_spatial::positions,
};

/// `2^-125.5`, below which our own power is 0.
const LEAST: f64 = std::f64::consts::SQRT_2 * UNDERFLOW;

/// The weights of a whole line or map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weights {
    Softmax { beta: f64 },
    Above { beta: f64, level: f64 },
    Entmax { alpha: f64, beta: f64 },
    Given,
}

/// Weights, and the radius of a window.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    pub weights: Weights,
    pub radius: Option<usize>,
}

impl Scheme {
    /// As the operators take it.
    pub fn weighting(self) -> Weighting {
        let weighting = match self.weights {
            Weights::Softmax { beta } => Weighting::softmax(beta),
            Weights::Above { beta, level } => Weighting::softmax(beta).above(level),
            Weights::Entmax { alpha, beta } => Weighting::entmax(alpha, beta),
            Weights::Given => Weighting::given(),
        };
        match self.radius {
            Some(radius) => weighting.within(radius),
            None => weighting,
        }
    }

    pub fn softmax(beta: f64) -> Self {
        Self {
            weights: Weights::Softmax { beta },
            radius: None,
        }
    }

    pub fn is_entmax(self) -> bool {
        matches!(self.weights, Weights::Entmax { .. })
    }

    /// Of a map of these sizes, of which a line has one; `None` where nothing has a weight.
    pub fn of(self, scores: &[f64], sizes: &[usize]) -> Option<Weighed> {
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if scores.iter().any(|x| x.is_nan()) || max.is_infinite() {
            return None;
        }
        let peak = scores.iter().position(|&x| x == max)?;
        let inside = self.inside(peak, sizes);
        let takes_part = |i: usize| inside[i] && scores[i] != f64::NEG_INFINITY;
        let each = |weight: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let weight = |i: usize| {
                if takes_part(i) {
                    weight(scores[i])
                } else {
                    0.0
                }
            };
            (0..scores.len()).map(weight).collect()
        };
        let exponential = |beta: f64| each(&|x| (beta * (x - max)).exp());
        let (weights, growths, beta) = match self.weights {
            Weights::Above { beta, level } if max > level => {
                let less = |x: f64| -(-beta * (x - level)).exp_m1();
                let above = |x: f64, weight: f64| if x > level { weight } else { 0.0 };
                let share = |x: f64| (beta * (x - max)).exp();
                let weights = each(&|x| above(x, share(x) * less(x)));
                (weights, each(&|x| above(x, beta * share(x))), beta)
            }
            Weights::Entmax { alpha, beta } if alpha > 1.0 => {
                let open = |i: usize| {
                    if inside[i] {
                        scores[i]
                    } else {
                        f64::NEG_INFINITY
                    }
                };
                let open: Vec<f64> = (0..scores.len()).map(open).collect();
                return Some(Weighed::entmax(&open, peak, alpha, beta));
            }
            Weights::Softmax { beta }
            | Weights::Above { beta, .. }
            | Weights::Entmax { beta, .. } => {
                let weights = exponential(beta);
                let growths = weights.iter().map(|weight| beta * weight).collect();
                (weights, growths, beta)
            }
            Weights::Given => (each(&|x| x), each(&|_| 1.0), 0.0),
        };
        let sum: f64 = weights.iter().sum();
        let share = |weight: &f64| weight / sum;
        let p: Vec<f64> = weights.iter().map(share).collect();
        (sum != 0.0).then(|| Weighed {
            peak,
            mean: p.clone(),
            growth: growths.iter().map(share).collect(),
            p,
            lost: LEAST * beta / sum,
            faint: matches!(self.weights, Weights::Above { .. }),
        })
    }

    /// The same with a threshold that rounding has moved up, and down.
    pub fn beside_the_threshold(self, scores: &[f64], sizes: &[usize], by: f64) -> Vec<Weighed> {
        let Weights::Entmax { alpha, beta } = self.weights else {
            return Vec::new();
        };
        if alpha == 1.0 || beta == 0.0 {
            return Vec::new();
        }
        let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let moved = [-by, by].map(|by| {
            let by = by / ((alpha - 1.0) * beta);
            let moved = |&x: &f64| if x == max { x } else { x + by };
            let moved: Vec<f64> = scores.iter().map(moved).collect();
            self.of(&moved, sizes)
        });
        moved.into_iter().flatten().collect()
    }

    fn inside(self, peak: usize, sizes: &[usize]) -> Vec<bool> {
        let Some(radius) = self.radius else {
            return vec![true; sizes.iter().product()];
        };
        let positions = positions(sizes);
        let near = |at: &Vec<f64>| {
            let mut axes = at.iter().zip(&positions[peak]);
            axes.all(|(x, center)| (x - center).abs() <= radius as f64)
        };
        positions.iter().map(near).collect()
    }
}

/// A line or map with weights.
pub struct Weighed {
    /// The first maximum.
    pub peak: usize,
    /// The weights over their sum.
    pub p: Vec<f64>,
    /// How they grow with each score, over the same sum: the slope of a mean of values is
    /// `growth * (value - the mean of all values under these)`.
    growth: Vec<f64>,
    mean: Vec<f64>,
    /// How far a growth is off where the weight is too small for a normal `f32`, or nearly.
    lost: f64,
    /// Whether what is next to nothing beside a sharp peak may be lost.
    pub faint: bool,
}

impl Weighed {
    fn entmax(scores: &[f64], peak: usize, alpha: f64, beta: f64) -> Self {
        let p = oracle_entmax::entmax(scores, alpha, beta);
        let power = |&p: &f64| if p == 0.0 { 0.0 } else { p.powf(2.0 - alpha) };
        let powers: Vec<f64> = p.iter().map(power).collect();
        let sum: f64 = powers.iter().sum();
        Self {
            peak,
            p,
            growth: powers.iter().map(|s| beta * s).collect(),
            mean: powers.iter().map(|s| s / sum).collect(),
            lost: LEAST * beta,
            faint: false,
        }
    }

    /// The mean of values: what weighs nothing may have any.
    pub fn mean(&self, value: impl Fn(usize) -> f64) -> f64 {
        value(self.peak) + under(&self.p, |i| value(i) - value(self.peak))
    }

    /// Its slope along each score.
    pub fn slopes(&self, value: impl Fn(usize) -> f64) -> Vec<f64> {
        // About the peak, of which nearly all may be.
        let value = |i: usize| value(i) - value(self.peak);
        let mean = under(&self.mean, value);
        let slope = |i: usize| match self.growth[i] {
            0.0 => 0.0,
            growth => growth * (value(i) - mean),
        };
        (0..self.p.len()).map(slope).collect()
    }

    /// How far a slope is off where what is too small for a normal `f32` is lost.
    pub fn lost(&self, value: impl Fn(usize) -> f64, scores: &[f64]) -> f64 {
        UNDERFLOW + self.lost * self.spread(value, scores)
    }

    /// How large the terms of slopes are.
    pub fn size(&self, value: impl Fn(usize) -> f64) -> f64 {
        let mean = under(&self.mean, |i| value(i).abs());
        let terms = self.growth.iter().enumerate();
        let terms = terms.filter(|(_, growth)| **growth != 0.0);
        let sizes = terms.map(|(i, growth)| growth.abs() * (value(i).abs() + mean));
        sizes.fold(0.0, f64::max)
    }

    /// The largest growth.
    pub fn steepest(&self) -> f64 {
        largest(&self.growth)
    }

    /// How far values are from that of the peak.
    pub fn spread(&self, value: impl Fn(usize) -> f64, scores: &[f64]) -> f64 {
        let unmasked = (0..scores.len()).filter(|&i| scores[i] != f64::NEG_INFINITY);
        let spread = unmasked.map(|i| (value(i) - value(self.peak)).abs());
        spread.fold(0.0, f64::max)
    }
}

fn under(weights: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    let weights = weights.iter().enumerate();
    let terms = weights.filter(|(_, weight)| **weight != 0.0);
    terms.map(|(i, weight)| weight * value(i)).sum()
}
