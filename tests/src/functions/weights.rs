//! Weights of rows in f64, and the weightings that they are the oracle of.

use burn_argmax::Weighting;

use super::Sizes;
use crate::{oracle_entmax, oracle_refine};

pub const BETA: f64 = 1.5;
const LEVEL: f64 = 0.25;
pub const RADIUS: usize = 3;
pub const ALPHA: f64 = 1.3;

/// Weights of a row, divided by their sum; all NaN where there are none.
fn weights(x: &[f64], of: impl Fn(f64) -> f64) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if x.iter().any(|x| x.is_nan()) || max.is_infinite() {
        return vec![f64::NAN; x.len()];
    }
    let weight = |&x: &f64| if x == f64::NEG_INFINITY { 0.0 } else { of(x) };
    let weights: Vec<f64> = x.iter().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

fn softmax_of(beta: f64, x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    weights(x, |x| (beta * (x - max)).exp())
}

pub fn by_softmax(x: &[f64], _: Sizes) -> Vec<f64> {
    softmax_of(BETA, x)
}

/// With the beta that a module starts to learn from, whose logarithm is exact.
pub fn by_learnt_softmax(x: &[f64], _: Sizes) -> Vec<f64> {
    softmax_of(1.0, x)
}

pub fn above(x: &[f64], _: Sizes) -> Vec<f64> {
    weights(x, |x| (BETA * (x - LEVEL)).exp_m1().max(0.0))
}

pub fn given(x: &[f64], _: Sizes) -> Vec<f64> {
    weights(x, |x| x)
}

pub fn within(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let all = by_softmax(x, sizes);
    let first = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let first = x.iter().position(|&x| x == first).unwrap_or(0);
    let near = |entry: usize| {
        let axes = [usize::div_euclid, usize::rem_euclid];
        axes.iter()
            .all(|along| along(entry, sizes[1]).abs_diff(along(first, sizes[1])) <= RADIUS)
    };
    let inside = |(entry, p): (usize, f64)| if near(entry) { p } else { 0.0 };
    let weights: Vec<f64> = all.into_iter().enumerate().map(inside).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

pub fn by_entmax(x: &[f64], _: Sizes) -> Vec<f64> {
    oracle_entmax::entmax(x, ALPHA, BETA)
}

pub fn by_learnt_entmax(x: &[f64], _: Sizes) -> Vec<f64> {
    oracle_entmax::entmax(x, ALPHA, 1.0)
}

pub fn within_by_entmax(x: &[f64], sizes: Sizes) -> Vec<f64> {
    let inside = within(x, sizes);
    if inside.iter().any(|p| p.is_nan()) {
        return inside;
    }
    let masked = x.iter().zip(inside);
    let masked: Vec<f64> = masked
        .map(|(&x, p)| if p == 0.0 { f64::NEG_INFINITY } else { x })
        .collect();
    by_entmax(&masked, sizes)
}

/// All at the first maximum.
pub fn by_first_maximum(x: &[f64], sizes: Sizes) -> Vec<f64> {
    if by_softmax(x, sizes).iter().any(|p| p.is_nan()) {
        return vec![f64::NAN; x.len()];
    }
    let first = (0..x.len()).fold(0, |top, i| if x[i] > x[top] { i } else { top });
    (0..x.len()).map(|i| f64::from(i == first)).collect()
}

/// The refined maximum of a row that has one.
pub fn refined_or_nan(x: &[f64], sizes: Sizes) -> Vec<f64> {
    if by_softmax(x, sizes).iter().any(|p| p.is_nan()) {
        return vec![f64::NAN; 2];
    }
    oracle_refine::refined(x, &sizes)
}

/// How rows become weights in the oracle.
pub type Weights = fn(&[f64], Sizes) -> Vec<f64>;

/// The mean and the variance of a coordinate under weights.
pub fn moments(p: &[f64], coordinate: impl Fn(usize) -> f64) -> [f64; 2] {
    let mean: f64 = p.iter().enumerate().map(|(i, p)| p * coordinate(i)).sum();
    let square = |i| (coordinate(i) - mean).powi(2);
    let variance = p.iter().enumerate().map(|(i, p)| p * square(i)).sum();
    [mean, variance]
}

pub fn within_line() -> Weighting {
    Weighting::softmax(BETA).within(RADIUS)
}

pub fn entmax_line() -> Weighting {
    Weighting::entmax(ALPHA, BETA)
}

pub fn above_line() -> Weighting {
    Weighting::softmax(BETA).above(LEVEL)
}
