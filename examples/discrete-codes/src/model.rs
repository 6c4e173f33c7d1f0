use burn::{
    nn::{Linear, LinearConfig, Relu},
    prelude::*,
    tensor::activation::{log_sigmoid, log_softmax},
    train::{InferenceStep, TrainOutput, TrainStep},
};
use burn_argmax::{
    Noise,
    nn::{SampledOneHot, SampledOneHotConfig},
    sampled_one_hot,
};
use examples_common::Measured;

use crate::{
    choice::Choice,
    data::{DOTS, Dots, PIXELS},
};

/// Variables of a code.
pub const VARIABLES: usize = 8;
/// Values of a variable.
pub const VALUES: usize = 16;
const CODE: usize = VARIABLES * VALUES;

/// The configuration of an [`Autoencoder`].
#[derive(Config, Debug)]
pub struct AutoencoderConfig {
    /// How the gradient passes the choice of a code.
    pub choice: Choice,
    /// Width of the hidden layers.
    #[config(default = 128)]
    pub hidden: usize,
}

impl AutoencoderConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> Autoencoder {
        let layer = |from, to| LinearConfig::new(from, to).init(device);
        Autoencoder {
            encoder: [layer(PIXELS, self.hidden), layer(self.hidden, CODE)],
            decoder: [layer(CODE, self.hidden), layer(self.hidden, PIXELS)],
            choose: SampledOneHotConfig::new(self.choice.estimator()).init(),
            activation: Relu::new(),
        }
    }
}

/// A variational autoencoder whose code is [`VARIABLES`] choices of one of [`VALUES`], all alike beforehand; a
/// pixel is so many of [`DOTS`] dots, each inked with one probability.
#[derive(Module, Debug)]
pub struct Autoencoder {
    encoder: [Linear; 2],
    decoder: [Linear; 2],
    choose: SampledOneHot,
    activation: Relu,
}

impl Autoencoder {
    /// The scores of the code's values, `[batch, VARIABLES, VALUES]`.
    pub fn encode(&self, dots: Tensor<2>) -> Tensor<3> {
        let [first, second] = &self.encoder;
        let features = first.forward(dots / f64::from(DOTS));
        let scores = second.forward(self.activation.forward(features));
        let [batch, _] = scores.dims();
        scores.reshape([batch, VARIABLES, VALUES])
    }

    /// The logits of a dot's probability, `[batch, PIXELS]`, of one-hot codes.
    pub fn decode(&self, code: Tensor<3>) -> Tensor<2> {
        let [first, second] = &self.decoder;
        let features = first.forward(code.flatten(1, 2));
        second.forward(self.activation.forward(features))
    }

    /// The negative evidence lower bound of every digit `[batch]`, in nats, with codes that are drawn with
    /// this noise.
    pub fn bound(&self, dots: Tensor<2>, noise: Noise) -> Tensor<1> {
        let scores = self.encode(dots.clone());
        let code = sampled_one_hot(scores.clone(), 2, self.choose.estimator, noise);
        self.bound_of(dots, scores, code)
    }

    fn bound_of(&self, dots: Tensor<2>, scores: Tensor<3>, code: Tensor<3>) -> Tensor<1> {
        let log = log_softmax(scores, 2);
        let entropy = (log.clone().exp() * log).sum_dim(2).sum_dim(1).neg();
        let divergence = (VARIABLES as f64 * (VALUES as f64).ln() - entropy).flatten::<1>(0, 2);
        divergence + error(self.decode(code), dots)
    }
}

/// Less the logarithm of the probability of so many dots, `[batch]`.
fn error(logits: Tensor<2>, dots: Tensor<2>) -> Tensor<1> {
    let blank = dots.clone().neg() + f64::from(DOTS);
    // How many ways there are to ink so many dots.
    let ways = ways(&dots);
    let inked = dots * log_sigmoid(logits.clone()) + blank * log_sigmoid(logits.neg());
    (inked + ways).sum_dim(1).neg().squeeze_dim(1)
}

/// The logarithm of the binomial coefficient of every pixel.
fn ways(dots: &Tensor<2>) -> Tensor<2> {
    let mut logs = vec![0.0f32];
    for inked in 0..DOTS {
        let more = f32::from(DOTS - inked) / f32::from(inked + 1);
        logs.push(logs[usize::from(inked)] + more.ln());
    }
    let logs = Tensor::<1>::from_floats(&logs[..], &dots.device());
    logs.select(0, dots.clone().int().flatten(0, 1))
        .reshape(dots.dims())
}

impl TrainStep for Autoencoder {
    type Input = Dots;
    type Output = Measured;

    fn step(&self, Dots(dots): Dots) -> TrainOutput<Measured> {
        let scores = self.encode(dots.clone());
        let code = self.choose.forward(scores.clone());
        let bounds = self.bound_of(dots, scores, code);
        TrainOutput::new(self, bounds.clone().mean().backward(), Measured(bounds))
    }
}

impl InferenceStep for Autoencoder {
    type Input = Dots;
    type Output = Measured;

    fn step(&self, Dots(dots): Dots) -> Measured {
        Measured(self.bound(dots, Noise::Seed(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_of_one_probability_are_binomial() {
        let device = Device::default();
        let mut total = 0.0;
        for inked in 0..=DOTS {
            let mut dots = Tensor::<2>::zeros([1, PIXELS], &device);
            dots = dots.slice_fill([0..1, 3..4], f64::from(inked));
            // Certain to be blank, but for one pixel.
            let logits = Tensor::<2>::full([1, PIXELS], -100.0, &device);
            let logits = logits.slice_fill([0..1, 3..4], 0.4);
            total += (-error(logits, dots).into_scalar::<f32>()).exp();
        }
        assert!((total - 1.0).abs() < 1e-5, "{total}");
    }
}
