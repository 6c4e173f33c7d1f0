//! How the time grows with the number of rows and with their length.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    cases::{Op, Pass, Variant, logits},
    cli::{Cli, ScalingArgs},
    compare::time_pass,
    limits::{Limit, Limits},
    measure::{Samples, Stopwatch},
    plot,
    table::{align_numbers, milliseconds, new_table, write_csv},
};

/// The size that stays while the other grows.
const FIXED: usize = 256;
/// Powers of ten that the growing size spans; the smoke run's below.
const DECADES: (u32, u32) = (2, 6);
const QUICK_DECADES: (u32, u32) = (1, 3);
/// Points in a decade.
const PER_DECADE: u32 = 4;
/// Assumed where the operating system reports no cache.
const DEFAULT_CACHE_MIB: f64 = 32.0;

/// The median times at one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Backend.
    pub backend: String,
    /// Operator.
    pub op: String,
    /// What grows: `rows` or `n`.
    pub axis: String,
    /// `forward`, `forward+backward` or `backward`; or a sweep of the machine's limit, `read` or
    /// `copy`.
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

/// Measures or reads the points, prints the slopes, writes the records and draws the plot.
pub fn run(cli: &Cli, args: &ScalingArgs) -> Result<()> {
    let points = match &args.from {
        Some(path) => read(path)?,
        None => measure(cli)?,
    };
    if let Some(path) = &cli.csv {
        write_csv(path, &points)?;
    }
    let cache_mib = args
        .cache_mib
        .or_else(cache_mib)
        .unwrap_or(DEFAULT_CACHE_MIB);
    let curves = curves(&points, 2.0 * cache_mib * f64::from(1 << 20));

    println!(
        "\nTime grows as size^slope, fitted to inputs of {} MiB and larger\n",
        2.0 * cache_mib
    );
    let mut table = new_table(&[
        "backend",
        "op",
        "grows",
        "series",
        "sizes",
        "ms",
        "fitted points",
        "slope",
    ]);
    for curve in &curves {
        let [first, .., last] = curve.points[..] else {
            continue;
        };
        table.add_row([
            first.backend.clone(),
            first.op.clone(),
            first.axis.clone(),
            first.series.clone(),
            format!("{}..{}", first.size(), last.size()),
            format!("{}..{}", milliseconds(first.ms), milliseconds(last.ms)),
            curve.fitted.to_string(),
            curve.slope_text(),
        ]);
    }
    align_numbers(&mut table, 4..8);
    println!("{table}\n");
    if let Some(path) = &args.svg {
        plot::draw(path, &curves)?;
    }
    Ok(())
}

fn measure(cli: &Cli) -> Result<Vec<Point>> {
    let mut points = Vec::new();
    let (low, high) = if cli.quick { QUICK_DECADES } else { DECADES };
    let exponents =
        (low * PER_DECADE..=high * PER_DECADE).map(|e| f64::from(e) / f64::from(PER_DECADE));
    let sizes: Vec<_> = exponents.map(|e| 10f64.powf(e).round() as usize).collect();
    for backend in cli.backends()? {
        let device = backend.device()?;
        let watch = Stopwatch::new(backend, &device);
        for op in cli.ops(&[Op::SoftArgmax]) {
            for axis in ["rows", "n"] {
                for &size in &sizes {
                    let shape = if axis == "rows" {
                        [size, FIXED]
                    } else {
                        [FIXED, size]
                    };
                    eprintln!("{} {} {shape:?}", backend.name(), op.name());
                    let len = shape[0] * shape[1];
                    let x: Tensor<2> = logits(shape, &device);
                    let mut limits = if backend.is_host() {
                        Limits::host(len)
                    } else {
                        Limits::Device(Box::new(Tensor::zeros([len], &device)))
                    };
                    let mut time = |series: Series| match series {
                        Series::Pass(pass) => time_pass(&watch, (op, Variant::Ours, pass), &x, 1),
                        Series::Limit(limit) => limits.time(limit, &watch),
                    };
                    let series: Vec<_> = series(op).collect();
                    let mut samples = vec![Samples::default(); series.len()];
                    for round in 0..=cli.samples() {
                        for (&series, samples) in series.iter().zip(&mut samples) {
                            let seconds = time(series)?;
                            // The first round warms up.
                            if round > 0 {
                                samples.push(seconds);
                            }
                        }
                    }
                    points.extend(
                        series
                            .into_iter()
                            .zip(samples)
                            .map(|(series, samples)| Point {
                                backend: backend.name().into(),
                                op: op.name().into(),
                                axis: axis.into(),
                                series: series.name().into(),
                                rows: shape[0],
                                n: shape[1],
                                ms: samples.median_ms(),
                                p10_ms: samples.quantile_ms(0.1),
                                p90_ms: samples.quantile_ms(0.9),
                                samples: samples.len(),
                            }),
                    );
                }
            }
        }
    }
    Ok(points)
}

#[derive(Clone, Copy)]
enum Series {
    Pass(Pass),
    Limit(Limit),
}

impl Series {
    fn name(self) -> &'static str {
        match self {
            Self::Pass(pass) => pass.name(),
            Self::Limit(limit) => limit.name(),
        }
    }
}

fn series(op: Op) -> impl Iterator<Item = Series> {
    let passes = op.passes().iter().copied().map(Series::Pass);
    passes.chain([Limit::Read, Limit::Copy].map(Series::Limit))
}

fn read(path: &Path) -> Result<Vec<Point>> {
    let context = || format!("cannot read {}", path.display());
    let mut reader = csv::Reader::from_path(path).with_context(context)?;
    reader
        .deserialize()
        .map(|point| point.with_context(context))
        .collect()
}

/// Sorts the points into curves, in order of first appearance.
fn curves(points: &[Point], past_cache: f64) -> Vec<Curve<'_>> {
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

/// The last-level cache as Linux reports it, e.g. `32768K`.
fn cache_mib() -> Option<f64> {
    let text = fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size").ok()?;
    let kibibytes: f64 = text.trim().strip_suffix('K')?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
