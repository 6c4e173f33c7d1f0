//! How the time grows with the number of rows and with their length.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use burn::tensor::Tensor;

use crate::{
    cases::{bins, scores},
    cli::{Cli, ScalingArgs},
    compare::time_pass,
    curve::{Point, curves},
    limits::{Limit, Limits},
    measure::{Samples, Stopwatch},
    op::{Op, Pass, Variant},
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
                    let x: Tensor<2> = scores(op, shape, &device);
                    let bins = bins(op, shape, 1, &device);
                    let mut limits = if backend.is_host() {
                        Limits::host(len)
                    } else {
                        Limits::Device(Box::new(Tensor::zeros([len], &device)))
                    };
                    let mut time = |series: Series| match series {
                        Series::Pass(pass) => {
                            time_pass(&watch, (op, Variant::Ours, pass), [&x, &bins], 1)
                        }
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

/// The last-level cache as Linux reports it, e.g. `32768K`.
fn cache_mib() -> Option<f64> {
    let text = fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index3/size").ok()?;
    let kibibytes: f64 = text.trim().strip_suffix('K')?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
