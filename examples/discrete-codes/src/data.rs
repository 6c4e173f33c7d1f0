//! Handwritten digits. See `data/README.md` for their source.

use std::sync::Arc;

use anyhow::{Context, Result};
use burn::{
    data::{
        dataloader::batcher::Batcher,
        dataset::{Dataset, DatasetError},
    },
    tensor::{Device, Tensor, TensorData},
};
use flate2::read::GzDecoder;

/// Pixels of a digit along each axis.
pub const SIZE: usize = 8;
pub const PIXELS: usize = SIZE * SIZE;
/// The largest value of a pixel: of so many dots, how many are inked.
pub const DOTS: u8 = 16;

/// How many are trained on, and how many are not tested on, in the order of the file.
const TRAIN: usize = 1200;
const VALID: usize = 1400;

#[derive(Clone, Debug)]
pub struct Digit {
    pub pixels: [u8; PIXELS],
    pub label: u8,
}

/// The digits, by what they are for.
pub struct Digits {
    pub train: Arc<[Digit]>,
    pub valid: Arc<[Digit]>,
    pub test: Arc<[Digit]>,
}

impl Digits {
    /// Those that come with the example.
    pub fn load() -> Result<Self> {
        let file = GzDecoder::new(&include_bytes!("../data/digits.csv.gz")[..]);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(file);
        let digits: Vec<Digit> = reader
            .deserialize::<Vec<u8>>()
            .map(|row| {
                let row = row?;
                let (label, pixels) = row.split_last().context("a row is empty")?;
                let pixels = pixels.try_into().context("a row has not 64 pixels")?;
                Ok(Digit {
                    pixels,
                    label: *label,
                })
            })
            .collect::<Result<_>>()
            .context("cannot read the digits")?;
        Ok(Self {
            train: digits[..TRAIN].into(),
            valid: digits[TRAIN..VALID].into(),
            test: digits[VALID..].into(),
        })
    }
}

/// A part of the digits, as the learner takes it.
pub struct Part(pub Arc<[Digit]>);

impl Dataset<Digit> for Part {
    fn get(&self, index: usize) -> Result<Digit, DatasetError> {
        Ok(self.0[index].clone())
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Dots `[batch, PIXELS]`, from 0 to [`DOTS`].
#[derive(Clone, Debug)]
pub struct Dots(pub Tensor<2>);

#[derive(Clone)]
pub struct DigitBatcher;

impl Batcher<Digit, Dots> for DigitBatcher {
    fn batch(&self, digits: Vec<Digit>, device: &Device) -> Dots {
        dots(&digits, device)
    }
}

/// Digits as a tensor.
pub fn dots(digits: &[Digit], device: &Device) -> Dots {
    let dots: Vec<f32> = digits
        .iter()
        .flat_map(|digit| digit.pixels.map(f32::from))
        .collect();
    Dots(Tensor::from_data(
        TensorData::new(dots, [digits.len(), PIXELS]),
        device,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digits_are_there() {
        let digits = Digits::load().unwrap();
        let parts = [&digits.train, &digits.valid, &digits.test];
        assert_eq!(parts.map(|part| part.len()), [1200, 200, 397]);
        for digit in parts.iter().flat_map(|part| part.iter()) {
            assert!(digit.label < 10);
            assert!(digit.pixels.iter().all(|&dots| dots <= DOTS));
        }
        for label in 0..10 {
            assert!(
                digits
                    .test
                    .iter()
                    .filter(|digit| digit.label == label)
                    .count()
                    > 30
            );
        }
    }
}
