use std::path::Path;

use anyhow::Result;
use examples_common::plot;
use plotters::{coord::Shift, prelude::*};

use crate::{
    data::{DOTS, Digit, SIZE},
    evaluation::{Evaluation, hexadecimal},
};

/// Digits in the picture: the first of each label.
const DIGITS: usize = 10;

/// What is drawn.
pub struct Plot<'a> {
    pub title: String,
    pub digits: &'a [Digit],
    pub evaluation: &'a Evaluation,
    pub train_curve: &'a [f64],
    pub valid_curve: &'a [f64],
}

impl Plot<'_> {
    /// Test digits above their codes and reconstructions, and the learning curves, as an SVG.
    pub fn save(&self, path: &Path) -> Result<()> {
        let root = SVGBackend::new(path, (1120, 640)).into_drawing_area();
        root.fill(&WHITE)?;
        let root = root.titled(&self.title, ("sans-serif", 20))?;
        let (pictures, curves) = root.split_vertically(260);
        let (digits, reconstructions) = pictures.split_vertically(120);
        let digits = digits.split_evenly((1, DIGITS));
        let reconstructions = reconstructions.split_evenly((1, DIGITS));
        let first = |label| {
            self.digits
                .iter()
                .position(|digit| usize::from(digit.label) == label)
        };
        for label in 0..DIGITS {
            let Some(index) = first(label) else { continue };
            let digit = self.digits[index].pixels.map(f64::from);
            picture(&digits[label], "", &digit)?;
            let code = hexadecimal(&self.evaluation.codes[index]);
            picture(
                &reconstructions[label],
                &code,
                &self.evaluation.reconstructions[index],
            )?;
        }
        plot::curves(
            &curves,
            "negative bound, nats",
            [
                ("training", self.train_curve),
                ("validation", self.valid_curve),
            ],
        )?;
        root.present()?;
        Ok(())
    }
}

/// Dots as an image, dark where there are many, with a caption.
fn picture<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    caption: &str,
    dots: &[f64],
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let size = SIZE as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("monospace", 16))
        .margin(6)
        .build_cartesian_2d(0.0..size, size..0.0)?;
    let pixels = dots.iter().enumerate().map(|(pixel, dots)| {
        let (x, y) = ((pixel % SIZE) as f64, (pixel / SIZE) as f64);
        let grey = (255.0 * (1.0 - dots / f64::from(DOTS))) as u8;
        Rectangle::new(
            [(x, y), (x + 1.0, y + 1.0)],
            RGBColor(grey, grey, grey).filled(),
        )
    });
    chart.draw_series(pixels)?;
    Ok(())
}
