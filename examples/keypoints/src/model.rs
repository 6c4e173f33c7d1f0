use burn::{
    nn::{
        Initializer, LeakyRelu, LeakyReluConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    prelude::*,
    train::{InferenceStep, TrainOutput, TrainStep},
};
use burn_argmax::losses::euclidean_loss;
use examples_common::Measured;

use crate::{
    data::{KeypointBatch, SIZE},
    method::Method,
};

/// Dilations of the hidden layers: together they see the whole image.
const DILATIONS: [usize; 7] = [1, 2, 4, 8, 4, 2, 1];

/// The configuration of a [`HeatmapNet`].
#[derive(Config, Debug)]
pub struct HeatmapNetConfig {
    /// How it is trained.
    pub method: Method,
    /// How many points it finds.
    pub points: usize,
    /// Channels of the hidden layers.
    #[config(default = 16)]
    pub channels: usize,
}

impl HeatmapNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> HeatmapNet {
        let conv = |channels, kernel: usize, stride: usize, dilation: usize| {
            let pad = dilation * (kernel - 1) / 2;
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_dilation([dilation, dilation])
                .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        };
        // The first heatmaps are nearly 0, as a background is: from far away, squared errors find nothing else.
        let faint = Initializer::Normal {
            mean: 0.0,
            std: 1e-3,
        };
        HeatmapNet {
            input: conv([1, self.channels], 5, 2, 1).init(device),
            hidden: DILATIONS
                .iter()
                .map(|&dilation| conv([self.channels; 2], 3, 1, dilation).init(device))
                .collect(),
            output: conv([self.channels, self.points], 3, 1, 1)
                .with_initializer(faint)
                .init(device),
            // A plain one dies: most pixels are background, and all push one way.
            activation: LeakyReluConfig::new().with_negative_slope(0.1).init(),
            method: self.method,
        }
    }
}

/// Maps an image to one heatmap for each point, at half its resolution.
#[derive(Module, Debug)]
pub struct HeatmapNet {
    input: Conv2d,
    hidden: Vec<Conv2d>,
    output: Conv2d,
    activation: LeakyRelu,
    #[module(skip)]
    method: Method,
}

impl HeatmapNet {
    /// Heatmaps `[batch, points, height / 2, width / 2]` of images `[batch, 1, height, width]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let mut features = self.input.forward(images);
        for layer in &self.hidden {
            features = features.clone() + layer.forward(self.activation.forward(features));
        }
        self.output.forward(self.activation.forward(features))
    }

    /// The loss, and the distance of each visible point, in pixels of its image.
    fn learn(&self, batch: KeypointBatch) -> (Tensor<1>, Measured) {
        let heatmaps = self.forward(batch.images);
        let found = self.method.decodings()[0].positions(heatmaps.clone().detach());
        let distances = euclidean_loss(found, batch.points.clone()) * (SIZE as f64 / 2.0);
        let visible = batch.visible.clone().flatten::<1>(0, 1);
        let errors = distances
            .flatten(0, 1)
            .select(0, visible.nonzero().remove(0));
        let loss = self.method.loss(heatmaps, batch.points, batch.visible);
        (loss, Measured(errors))
    }
}

impl TrainStep for HeatmapNet {
    type Input = KeypointBatch;
    type Output = Measured;

    fn step(&self, batch: KeypointBatch) -> TrainOutput<Measured> {
        let (loss, errors) = self.learn(batch);
        TrainOutput::new(self, loss.backward(), errors)
    }
}

impl InferenceStep for HeatmapNet {
    type Input = KeypointBatch;
    type Output = Measured;

    fn step(&self, batch: KeypointBatch) -> Measured {
        self.learn(batch).1
    }
}
