use anyhow::{Result, bail};
use burn::{
    lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig,
    module::Module,
    optim::{AdamConfig, GradientsParams},
    tensor::Device,
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

use crate::{
    cli::Cli,
    data::{Example, corners, images},
    decode::{Corners, Decoding},
    method::Method,
    model::HeatmapNet,
};

const LEARNING_RATE: f64 = 3e-3;

/// Images that go through the network at once where nothing is learnt.
const EVALUATION_BATCH: usize = 64;

/// A trained network and how it got there.
pub struct Trained {
    pub network: HeatmapNet,
    /// The mean loss of each epoch.
    pub losses: Vec<f64>,
}

/// Trains a network from scratch.
pub fn train(
    method: Method,
    train: &[Example],
    seed: u64,
    cli: &Cli,
    device: &Device,
) -> Result<Trained> {
    let device = device.clone().autodiff();
    device.seed(seed);
    let mut network = HeatmapNet::new(&device);
    // A mean over a thousand cells has gradients as small as the default epsilon.
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let batch = cli.batch_size as usize;
    let steps = train.len().div_ceil(batch) * cli.epochs as usize;
    let mut schedule = CosineAnnealingLrSchedulerConfig::new(LEARNING_RATE, steps)
        .init()
        .map_err(anyhow::Error::msg)?;

    let mut order: Vec<&Example> = train.iter().collect();
    let mut rng = StdRng::seed_from_u64(seed);
    let mut losses = Vec::new();
    for epoch in 1..=cli.epochs {
        order.shuffle(&mut rng);
        let mut sum = 0.0;
        for examples in order.chunks(batch) {
            let heatmaps = network.forward(images(examples, &device));
            let loss = method.loss(heatmaps, corners(examples, &device));
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                bail!("training stopped: the loss is {value} in epoch {epoch}");
            }
            sum += value * examples.len() as f64;
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(schedule.step(), network, gradients);
        }
        losses.push(sum / train.len() as f64);
        eprintln!(
            "seed {seed}, {} epoch {epoch}/{}: loss {:.5}",
            method.name(),
            cli.epochs,
            sum / train.len() as f64
        );
    }
    Ok(Trained {
        network: network.valid(),
        losses,
    })
}

/// The corners that a network finds.
pub fn find(
    network: &HeatmapNet,
    examples: &[Example],
    decoding: Decoding,
    device: &Device,
) -> Vec<Corners> {
    examples
        .chunks(EVALUATION_BATCH)
        .flat_map(|examples| {
            let examples: Vec<&Example> = examples.iter().collect();
            decoding.corners(network.forward(images(&examples, device)))
        })
        .collect()
}
