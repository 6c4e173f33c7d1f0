use burn::tensor::Device;
use burn_argmax::{Noise, Surrogate, straight_through_one_hot};
use examples_common::numbers;

use crate::{
    data::{DOTS, Digit, PIXELS, dots},
    model::{Autoencoder, VARIABLES},
};

/// Draws of a code for each digit.
const DRAWS: u64 = 20;

/// What a network makes of some digits.
pub struct Evaluation {
    /// The negative evidence lower bound of each, in nats, its mean over several draws.
    pub bounds: Vec<f64>,
    /// The likeliest code of each.
    pub codes: Vec<[usize; VARIABLES]>,
    /// The expected dots of each, from that code.
    pub reconstructions: Vec<[f64; PIXELS]>,
}

impl Evaluation {
    pub fn new(model: &Autoencoder, digits: &[Digit], device: &Device) -> Self {
        let dots = dots(digits, device).0;
        let draws = (0..DRAWS).map(|draw| numbers(model.bound(dots.clone(), Noise::Seed(draw))));
        let mut bounds = vec![0.0; digits.len()];
        for draw in draws {
            for (bound, draw) in bounds.iter_mut().zip(draw) {
                *bound += draw / DRAWS as f64;
            }
        }
        let code = straight_through_one_hot(model.encode(dots), 2, Surrogate::Identity);
        let values = numbers(code.clone().argmax(2).float());
        let codes = values
            .as_chunks()
            .0
            .iter()
            .map(|code| code.map(|value| value as usize));
        let expected = burn::tensor::activation::sigmoid(model.decode(code)) * f64::from(DOTS);
        Self {
            bounds,
            codes: codes.collect(),
            reconstructions: numbers(expected).as_chunks().0.to_vec(),
        }
    }

    /// The mean bound.
    pub fn bound(&self) -> f64 {
        self.bounds.iter().sum::<f64>() / self.bounds.len() as f64
    }

    /// How far the reconstructed dots of a digit are from its own, on average.
    pub fn error(&self, index: usize, digit: &Digit) -> f64 {
        let pairs = self.reconstructions[index].iter().zip(digit.pixels);
        let distance = pairs.map(|(dots, pixel)| (dots - f64::from(pixel)).abs());
        distance.sum::<f64>() / PIXELS as f64
    }

    /// The mean of that over all digits.
    pub fn mean_error(&self, digits: &[Digit]) -> f64 {
        let errors = digits
            .iter()
            .enumerate()
            .map(|(index, digit)| self.error(index, digit));
        errors.sum::<f64>() / digits.len() as f64
    }
}

/// A code as hexadecimal digits.
pub fn hexadecimal(code: &[usize; VARIABLES]) -> String {
    code.iter().map(|value| format!("{value:x}")).collect()
}
