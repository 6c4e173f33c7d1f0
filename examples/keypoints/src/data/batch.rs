use burn::{
    data::dataloader::batcher::Batcher,
    tensor::{Bool, Device, Tensor, TensorData},
};
use burn_argmax::Coordinates;

use super::{SIZE, Sample};

/// Standardised images and their points.
#[derive(Clone, Debug)]
pub struct KeypointBatch {
    /// `[batch, 1, SIZE, SIZE]`, each image of mean 0 and variance 1.
    pub images: Tensor<4>,
    /// `[batch, points, 2]` as `(x, y)`, from -1 to 1 between the borders of the image; NaN where missing.
    pub points: Tensor<3>,
    /// Which points are there, `[batch, points]`.
    pub visible: Tensor<2, Bool>,
}

/// Stacks samples into a batch.
#[derive(Clone)]
pub struct KeypointBatcher;

impl Batcher<Sample, KeypointBatch> for KeypointBatcher {
    fn batch(&self, samples: Vec<Sample>, device: &Device) -> KeypointBatch {
        let images = stacked(samples.iter().map(|sample| &sample.pixels[..]), device);
        let shape = [samples.len(), samples[0].points.len()];
        let points = || samples.iter().flat_map(|sample| &sample.points);
        let visible: Vec<bool> = points().map(Option::is_some).collect();
        let pixels: Vec<f32> = points()
            .flat_map(|point| point.unwrap_or([f64::NAN; 2]))
            .map(|pixel| pixel as f32)
            .collect();
        let pixels = TensorData::new(pixels, [shape[0], shape[1], 2]);
        KeypointBatch {
            images,
            points: Coordinates::CellCenters
                .of_index(Tensor::from_data(pixels, device), &[SIZE, SIZE]),
            visible: Tensor::from_data(TensorData::new(visible, shape), device),
        }
    }
}

/// Images as the network gets them, `[batch, 1, SIZE, SIZE]`.
pub fn stacked<'a>(images: impl Iterator<Item = &'a [f32]>, device: &Device) -> Tensor<4> {
    let pixels: Vec<f32> = images.flat_map(standardised).collect();
    let batch = pixels.len() / (SIZE * SIZE);
    Tensor::from_data(TensorData::new(pixels, [batch, 1, SIZE, SIZE]), device)
}

fn standardised(image: &[f32]) -> impl Iterator<Item = f32> + '_ {
    let n = image.len() as f32;
    let mean = image.iter().sum::<f32>() / n;
    let variance = image.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n;
    let scale = 1.0 / variance.sqrt().max(f32::MIN_POSITIVE);
    image.iter().map(move |v| (v - mean) * scale)
}
