use std::path::Path;

use anyhow::{Context, Result};
use examples_common::{compiled_backends, device, output};

use crate::{
    cli::Cli,
    data::examples,
    decode::{Corners, Decoding},
    method::Method,
    plot::Plot,
    report::{Outcome, table},
    train::{Trained, find, train},
};

/// Where runs go when no directory is named.
const RUNS: &str = "runs/keypoints";
/// Images of the test part come from another stream than those of the training part.
const TEST_STREAM: u64 = 1 << 32;

/// Trains both methods for every seed and reports.
pub fn run(cli: &Cli) -> Result<()> {
    let (name, device) = device::open(cli.device.as_deref(), compiled_backends!())?;
    let out = output::directory(cli.out.as_deref(), Path::new(RUNS))?;
    println!(
        "{} training and {} test images, on {name}, into {}",
        cli.train_images,
        cli.test_images,
        out.display()
    );

    let mut outcomes = Vec::new();
    for &seed in &cli.seed {
        let train_images = examples(cli.train_images as usize, seed);
        let test = examples(cli.test_images as usize, seed ^ TEST_STREAM);
        let mut found: Vec<Vec<Corners>> = Vec::new();
        let mut curves = Vec::new();
        for method in Method::ALL {
            let Trained { network, losses } = train(method, &train_images, seed, cli, &device)?;
            for &decoding in Decoding::of(method) {
                let corners = find(&network, &test, decoding, &device);
                outcomes.push(Outcome::new(seed, method, decoding, &corners, &test));
                found.push(corners);
            }
            curves.push(losses);
        }
        let plot = Plot {
            test: &test,
            soft: &found[0],
            argmax: &found[1],
            curves: [0, 1].map(|method| (Method::ALL[method].name(), curves[method].as_slice())),
        };
        let path = out.join(format!("seed-{seed}.svg"));
        plot.save(&path)
            .with_context(|| format!("cannot draw {}", path.display()))?;
    }

    let table = table(&outcomes).to_string();
    let path = out.join("report.txt");
    std::fs::write(&path, format!("{table}\n"))
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("{table}\nPictures and report are in {}", out.display());
    Ok(())
}
