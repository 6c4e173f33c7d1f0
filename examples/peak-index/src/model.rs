use burn::{
    module::Module,
    nn::{
        PaddingConfig1d, Relu,
        conv::{Conv1d, Conv1dConfig},
        loss::{HuberLossConfig, Reduction},
    },
    prelude::*,
    train::{InferenceStep, RegressionOutput, TrainOutput, TrainStep},
};

use crate::{data::PeakBatch, op::Op};

/// The configuration of a [`PeakNet`].
#[derive(Config, Debug)]
pub struct PeakNetConfig {
    /// How the index is read from the logits.
    pub op: Op,
    /// Channels of every hidden layer.
    #[config(default = 16)]
    pub channels: usize,
    /// Width of every convolution's kernel.
    #[config(default = 7)]
    pub kernel_size: usize,
    /// Residual layers; the dilation doubles from one to the next, from 1.
    #[config(default = 5)]
    pub layers: usize,
}

impl PeakNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> PeakNet {
        let conv = |channels_in, channels_out, dilation: usize| {
            let pad = dilation * (self.kernel_size - 1) / 2;
            Conv1dConfig::new(channels_in, channels_out, self.kernel_size)
                .with_dilation(dilation)
                .with_padding(PaddingConfig1d::Explicit(pad, pad))
                .init(device)
        };
        PeakNet {
            input: conv(1, self.channels, 1),
            hidden: (0..self.layers)
                .map(|layer| conv(self.channels, self.channels, 1 << layer))
                .collect(),
            output: conv(self.channels, 1, 1),
            activation: Relu::new(),
            op: self.op,
        }
    }
}

/// A residual stack of dilated 1-D convolutions: one logit a sample.
#[derive(Module, Debug)]
pub struct PeakNet {
    input: Conv1d,
    hidden: Vec<Conv1d>,
    output: Conv1d,
    activation: Relu,
    #[module(skip)]
    op: Op,
}

impl PeakNet {
    /// The predicted peak index `[batch, 1]` of traces `[batch, samples]`.
    pub fn forward(&self, traces: Tensor<2>) -> Tensor<2> {
        let mut features = self
            .activation
            .forward(self.input.forward(traces.unsqueeze_dim(1)));
        for layer in &self.hidden {
            let update = self.activation.forward(layer.forward(features.clone()));
            features = features + update;
        }
        let logits = self.output.forward(features).squeeze_dim(1);
        self.op.index(logits)
    }

    fn regress(&self, batch: PeakBatch) -> RegressionOutput {
        let output = self.forward(batch.traces);
        // The only loss: how far the predicted index is from the true one, in samples.
        let loss = HuberLossConfig::new(1.0).init().forward(
            output.clone(),
            batch.peaks.clone(),
            Reduction::Mean,
        );
        RegressionOutput::new(loss, output, batch.peaks)
    }
}

impl TrainStep for PeakNet {
    type Input = PeakBatch;
    type Output = RegressionOutput;

    fn step(&self, batch: PeakBatch) -> TrainOutput<RegressionOutput> {
        let output = self.regress(batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

impl InferenceStep for PeakNet {
    type Input = PeakBatch;
    type Output = RegressionOutput;

    fn step(&self, batch: PeakBatch) -> RegressionOutput {
        self.regress(batch)
    }
}
