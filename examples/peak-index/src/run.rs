use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use burn::{tensor::Device, train::Interrupter};
use examples_common::{Trained, TrainingSettings, checkpoint, curves, output};

use crate::{
    cli::TrainArgs,
    data::{Source, Split},
    devices::Devices,
    evaluation::Predictions,
    model::{PeakNet, PeakNetConfig},
    op::Op,
    plot::Plot,
    report::{Network, Report},
    training::{self, INDEX_ERROR, TrainingConfig},
};

/// Where runs go when no directory is named.
const RUNS: &str = "runs";
/// The arguments of a run, in its directory.
const ARGUMENTS: &str = "run.json";
/// Written last.
const REPORT: &str = "report.json";

/// Trains a network for each operator and reports on the test part.
pub fn run(args: &TrainArgs) -> Result<()> {
    match &args.resume {
        Some(directory) => go_on(args, directory),
        None => begin(args),
    }
}

fn begin(args: &TrainArgs) -> Result<()> {
    let source = source(args)?;
    let mut args = args.clone();
    if let Some(record) = &mut args.record {
        // The run may be gone on with from elsewhere.
        *record = std::path::absolute(&record).context("cannot tell where the record is")?;
    }
    let mut ops: Vec<Op> = Vec::new();
    for op in args.op {
        if !ops.contains(&op) {
            ops.push(op);
        }
    }
    args.op = ops;
    let devices = Devices::open(&args, &args.device)?;
    let out = output::directory(args.out.as_deref(), Path::new(RUNS))?;
    let path = out.join(ARGUMENTS);
    fs::write(&path, serde_json::to_string_pretty(&args)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    train(&args, source, devices, out, None)
}

fn go_on(now: &TrainArgs, directory: &Path) -> Result<()> {
    let path = directory.join(ARGUMENTS);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("no run to go on with: cannot read {}", path.display()))?;
    let mut args: TrainArgs = serde_json::from_str(&text)
        .with_context(|| format!("{} has not the arguments of a run", path.display()))?;
    ensure!(
        !directory.join(REPORT).exists(),
        "the run in {} is complete; nothing is left to train",
        directory.display()
    );
    // On other devices, if they are named.
    if !now.remote.is_empty() || now.device.device.is_some() {
        args.remote.clone_from(&now.remote);
    }
    let source = source(&args)?;
    let devices = Devices::open(&args, &now.device)?;
    train(&args, source, devices, directory.to_path_buf(), now.epoch)
}

fn source(args: &TrainArgs) -> Result<Arc<Source>> {
    Ok(Arc::new(match &args.record {
        Some(path) => {
            let source = Source::record(path, args.lead, args.noise_db, args.seed)?;
            for split in Split::ALL {
                ensure!(
                    source.peaks(split) > 0,
                    "{}: no beat can be cut out alone in the {} part",
                    path.display(),
                    split.name()
                );
            }
            source
        }
        None => Source::synthetic(args.seed),
    }))
}

fn is_trained(directory: &Path) -> bool {
    directory.join("model.bpk").exists()
}

/// Trains what is not trained yet; the network that was begun goes on from its last checkpoint, or from that of
/// `epoch`.
fn train(
    args: &TrainArgs,
    source: Arc<Source>,
    Devices { name, devices }: Devices,
    out: PathBuf,
    mut epoch: Option<usize>,
) -> Result<()> {
    output::say(format_args!(
        "{} ({}), on {name}, into {}",
        source.name(),
        source.counts(),
        out.display()
    ))?;
    let interrupter = Interrupter::new();
    let on_signal = interrupter.clone();
    ctrlc::set_handler(move || on_signal.stop(Some("ctrl-C")))
        .context("cannot listen for ctrl-C")?;

    let settings = TrainingSettings::new(args.epochs as usize, args.batch_size as usize)
        .with_seed(args.seed)
        .with_patience(args.patience.map(|epochs| epochs as usize));
    let device = devices.first().context("no device to train on")?;
    let raw_argmax = Predictions::of_raw_argmax(&source, Split::Test);
    let mut report = Report {
        data: source.name().to_string(),
        windows: source.counts(),
        device: name,
        seed: args.seed,
        raw_argmax: raw_argmax.errors(),
        networks: Vec::new(),
    };
    for &op in &args.op {
        let model = PeakNetConfig::new(op).with_channels(args.channels as usize);
        let config = TrainingConfig::new(model, settings.clone());
        let predict = |model: &_| {
            Predictions::of_model(model, &source, Split::Test, settings.batch_size, device)
        };

        device.seed(args.seed);
        let untrained = predict(&config.model.init(device)).errors();
        let directory = out.join(op.name());
        let trained = if is_trained(&directory) {
            finished(&directory, device)?
        } else {
            let last = checkpoint::epochs(&directory).last().copied();
            let resume = epoch.take().or(last);
            let trained =
                training::train(&config, &source, &directory, &devices, &interrupter, resume);
            if trained.is_err() && !checkpoint::epochs(&directory).is_empty() {
                eprintln!(
                    "--resume {} goes on from the last checkpoint",
                    out.display()
                );
            }
            trained?
        };
        let predictions = predict(&trained.model);
        Plot {
            title: format!("{}, --op {}", source.name(), op.name()),
            network: &predictions,
            raw_argmax: &raw_argmax,
            train_curve: &trained.train_curve,
            valid_curve: &trained.valid_curve,
        }
        .save(&directory.join("plot.svg"))?;
        report.networks.push(Network {
            op: op.name(),
            untrained,
            trained: predictions.errors(),
        });
    }

    report.save(&out.join(REPORT))?;
    output::say(report.table())?;
    if let Some(remark) = report.remark() {
        output::say(remark)?;
    }
    output::say(format_args!(
        "Models, plots and report are in {}",
        out.display()
    ))
}

/// A network that was trained before the interruption.
fn finished(directory: &Path, device: &Device) -> Result<Trained<PeakNet>> {
    let [train_curve, valid_curve] = curves(directory, INDEX_ERROR)?;
    Ok(Trained {
        model: training::load(directory, device)?,
        train_curve,
        valid_curve,
    })
}
