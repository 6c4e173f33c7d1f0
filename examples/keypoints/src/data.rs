//! Images of an arrowhead whose corners are known to a fraction of a pixel.

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

/// Pixels of an image along each axis.
pub const SIZE: usize = 64;

/// Corners: the tip, and the ends of the base, clockwise.
pub const CORNERS: usize = 3;

/// Samples of a pixel along each axis: a corner moves the picture by fractions of a pixel.
const SAMPLES: usize = 4;

/// An image and its landmarks.
pub struct Example {
    /// `SIZE * SIZE` values about 0, row by row.
    pub pixels: Vec<f32>,
    /// `(x, y)` in pixels; a pixel's centre is at its index.
    pub corners: [[f64; 2]; CORNERS],
}

/// So many images; other seeds give others.
pub fn examples(count: usize, seed: u64) -> Vec<Example> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| example(&mut rng)).collect()
}

/// Images `[count, 1, SIZE, SIZE]`.
pub fn images(examples: &[&Example], device: &Device) -> Tensor<4> {
    let pixels: Vec<f32> = examples
        .iter()
        .flat_map(|example| example.pixels.iter().copied())
        .collect();
    Tensor::from_data(
        TensorData::new(pixels, [examples.len(), 1, SIZE, SIZE]),
        device,
    )
}

/// Corners `[count, CORNERS, 2]` as `(x, y)`, from -1 to 1 between the borders of the image.
pub fn corners(examples: &[&Example], device: &Device) -> Tensor<3> {
    let corners: Vec<f32> = examples
        .iter()
        .flat_map(|example| example.corners.as_flattened())
        .map(|pixel| ((2.0 * pixel + 1.0) / SIZE as f64 - 1.0) as f32)
        .collect();
    Tensor::from_data(
        TensorData::new(corners, [examples.len(), CORNERS, 2]),
        device,
    )
}

fn example(rng: &mut StdRng) -> Example {
    let corners = arrowhead(rng);
    let brightness = rng.random_range(0.5..1.0);
    let slope: [f64; 2] = [0; 2].map(|_| rng.random_range(-0.3..0.3));
    let blobs: Vec<Blob> = (0..rng.random_range(2..5))
        .map(|_| Blob::new(rng))
        .collect();
    let noise: f64 = rng.random_range(0.02..0.12);

    let mut pixels = Vec::with_capacity(SIZE * SIZE);
    for y in 0..SIZE {
        for x in 0..SIZE {
            let at = [x as f64, y as f64];
            let grain: f64 = StandardNormal.sample(rng);
            let background = (0..2)
                .map(|a| slope[a] * (at[a] / SIZE as f64 - 0.5))
                .sum::<f64>();
            let distraction: f64 = blobs.iter().map(|blob| blob.at(at)).sum();
            let value = brightness * coverage(&corners, at) + background + distraction;
            pixels.push((value + noise * grain) as f32);
        }
    }
    Example { pixels, corners }
}

/// An isosceles triangle, longer than wide, at a random place, size and rotation.
fn arrowhead(rng: &mut StdRng) -> [[f64; 2]; CORNERS] {
    let length = rng.random_range(20.0..34.0);
    let half_base = length * rng.random_range(0.25..0.35);
    let angle = rng.random_range(0.0..std::f64::consts::TAU);
    let (sin, cos) = angle.sin_cos();
    let (tip, base) = (0.55 * length, -0.45 * length);
    // Clockwise where y grows downwards, as `coverage` wants it.
    let shape = [[tip, 0.0], [base, half_base], [base, -half_base]];
    let rotated = shape.map(|[x, y]| [cos * x - sin * y, sin * x + cos * y]);

    // Anywhere that leaves all corners two pixels inside.
    let centre: [f64; 2] = [0, 1].map(|axis| {
        let low = rotated
            .iter()
            .map(|corner| corner[axis])
            .fold(f64::MAX, f64::min);
        let high = rotated
            .iter()
            .map(|corner| corner[axis])
            .fold(f64::MIN, f64::max);
        rng.random_range(2.0 - low..SIZE as f64 - 3.0 - high)
    });
    rotated.map(|[x, y]| [centre[0] + x, centre[1] + y])
}

/// The part of a pixel that the triangle covers.
fn coverage(corners: &[[f64; 2]; CORNERS], pixel: [f64; 2]) -> f64 {
    let inside = (0..SAMPLES * SAMPLES).filter(|sample| {
        let within = |index: usize| (index as f64 + 0.5) / SAMPLES as f64 - 0.5;
        let at = [
            pixel[0] + within(sample % SAMPLES),
            pixel[1] + within(sample / SAMPLES),
        ];
        (0..CORNERS).all(|corner| {
            let (a, b) = (corners[corner], corners[(corner + 1) % CORNERS]);
            (b[0] - a[0]) * (at[1] - a[1]) - (b[1] - a[1]) * (at[0] - a[0]) >= 0.0
        })
    });
    inside.count() as f64 / (SAMPLES * SAMPLES) as f64
}

/// A round distractor.
struct Blob {
    centre: [f64; 2],
    width: f64,
    height: f64,
}

impl Blob {
    fn new(rng: &mut StdRng) -> Self {
        Self {
            centre: [0; 2].map(|_| rng.random_range(0.0..SIZE as f64)),
            width: rng.random_range(1.5..5.0),
            height: rng.random_range(-0.5..0.5),
        }
    }

    fn at(&self, [x, y]: [f64; 2]) -> f64 {
        let squared = (x - self.centre[0]).powi(2) + (y - self.centre[1]).powi(2);
        self.height * (-squared / (2.0 * self.width * self.width)).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triangle_is_where_its_corners_say() {
        for example in examples(20, 3) {
            let [tip, left, right] = example.corners;
            let middle = [0, 1].map(|a| (tip[a] + left[a] + right[a]) / 3.0);
            assert_eq!(coverage(&example.corners, middle), 1.0);
            let beyond = [0, 1].map(|a| 2.0 * tip[a] - middle[a]);
            assert_eq!(coverage(&example.corners, beyond), 0.0);
            assert!(
                example
                    .corners
                    .as_flattened()
                    .iter()
                    .all(|c| (1.9..62.0).contains(c))
            );
        }
    }

    #[test]
    fn a_seed_gives_its_images() {
        let pixels = |seed| examples(2, seed)[1].pixels.clone();
        assert_eq!(pixels(1), pixels(1));
        assert_ne!(pixels(1), pixels(2));
    }
}
