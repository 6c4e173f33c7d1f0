use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor};
use burn_onnx::export::{AxisSpec, InputSpec, OnnxExporter};
use examples_common::{compiled_backends, device};

use crate::{cli::ExportArgs, data::WINDOW, model::PeakNet, training};

/// Writes a network as an ONNX file, from standardised traces `[batch, samples]` to indices `[batch, 1]`.
pub fn run(args: &ExportArgs) -> Result<()> {
    ensure!(
        !args.onnx.exists(),
        "{} already exists; nothing was overwritten",
        args.onnx.display()
    );
    let (_, device) = device::open(None, compiled_backends!())?;
    let model = training::load(&args.model, &device)?;
    let traces = |batch, device: &Device| Tensor::<2>::zeros([batch, WINDOW], device);
    // Two sizes, by which the exporter finds what depends on the batch.
    let batch = [InputSpec::new([
        AxisSpec::dynamic("batch"),
        AxisSpec::Static,
    ])];
    OnnxExporter::new()
        .export_dynamic(
            &model,
            traces(2, &device),
            traces(3, &device),
            &batch,
            PeakNet::forward,
        )
        .context("the network cannot be exported")?
        .save(&args.onnx)
        .with_context(|| format!("cannot write {}", args.onnx.display()))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command, sync::Arc};

    use burn::{
        data::{dataloader::batcher::Batcher, dataset::Dataset},
        train::Interrupter,
    };
    use examples_common::{TrainingSettings, numbers};

    use super::*;
    use crate::{
        data::{PeakBatcher, PeakDataset, Source, Split},
        model::PeakNetConfig,
        op::Op,
        training::TrainingConfig,
    };

    /// Runs a network on windows, one a line of a CSV file, and writes the indices.
    const ONNX_RUNTIME: &str = "
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
windows = numpy.loadtxt(sys.argv[2], delimiter=',', dtype=numpy.float32)
name = session.get_inputs()[0].name
parts = [session.run(None, {name: part})[0] for part in numpy.array_split(windows, 7)]
numpy.savetxt(sys.argv[3], numpy.concatenate(parts), fmt='%.6f')
";

    /// Needs Python with the packages `numpy` and `onnxruntime`; `PYTHON` names the interpreter.
    #[test]
    #[ignore = "needs onnxruntime"]
    fn onnx_runtime_gives_the_same_indices() {
        let (_, device) = device::open(None, compiled_backends!()).unwrap();
        let source = Arc::new(Source::synthetic(1));
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let settings = TrainingSettings::new(1, 32);
        let config = TrainingConfig::new(PeakNetConfig::new(Op::Soft).with_channels(8), settings);
        let devices = [device.clone()];
        let trained = crate::training::train(
            &config,
            &source,
            &path("soft"),
            &devices,
            &Interrupter::new(),
            None,
        )
        .unwrap();

        let windows = PeakDataset::fixed(source, Split::Test);
        let windows = windows.iter().take(500).map(Result::unwrap).collect();
        let traces = PeakBatcher.batch(windows, &device).traces;
        let burn = numbers(trained.model.forward(traces.clone()));
        write(&path("windows.csv"), &numbers(traces));

        let args = ExportArgs {
            model: path("soft"),
            onnx: path("net.onnx"),
        };
        run(&args).unwrap();
        assert!(run(&args).is_err(), "an existing file is left alone");
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let output = Command::new(python)
            .args(["-c", ONNX_RUNTIME])
            .args(["net.onnx", "windows.csv", "indices.csv"].map(path))
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{message}");

        let onnx = std::fs::read_to_string(path("indices.csv")).unwrap();
        let onnx: Vec<f64> = onnx.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(onnx.len(), 500);
        let differences = burn.iter().zip(&onnx).map(|(a, b)| (a - b).abs());
        let largest = differences.fold(0.0, f64::max);
        println!("largest difference of 500 indices: {largest:e} samples");
        assert!(largest < 1e-3, "{largest}");
        let spread = burn.iter().copied().fold(f64::MIN, f64::max)
            - burn.iter().copied().fold(f64::MAX, f64::min);
        assert!(spread > 50.0, "the indices are all alike: {spread}");
    }

    fn write(path: &Path, windows: &[f64]) {
        let lines = windows.chunks(WINDOW).map(|window| {
            let values: Vec<String> = window.iter().map(|value| format!("{value:e}")).collect();
            values.join(",")
        });
        std::fs::write(path, lines.collect::<Vec<_>>().join("\n")).unwrap();
    }
}
