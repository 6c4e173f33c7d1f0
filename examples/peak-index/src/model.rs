use burn::{
    module::Module,
    nn::{
        PaddingConfig1d, Relu,
        conv::{Conv1d, Conv1dConfig},
        loss::{HuberLossConfig, Reduction},
    },
    prelude::*,
    train::{InferenceStep, TrainOutput, TrainStep},
};

use examples_common::Measured;

use crate::{data::PeakBatch, op::Op};

/// The samples to a position of the coarse layers, which makes them as many times cheaper.
const STRIDE: usize = 4;

/// The configuration of a [`PeakNet`].
#[derive(Config, Debug)]
pub struct PeakNetConfig {
    /// How the index is read from the logits.
    pub op: Op,
    /// Channels of every hidden layer.
    #[config(default = 24)]
    pub channels: usize,
    /// Width of the coarse layers' kernels, in positions.
    #[config(default = 5)]
    pub coarse_kernel: usize,
    /// Coarse layers; the dilation doubles from one to the next, from 1.
    #[config(default = 4)]
    pub coarse_layers: usize,
    /// Width of the fine layers' kernels, in samples.
    #[config(default = 9)]
    pub fine_kernel: usize,
}

impl PeakNetConfig {
    /// A network with random weights.
    pub fn init(&self, device: &Device) -> PeakNet {
        let conv = |channels_in, channels_out, kernel: usize, dilation: usize| {
            let pad = dilation * (kernel - 1) / 2;
            Conv1dConfig::new(channels_in, channels_out, kernel)
                .with_dilation(dilation)
                .with_padding(PaddingConfig1d::Explicit(pad, pad))
                .init(device)
        };
        let overlap = 3 * STRIDE / 2;
        PeakNet {
            coarse_input: Conv1dConfig::new(1, self.channels, STRIDE + 2 * overlap)
                .with_stride(STRIDE)
                .with_padding(PaddingConfig1d::Explicit(overlap, overlap))
                .init(device),
            coarse: (0..self.coarse_layers)
                .map(|layer| conv(self.channels, self.channels, self.coarse_kernel, 1 << layer))
                .collect(),
            coarse_output: conv(self.channels, STRIDE, self.coarse_kernel, 1),
            fine_input: conv(1, self.channels, self.fine_kernel, 1),
            fine_output: conv(self.channels, 1, self.fine_kernel, 1),
            activation: Relu::new(),
            op: self.op,
        }
    }
}

/// Two branches of 1-D convolutions whose logits are added, one logit a sample: a residual stack
/// of dilated ones at a coarser step, which sees the whole window and finds the peak among others,
/// and two at full resolution, which find where in its neighbourhood the peak is.
#[derive(Module, Debug)]
pub struct PeakNet {
    coarse_input: Conv1d,
    coarse: Vec<Conv1d>,
    coarse_output: Conv1d,
    fine_input: Conv1d,
    fine_output: Conv1d,
    activation: Relu,
    #[module(skip)]
    op: Op,
}

impl PeakNet {
    /// The predicted peak index `[batch, 1]` of traces `[batch, samples]`; the samples are a
    /// multiple of [`STRIDE`].
    pub fn forward(&self, traces: Tensor<2>) -> Tensor<2> {
        let input: Tensor<3> = traces.unsqueeze_dim(1);

        let mut features = self.coarse_input.forward(input.clone());
        for layer in &self.coarse {
            features = features.clone() + layer.forward(self.activation.forward(features));
        }
        // [batch, STRIDE, positions]: the samples of a position are in the channels.
        let coarse = self
            .coarse_output
            .forward(self.activation.forward(features));
        // Not by `swap_dims`, which burn-onnx 0.22 cannot export, nor a slice where the batch is of any size.
        let samples = (0..STRIDE).map(|sample| {
            let sample = Tensor::from_ints([sample], &coarse.device());
            coarse.clone().select(1, sample).squeeze_dim::<2>(1)
        });
        let coarse = Tensor::stack::<3>(samples.collect(), 2).flatten(1, 2);

        let features = self.activation.forward(self.fine_input.forward(input));
        let fine = self.fine_output.forward(features).squeeze_dim(1);

        self.op.index(coarse + fine)
    }

    /// The only loss: how far the predicted index is from the true one, in samples; and the errors.
    fn regress(&self, batch: PeakBatch) -> (Tensor<1>, Measured) {
        let predicted = self.forward(batch.traces);
        let errors = (predicted.clone() - batch.peaks.clone()).abs().detach();
        let huber = HuberLossConfig::new(1.0).init();
        let loss = huber.forward(predicted, batch.peaks, Reduction::Mean);
        (loss, Measured(errors.squeeze_dim(1)))
    }
}

impl TrainStep for PeakNet {
    type Input = PeakBatch;
    type Output = Measured;

    fn step(&self, batch: PeakBatch) -> TrainOutput<Measured> {
        let (loss, errors) = self.regress(batch);
        TrainOutput::new(self, loss.backward(), errors)
    }
}

impl InferenceStep for PeakNet {
    type Input = PeakBatch;
    type Output = Measured;

    fn step(&self, batch: PeakBatch) -> Measured {
        self.regress(batch).1
    }
}
