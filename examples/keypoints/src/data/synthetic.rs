//! Images of an arrowhead whose corners are known to a fraction of a pixel.

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, StandardNormal};

use super::{Data, SIZE, Sample, Skeleton};

/// Corners: the tip, and the ends of the base, clockwise.
const CORNERS: usize = 3;
type Corners = [[f64; 2]; CORNERS];

/// Samples of a pixel along each axis: a corner moves the picture by fractions of a pixel.
const SAMPLES: usize = 4;

/// So many images, always the same.
pub fn arrowheads(count: usize) -> Data {
    let mut rng = StdRng::seed_from_u64(0);
    Data {
        name: format!("{count} rendered arrowheads"),
        skeleton: Skeleton {
            points: ["tip", "right", "left"].map(String::from).to_vec(),
            edges: vec![[0, 1], [1, 2], [2, 0]],
        },
        samples: (0..count).map(|_| sample(&mut rng)).collect(),
    }
}

fn sample(rng: &mut StdRng) -> Sample {
    let corners = arrowhead(rng);
    Sample {
        pixels: image(&corners, rng).into(),
        points: corners.map(Some).to_vec(),
    }
}

/// The arrowhead among blobs, on a slope, in noise.
fn image(corners: &Corners, rng: &mut StdRng) -> Vec<f32> {
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
            let value = brightness * coverage(corners, at) + background + distraction;
            pixels.push((value + noise * grain) as f32);
        }
    }
    pixels
}

/// An isosceles triangle, longer than wide, at a random place, size and rotation.
fn arrowhead(rng: &mut StdRng) -> Corners {
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
fn coverage(corners: &Corners, pixel: [f64; 2]) -> f64 {
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
        let mut rng = StdRng::seed_from_u64(3);
        for _ in 0..20 {
            let corners = arrowhead(&mut rng);
            let [tip, right, left] = corners;
            let middle = [0, 1].map(|a| (tip[a] + left[a] + right[a]) / 3.0);
            assert_eq!(coverage(&corners, middle), 1.0);
            let beyond = [0, 1].map(|a| 2.0 * tip[a] - middle[a]);
            assert_eq!(coverage(&corners, beyond), 0.0);
            let inside = |c: &f64| (1.9..62.0).contains(c);
            assert!(corners.as_flattened().iter().all(inside));
        }
    }
}
