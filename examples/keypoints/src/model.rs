use burn::{
    nn::{
        LeakyRelu, LeakyReluConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    prelude::*,
};

use crate::data::CORNERS;

/// Dilations of the hidden layers: together they see the whole arrowhead.
const DILATIONS: [usize; 7] = [1, 2, 4, 8, 4, 2, 1];

/// Channels of the hidden layers.
const CHANNELS: usize = 16;

/// Maps an image to one heatmap for each corner, at half its resolution.
#[derive(Module, Debug)]
pub struct HeatmapNet {
    input: Conv2d,
    hidden: Vec<Conv2d>,
    output: Conv2d,
    activation: LeakyRelu,
}

impl HeatmapNet {
    /// Random weights.
    pub fn new(device: &Device) -> Self {
        let conv = |channels, kernel: usize, stride: usize, dilation: usize| {
            let pad = dilation * (kernel - 1) / 2;
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_dilation([dilation, dilation])
                .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
                .init(device)
        };
        Self {
            input: conv([1, CHANNELS], 5, 2, 1),
            hidden: DILATIONS
                .iter()
                .map(|&dilation| conv([CHANNELS, CHANNELS], 3, 1, dilation))
                .collect(),
            output: conv([CHANNELS, CORNERS], 3, 1, 1),
            // A plain one dies: most pixels are background, and all push one way.
            activation: LeakyReluConfig::new().with_negative_slope(0.1).init(),
        }
    }

    /// Heatmaps `[batch, CORNERS, height / 2, width / 2]` of images `[batch, 1, height, width]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let mut features = self.input.forward(images);
        for layer in &self.hidden {
            features = features.clone() + layer.forward(self.activation.forward(features));
        }
        self.output.forward(self.activation.forward(features))
    }
}
