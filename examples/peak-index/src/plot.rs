use std::{ops::Range, path::Path};

use anyhow::Result;
use examples_common::plot;
use plotters::{
    coord::Shift,
    prelude::*,
    style::full_palette::{BLUE_700, GREY_600, ORANGE_800},
};

use crate::{data::Window, evaluation::Predictions};

/// Traces shown.
const TRACES: usize = 6;
/// Samples on each side of a peak that is shown closely.
const CLOSE: f32 = 10.0;
/// Errors past this many samples fall into the outermost bars of the histogram.
const HISTOGRAM: i32 = 10;

/// What is drawn of a trained network.
pub struct Plot<'a> {
    pub title: String,
    pub network: &'a Predictions,
    pub raw_argmax: &'a Predictions,
    pub train_curve: &'a [f64],
    pub valid_curve: &'a [f64],
}

impl Plot<'_> {
    /// Test traces with true (circle) and predicted peak (cross), the histogram of the errors and the learning
    /// curve, as an SVG.
    pub fn save(&self, path: &Path) -> Result<()> {
        let root = SVGBackend::new(path, (1200, 860)).into_drawing_area();
        root.fill(&WHITE)?;
        let title = format!("{}: true peak (circle) and predicted (cross)", self.title);
        let root = root.titled(&title, ("sans-serif", 22))?;
        let (traces, charts) = root.split_vertically(470);
        for (index, area) in traces.split_evenly((2, 3)).iter().enumerate().take(TRACES) {
            self.trace(area, index)?;
        }
        let (histogram, curve) = charts.split_horizontally(600);
        self.histogram(&histogram)?;
        plot::curves(
            &curve,
            "mean |error|, samples",
            [("train", self.train_curve), ("valid", self.valid_curve)],
        )?;
        root.present()?;
        Ok(())
    }

    /// A test window, whole and about its peak.
    fn trace<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, index: usize) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        // Spread over the test part.
        let index = index * self.network.windows.len() / TRACES;
        let window = &self.network.windows[index];
        let predicted = self.network.predicted[index];
        let caption = format!("true {:.1}, predicted {predicted:.1}", window.peak);
        let area = area.titled(&caption, ("sans-serif", 15))?;
        let (whole, close) = area.split_horizontally(area.relative_to_width(0.62));
        let last = window.trace.len() as f32 - 1.0;
        let (from, to) = (
            (window.peak - CLOSE).max(0.0),
            (window.peak + CLOSE).min(last),
        );
        view(&whole, window, predicted, 0.0..last)?;
        view(&close, window, predicted, from..to)
    }

    fn histogram<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        let [network, raw] = [self.network, self.raw_argmax].map(shares);
        let top = network.iter().chain(&raw).fold(0f64, |a, &b| a.max(b));
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(
                -f64::from(HISTOGRAM) - 0.7..f64::from(HISTOGRAM) + 0.7,
                0.0..top * 1.1,
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc("predicted - true, samples (the outer bars hold all beyond)")
            .y_desc("share of test windows, %")
            .draw()?;
        for (shares, shift, color, name) in [
            (&raw, -0.38, GREY_600, "argmax of the trace"),
            (&network, 0.0, BLUE_700, "network"),
        ] {
            chart
                .draw_series(shares.iter().enumerate().map(|(bin, &share)| {
                    let left = f64::from(bin as i32 - HISTOGRAM) + shift;
                    Rectangle::new([(left, 0.0), (left + 0.38, share)], color.filled())
                }))?
                .label(name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 5), (x + 14, y + 5)], color.filled())
                });
        }
        plot::legend(&mut chart, SeriesLabelPosition::UpperRight)
    }
}

/// A part of a trace, with the true and the predicted peak on it.
fn view<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    window: &Window,
    predicted: f32,
    samples: Range<f32>,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let shown = samples.start.ceil() as usize..=samples.end as usize;
    let (low, high) = range(&window.trace[shown.clone()]);
    let margin = 0.12 * (high - low).max(f32::MIN_POSITIVE);
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(40)
        .build_cartesian_2d(samples.clone(), low - margin..high + margin)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_labels(4)
        .x_label_formatter(&|sample| format!("{sample:.0}"))
        .y_labels(4)
        .draw()?;
    let trace = shown.map(|sample| (sample as f32, window.trace[sample]));
    chart.draw_series(LineSeries::new(trace, GREY_600))?;

    let level = |at: f32| {
        let (before, part) = (at.max(0.0) as usize, at.max(0.0).fract());
        let last = window.trace.len() - 1;
        let [before, after] = [before, before + 1].map(|at| window.trace[at.min(last)]);
        before + part * (after - before)
    };
    let at = |sample: f32| (sample, level(sample));
    chart.draw_series([Circle::new(at(window.peak), 7, ORANGE_800.stroke_width(2))])?;
    if samples.contains(&predicted) {
        chart.draw_series([Cross::new(at(predicted), 4, BLUE_700.stroke_width(2))])?;
    }
    Ok(())
}

fn range(values: &[f32]) -> (f32, f32) {
    values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| {
            (low.min(v), high.max(v))
        })
}

/// The share of errors that round to each whole number of samples, in percent.
fn shares(predictions: &Predictions) -> Vec<f64> {
    let mut counts = vec![0.0; 2 * HISTOGRAM as usize + 1];
    for error in predictions.signed_errors() {
        let bin = (error.round() as i32).clamp(-HISTOGRAM, HISTOGRAM) + HISTOGRAM;
        counts[bin as usize] += 100.0 / predictions.windows.len() as f64;
    }
    counts
}
