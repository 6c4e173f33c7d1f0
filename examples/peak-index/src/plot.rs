use std::path::Path;

use anyhow::Result;
use plotters::{
    coord::Shift,
    prelude::*,
    style::full_palette::{BLUE_700, GREY_600, ORANGE_800},
};

use crate::evaluation::Predictions;

/// Traces shown.
const TRACES: usize = 6;
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
    /// Test traces with true and predicted peak, the histogram of the errors and the learning
    /// curve, as an SVG.
    pub fn save(&self, path: &Path) -> Result<()> {
        let root = SVGBackend::new(path, (1200, 860)).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.titled(&self.title, ("sans-serif", 22))?;
        let (traces, charts) = root.split_vertically(470);
        for (index, area) in traces.split_evenly((2, 3)).iter().enumerate().take(TRACES) {
            self.trace(area, index)?;
        }
        let (histogram, curve) = charts.split_horizontally(600);
        self.histogram(&histogram)?;
        self.curve(&curve)?;
        root.present()?;
        Ok(())
    }

    fn trace<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, index: usize) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        // Spread over the test part.
        let index = index * self.network.windows.len() / TRACES;
        let window = &self.network.windows[index];
        let (low, high) = range(&window.trace);
        let margin = 0.12 * (high - low);
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(44)
            .build_cartesian_2d(
                0f32..window.trace.len() as f32 - 1.0,
                low - margin..high + margin,
            )?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(5)
            .y_labels(4)
            .draw()?;
        chart.draw_series(LineSeries::new(
            window.trace.iter().enumerate().map(|(i, &v)| (i as f32, v)),
            GREY_600,
        ))?;
        let predicted = self.network.predicted[index];
        let mark = |x: f32, style: ShapeStyle| {
            PathElement::new(vec![(x, low - margin), (x, high + margin)], style)
        };
        chart
            .draw_series([mark(window.peak, ORANGE_800.stroke_width(4))])?
            .label(format!("true {:.1}", window.peak))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], ORANGE_800.stroke_width(4)));
        chart
            .draw_series([mark(predicted, BLUE_700.stroke_width(1))])?
            .label(format!("predicted {predicted:.1}"))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 14, y)], BLUE_700));
        let position = if window.peak > window.trace.len() as f32 / 2.0 {
            SeriesLabelPosition::UpperLeft
        } else {
            SeriesLabelPosition::UpperRight
        };
        legend(&mut chart, position)
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
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    }

    fn curve<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        let all = || self.train_curve.iter().chain(self.valid_curve).copied();
        let low = all().fold(f64::INFINITY, f64::min) * 0.8;
        let high = all().fold(0.0, f64::max) * 1.25;
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(56)
            .build_cartesian_2d(
                0.5..self.train_curve.len() as f64 + 0.5,
                (low..high).log_scale(),
            )?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .y_desc("mean |error|, samples")
            .x_label_formatter(&|epoch| format!("{epoch:.0}"))
            .y_label_formatter(&|error| format!("{error:.2}"))
            .draw()?;
        for (curve, color, name) in [
            (self.train_curve, GREY_600, "train"),
            (self.valid_curve, BLUE_700, "valid"),
        ] {
            let points = curve
                .iter()
                .enumerate()
                .map(|(epoch, &error)| (epoch as f64 + 1.0, error));
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?
                .label(name)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2))
                });
        }
        legend(&mut chart, SeriesLabelPosition::UpperRight)
    }
}

fn legend<'a, DB, CT>(
    chart: &mut ChartContext<'a, DB, CT>,
    position: SeriesLabelPosition,
) -> Result<()>
where
    DB: DrawingBackend + 'a,
    DB::ErrorType: 'static,
    CT: plotters::coord::CoordTranslate,
{
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.mix(0.85))
        .draw()?;
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
