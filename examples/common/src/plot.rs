//! Parts of the examples' pictures.

use anyhow::Result;
use plotters::{
    coord::Shift,
    prelude::*,
    style::full_palette::{BLUE_700, GREY_600},
};

/// A learning curve: a name and the mean of each epoch.
pub type Curve<'a> = (&'a str, &'a [f64]);

/// Means of training and of validation by epoch, on a logarithmic axis.
pub fn curves<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    measure: &str,
    curves: [Curve; 2],
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let means = || curves.iter().flat_map(|(_, means)| means.iter().copied());
    let low = means().fold(f64::INFINITY, f64::min) / 1.25;
    let high = means().fold(f64::MIN_POSITIVE, f64::max) * 1.25;
    let epochs = curves[0].1.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0.5..epochs + 0.5, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("epoch")
        .y_desc(measure)
        .y_labels(5)
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .y_label_formatter(&|mean| {
            let digits = if low < 1.0 { 2 } else { 0 };
            format!("{mean:.digits$}")
        })
        .draw()?;
    for ((name, means), color) in curves.into_iter().zip([GREY_600, BLUE_700]) {
        let points = means.iter().enumerate();
        let points = points.map(|(epoch, &mean)| (epoch as f64 + 1.0, mean));
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)
}

/// The legend of a chart.
pub fn legend<'a, DB, CT>(
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
