//! Times as a function of size, and how fast they grow.

use serde::{Deserialize, Serialize};

/// The median times at one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Backend.
    pub backend: String,
    /// Operator.
    pub op: String,
    /// What grows: `rows` or `n`.
    pub axis: String,
    /// A pass, e.g. `forward+backward`; or a sweep of the limit, `read` or `copy`.
    pub series: String,
    /// Number of rows.
    pub rows: usize,
    /// Their length.
    pub n: usize,
    /// Median time in milliseconds.
    pub ms: f64,
    /// 10th percentile.
    pub p10_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// Samples.
    pub samples: usize,
}

impl Point {
    /// The size that grows.
    pub fn size(&self) -> usize {
        if self.axis == "rows" {
            self.rows
        } else {
            self.n
        }
    }

    /// Bytes of the input.
    pub fn bytes(&self) -> f64 {
        4.0 * self.rows as f64 * self.n as f64
    }

    fn curve(&self) -> (&str, &str, &str, &str) {
        (&self.backend, &self.op, &self.axis, &self.series)
    }
}

/// The points of one line of the plot, and their slope past the cache.
pub struct Curve<'a> {
    /// In order of size.
    pub points: Vec<&'a Point>,
    /// Exponent of the power law fitted past the cache; `None` with fewer than 2 points there.
    pub slope: Option<f64>,
    /// Points past the cache.
    pub fitted: usize,
}

/// Sorts the points into curves, in order of first appearance.
pub fn curves(points: &[Point], past_cache: f64) -> Vec<Curve<'_>> {
    let mut curves: Vec<Vec<&Point>> = Vec::new();
    for point in points {
        match curves
            .iter_mut()
            .find(|curve| curve[0].curve() == point.curve())
        {
            Some(curve) => curve.push(point),
            None => curves.push(vec![point]),
        }
    }
    curves
        .into_iter()
        .map(|mut points| {
            points.sort_by_key(|point| point.size());
            let past: Vec<_> = points
                .iter()
                .filter(|point| point.bytes() >= past_cache)
                .collect();
            let logs = past
                .iter()
                .map(|point| ((point.size() as f64).ln(), point.ms.ln()));
            Curve {
                slope: slope(&logs.collect::<Vec<_>>()),
                fitted: past.len(),
                points,
            }
        })
        .collect()
}

impl Curve<'_> {
    /// The slope in words.
    pub fn slope_text(&self) -> String {
        self.slope
            .map_or("none past cache".into(), |slope| format!("{slope:.3}"))
    }
}

/// Slope of the least-squares line.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 2 {
        return None;
    }
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    Some(covariance / variance)
}
