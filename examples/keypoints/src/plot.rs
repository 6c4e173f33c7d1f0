use std::path::Path;

use anyhow::Result;
use plotters::{
    coord::Shift,
    prelude::*,
    style::full_palette::{BLUE_700, GREEN_700, ORANGE_800},
};

use crate::{
    data::{Example, SIZE},
    decode::Corners,
};

/// Images along each axis of the picture.
const COLUMNS: usize = 4;
const ROWS: usize = 2;

/// What is drawn.
pub struct Plot<'a> {
    pub test: &'a [Example],
    pub soft: &'a [Corners],
    pub argmax: &'a [Corners],
    /// A name and the loss of each epoch.
    pub curves: [(&'a str, &'a [f64]); 2],
}

impl Plot<'_> {
    /// Test images with true and found corners, and the learning curves, as an SVG.
    pub fn save(&self, path: &Path) -> Result<()> {
        let root = SVGBackend::new(path, (1120, 860)).into_drawing_area();
        root.fill(&WHITE)?;
        let title = "true corners (green), soft-argmax (blue), heatmap + argmax (orange)";
        let root = root.titled(title, ("sans-serif", 20))?;
        let (images, curves) = root.split_vertically(560);
        for (index, area) in images.split_evenly((ROWS, COLUMNS)).iter().enumerate() {
            if index < self.test.len() {
                self.image(area, index)?;
            }
        }
        let charts = curves.split_evenly((1, 2));
        for ((name, losses), area) in self.curves.iter().zip(&charts) {
            curve(area, name, losses)?;
        }
        root.present()?;
        Ok(())
    }

    fn image<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, index: usize) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        let example = &self.test[index];
        let size = SIZE as f64;
        // A pixel's centre is at its index, and y grows downwards.
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .build_cartesian_2d(-0.5..size - 0.5, size - 0.5..-0.5)?;
        let low = example.pixels.iter().copied().fold(f32::MAX, f32::min);
        let high = example.pixels.iter().copied().fold(f32::MIN, f32::max);
        let pixels = example.pixels.iter().enumerate().map(|(pixel, value)| {
            let (x, y) = ((pixel % SIZE) as f64, (pixel / SIZE) as f64);
            let grey = (255.0 * (value - low) / (high - low)) as u8;
            let color = RGBColor(grey, grey, grey).filled();
            Rectangle::new([(x - 0.5, y - 0.5), (x + 0.5, y + 0.5)], color)
        });
        chart.draw_series(pixels)?;
        let points = |corners: &Corners| corners.map(|[x, y]| (x, y));
        chart.draw_series(
            points(&example.corners).map(|at| Circle::new(at, 6, GREEN_700.stroke_width(2))),
        )?;
        chart.draw_series(
            points(&self.argmax[index]).map(|at| Cross::new(at, 5, ORANGE_800.stroke_width(2))),
        )?;
        chart.draw_series(
            points(&self.soft[index]).map(|at| Circle::new(at, 2, BLUE_700.filled())),
        )?;
        Ok(())
    }
}

fn curve<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    name: &str,
    losses: &[f64],
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let top = losses.iter().copied().fold(f64::MIN_POSITIVE, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("training loss, {name}"), ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(1.0..(losses.len() as f64).max(1.5), 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .light_line_style(TRANSPARENT)
        .draw()?;
    let points = losses.iter().enumerate();
    chart.draw_series(LineSeries::new(
        points.map(|(epoch, &loss)| (epoch as f64 + 1.0, loss)),
        BLUE_700.stroke_width(2),
    ))?;
    Ok(())
}
