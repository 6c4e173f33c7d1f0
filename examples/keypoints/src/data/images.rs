use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult, Rgba, imageops::FilterType,
};

use super::{Point, SIZE};

/// An image file, as the network gets it.
pub struct Image {
    /// `SIZE * SIZE` grey values, row by row.
    pub pixels: Arc<[f32]>,
    /// Width and height of the file's own.
    pub size: [u32; 2],
}

impl Image {
    /// Decodes a file and resizes it, whatever its shape.
    pub fn read(path: &Path) -> Result<Self> {
        let image =
            decoded(path).with_context(|| format!("cannot read the image {}", path.display()))?;
        let image = opaque(image);
        let side = SIZE as u32;
        let pixels = image
            .resize_exact(side, side, FilterType::Triangle)
            .to_luma32f();
        Ok(Self {
            pixels: pixels.into_raw().into(),
            size: [image.width(), image.height()],
        })
    }

    /// A point in the file's pixels, for one in the network's.
    pub fn of_network(&self, point: Point) -> Point {
        rescaled(point, [SIZE as u32; 2], self.size)
    }

    /// The reverse.
    pub fn to_network(&self, point: Point) -> Point {
        rescaled(point, self.size, [SIZE as u32; 2])
    }
}

/// Turned as a camera says that it should be shown: people annotate what they see.
fn decoded(path: &Path) -> ImageResult<DynamicImage> {
    let mut decoder = ImageReader::open(path)?
        .with_guessed_format()?
        .into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// What is transparent lies on white.
fn opaque(image: DynamicImage) -> DynamicImage {
    if !image.color().has_alpha() {
        return image;
    }
    let mut pixels = image.into_rgba32f();
    for Rgba([red, green, blue, alpha]) in pixels.pixels_mut() {
        for color in [red, green, blue] {
            *color = *color * *alpha + 1.0 - *alpha;
        }
        *alpha = 1.0;
    }
    pixels.into()
}

fn rescaled(point: Point, from: [u32; 2], to: [u32; 2]) -> Point {
    // Borders meet borders; a pixel's centre is half a pixel from its border.
    [0, 1].map(|axis| (point[axis] + 0.5) * f64::from(to[axis]) / f64::from(from[axis]) - 0.5)
}

/// The images of a directory that can be read, by name.
pub fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        directory
            .read_dir()?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut paths =
        read().with_context(|| format!("cannot list the images in {}", directory.display()))?;
    let is_image = |path: &PathBuf| {
        path.is_file() && ImageFormat::from_path(path).is_ok_and(|format| format.reading_enabled())
    };
    paths.retain(is_image);
    paths.sort();
    ensure!(
        !paths.is_empty(),
        "there is no PNG or JPEG image in {}",
        directory.display()
    );
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, RgbaImage};

    use super::*;

    #[test]
    fn a_point_stays_on_what_it_marks() {
        // One bright pixel in an image that is higher than wide.
        let mut picture = GrayImage::new(128, 320);
        let at = [77, 200];
        picture.put_pixel(at[0], at[1], image::Luma([255]));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dot.png");
        picture.save(&path).unwrap();

        let image = Image::read(&path).unwrap();
        assert_eq!(image.size, [128, 320]);
        let point = at.map(f64::from);
        let there = image.to_network(point);
        let weights: f32 = image.pixels.iter().sum();
        let mean = |axis: usize| {
            let weighted = image.pixels.iter().enumerate().map(|(index, value)| {
                let index = [index % SIZE, index / SIZE][axis];
                index as f32 * value
            });
            f64::from(weighted.sum::<f32>() / weights)
        };
        // The filter has weights of few pixels only: a tenth of one is the most that it is off.
        for (axis, coordinate) in there.into_iter().enumerate() {
            assert!(
                (mean(axis) - coordinate).abs() < 0.1,
                "{there:?}, found at {}",
                mean(axis)
            );
        }
        let back = image.of_network(there);
        assert!((0..2).all(|axis| (back[axis] - point[axis]).abs() < 1e-9));
    }

    #[test]
    fn what_is_transparent_is_white() {
        let mut picture = RgbaImage::new(SIZE as u32, SIZE as u32);
        picture.put_pixel(5, 9, Rgba([0, 0, 0, 255]));
        picture.put_pixel(6, 9, Rgba([0, 0, 0, 51]));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("drawn.png");
        picture.save(&path).unwrap();
        let pixels = Image::read(&path).unwrap().pixels;
        let row = &pixels[9 * SIZE..][4..8];
        for (got, want) in row.iter().zip([1.0, 0.0, 0.8, 1.0]) {
            assert!((got - want).abs() < 1e-5, "{row:?}");
        }
    }

    #[test]
    fn images_are_listed_by_name() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("more.png")).unwrap();
        for name in ["b.PNG", "a.jpeg", "c.tiff", "notes.txt"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let names: Vec<_> = list(directory.path())
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a.jpeg", "b.PNG"]);
    }
}
