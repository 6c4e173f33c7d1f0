//! Images and the points in them.

mod batch;
mod coco;
mod images;
mod parts;
mod synthetic;

use std::sync::Arc;

use burn::config::Config;

pub use batch::{KeypointBatch, KeypointBatcher, stacked};
pub use images::{Image, list};
pub use parts::Parts;
pub use synthetic::arrowheads;

/// Pixels of an image along each axis, as the network gets it.
pub const SIZE: usize = 64;

/// A position `[x, y]` in pixels; a pixel's centre is at its index.
pub type Point = [f64; 2];

/// An image and its points.
#[derive(Clone, Debug)]
pub struct Sample {
    /// `SIZE * SIZE` values, row by row.
    pub pixels: Arc<[f32]>,
    /// In these pixels; none where a point is missing.
    pub points: Vec<Option<Point>>,
}

/// What the points are.
#[derive(Config, Debug)]
pub struct Skeleton {
    /// Their names.
    pub points: Vec<String>,
    /// Pairs of them that a picture joins.
    pub edges: Vec<[usize; 2]>,
}

/// What there is to learn from.
pub struct Data {
    /// What it is, and how much of it.
    pub name: String,
    /// Its points.
    pub skeleton: Skeleton,
    /// Its images. Each has a point at least.
    pub samples: Vec<Sample>,
}
