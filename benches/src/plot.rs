//! The log-log plot of `scaling`.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::{coord::Shift, prelude::*};

use crate::curve::Curve;

/// Colours told apart by most readers (Okabe and Ito), one a series.
const COLOURS: [(&str, RGBColor); 6] = [
    ("forward", RGBColor(0, 114, 178)),
    ("forward+backward", RGBColor(213, 94, 0)),
    ("backward", RGBColor(0, 158, 115)),
    ("backward, x dropped", RGBColor(230, 159, 0)),
    ("read", RGBColor(120, 120, 120)),
    ("copy", RGBColor(180, 180, 180)),
];
/// Pixels of one panel.
const PANEL: (u32, u32) = (640, 480);

/// Draws one panel for each backend, operator and growing size.
pub fn draw(path: &Path, curves: &[Curve]) -> Result<()> {
    let mut panels: Vec<(&str, &str, &str)> = Vec::new();
    for curve in curves {
        if !panels.contains(&panel(curve)) {
            panels.push(panel(curve));
        }
    }
    let rows = panels.len().div_ceil(2).max(1);
    let size = (2 * PANEL.0, rows as u32 * PANEL.1);
    let root = SVGBackend::new(path, size).into_drawing_area();
    let failed = |error: String| anyhow!("cannot draw {}: {error}", path.display());
    root.fill(&WHITE).map_err(|e| failed(e.to_string()))?;
    for (area, &key) in root.split_evenly((rows, 2)).iter().zip(&panels) {
        let curves: Vec<_> = curves.iter().filter(|curve| panel(curve) == key).collect();
        draw_panel(area, key, &curves).map_err(|e| failed(e.to_string()))?;
    }
    root.present().map_err(|e| failed(e.to_string()))
}

fn panel<'a>(curve: &Curve<'a>) -> (&'a str, &'a str, &'a str) {
    let point = curve.points[0];
    (&point.backend, &point.op, &point.axis)
}

fn draw_panel(
    area: &DrawingArea<SVGBackend, Shift>,
    (backend, op, axis): (&str, &str, &str),
    curves: &[&Curve],
) -> Result<(), Box<dyn std::error::Error>> {
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    let sizes = points().map(|point| point.size() as f64);
    let (low, high) = sizes.fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(x), h.max(x)));
    let times = points().map(|point| point.ms);
    let (fast, slow) = times.fold((f64::MAX, f64::MIN), |(l, h), x| (l.min(x), h.max(x)));
    let point = curves[0].points[0];
    let (fixed, grows) = match axis {
        "rows" => (format!("n = {}", point.n), "rows"),
        _ => (format!("rows = {}", point.rows), "n"),
    };

    let mut chart = ChartBuilder::on(area)
        .caption(format!("{op} on {backend}, {fixed}"), ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        // Room above the curves for the legend.
        .build_cartesian_2d(
            (low..high).log_scale(),
            (fast / 2.0..slow * 30.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc(grows)
        .y_desc("median time (ms)")
        .x_label_formatter(&power_of_ten)
        .y_label_formatter(&power_of_ten)
        .label_style(("sans-serif", 14))
        .light_line_style(WHITE)
        .draw()?;
    for curve in curves {
        let name = curve.points[0].series.as_str();
        let colour = COLOURS
            .iter()
            .find(|(series, _)| *series == name)
            .map_or(BLACK, |(_, c)| *c);
        let line = curve
            .points
            .iter()
            .map(|point| (point.size() as f64, point.ms));
        chart
            .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(3))?
            .label(format!("{name}: slope {}", curve.slope_text()))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 14))
        .background_style(WHITE.mix(0.9))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    Ok(())
}

fn power_of_ten(value: &f64) -> String {
    if (1e-3..1e4).contains(value) {
        format!("{value}")
    } else {
        format!("{value:.0e}")
    }
}
