use std::{fmt::Write as _, fs::File, io::Write as _, path::Path};

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use examples_common::plot;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use plotters::{
    coord::Shift,
    prelude::*,
    style::full_palette::{BLUE_200, BLUE_700, ORANGE_800},
};

use crate::{
    data::{Point, SIZE, Skeleton},
    finding::Found,
};

/// Images in a row, and rows.
const COLUMNS: usize = 4;
const ROWS: usize = 2;
/// Images in a picture.
pub const IMAGES: usize = COLUMNS * ROWS;
/// The side of an image, with its margin.
const SIDE: u32 = 280;
const HEADING: u32 = 36;
const CURVES: u32 = 260;
/// A point that is less certain is pale, and no edge leads to it.
const CONFIDENCE: f64 = 0.5;

/// An image and what was found in it.
pub struct Shown<'a> {
    pub pixels: &'a [f32],
    /// Where its points are, if that is known.
    pub truth: &'a [Option<Point>],
    pub found: &'a [Found],
}

/// What is drawn.
pub struct Plot<'a> {
    pub title: String,
    pub skeleton: &'a Skeleton,
    pub images: Vec<Shown<'a>>,
    /// The mean error of each epoch of training and of validation.
    pub curves: Option<[&'a [f64]; 2]>,
}

impl Plot<'_> {
    /// Images with their points and what was found, and the learning curves, as a new SVG.
    pub fn save(&self, path: &Path) -> Result<()> {
        let svg = self.svg()?;
        File::create_new(path)
            .and_then(|mut file| file.write_all(svg.as_bytes()))
            .with_context(|| format!("cannot write the picture {}", path.display()))
    }

    fn svg(&self) -> Result<String> {
        let rows = self.images.len().div_ceil(COLUMNS) as u32;
        let images = HEADING + rows * SIDE;
        let curves = if self.curves.is_some() { CURVES } else { 0 };
        let mut svg = String::new();
        let mut behind = r#"<rect width="100%" height="100%" fill="white"/>"#.to_owned();
        {
            let size = (COLUMNS as u32 * SIDE, images + curves);
            let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            let area = root.titled(&self.title, ("sans-serif", 20))?;
            let (grid, below) = area.split_vertically(rows * SIDE);
            let cells = grid.split_evenly((rows as usize, COLUMNS));
            for (shown, cell) in self.images.iter().zip(&cells) {
                behind += &shown.draw(cell, self.skeleton)?;
            }
            if let Some([train, valid]) = self.curves {
                let curves = [("training", train), ("validation", valid)];
                plot::curves(&below, "mean error, pixels", curves)?;
            }
            root.present()?;
        }
        // plotters' own bitmaps have a media type that does not exist, and a rectangle for each pixel is megabytes.
        let start = svg.find("<svg").context("plotters draws an SVG")?;
        let content = start + svg[start..].find('>').context("it has a root")? + 1;
        svg.insert_str(content, &behind);
        Ok(svg)
    }
}

impl Shown<'_> {
    /// Draws the points, and gives the image, which belongs behind them.
    fn draw<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        skeleton: &Skeleton,
    ) -> Result<String>
    where
        DB::ErrorType: 'static,
    {
        let size = SIZE as f64;
        // A pixel's centre is at its index, and y grows downwards.
        let mut chart = ChartBuilder::on(area)
            .margin(6)
            .build_cartesian_2d(-0.5..size - 0.5, size - 0.5..-0.5)?;
        let sure = |point: usize| {
            let found = self.found[point];
            let [x, y] = found.at;
            (found.confidence >= CONFIDENCE).then_some((x, y))
        };
        let edges = skeleton.edges.iter();
        let edges = edges.filter_map(|&[from, to]| Some([sure(from)?, sure(to)?]));
        chart.draw_series(edges.map(|edge| PathElement::new(edge, BLUE_700.stroke_width(1))))?;
        let truth = self.truth.iter().flatten();
        let truth = truth.map(|&[x, y]| Circle::new((x, y), 7, ORANGE_800.stroke_width(2)));
        chart.draw_series(truth)?;
        let crosses = self.found.iter().map(|found| {
            let [x, y] = found.at;
            let is_sure = found.confidence >= CONFIDENCE;
            let color = if is_sure { BLUE_700 } else { BLUE_200 };
            Cross::new((x, y), 4, color.stroke_width(2))
        });
        chart.draw_series(crosses)?;

        let (x, y) = chart.plotting_area().get_pixel_range();
        let mut image = String::new();
        write!(
            image,
            r#"<image x="{}" y="{}" width="{}" height="{}" style="image-rendering:pixelated" href="data:image/png;base64,{}"/>"#,
            x.start,
            y.start,
            x.end - x.start,
            y.end - y.start,
            BASE64_STANDARD.encode(png(self.pixels)?)
        )?;
        Ok(image)
    }
}

/// An image from its darkest to its brightest pixel.
fn png(pixels: &[f32]) -> Result<Vec<u8>> {
    let low = pixels.iter().copied().fold(f32::MAX, f32::min);
    let high = pixels.iter().copied().fold(f32::MIN, f32::max);
    let scale = 255.0 / (high - low).max(f32::MIN_POSITIVE);
    let grey: Vec<u8> = pixels.iter().map(|v| ((v - low) * scale) as u8).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(
        &grey,
        SIZE as u32,
        SIZE as u32,
        ExtendedColorType::L8,
    )?;
    Ok(png)
}
