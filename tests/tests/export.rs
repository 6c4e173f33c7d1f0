//! Graphs that leave Burn by burn-onnx's exporter.

#![cfg(feature = "capture")]

use std::{env, fs, path::Path, process::Command};

use burn::{
    nn::Relu,
    tensor::{DType, Device, Distribution, Tensor, TensorData},
};
use burn_argmax::{Coordinates, Weighting, soft_argmax, softmax, spatial_soft_argmax};
use burn_onnx::export::{AxisSpec, InputSpec, OnnxExporter, OnnxModel};

/// Runs a graph on numbers, and writes the numbers that come out.
const ONNX_RUNTIME: &str = "
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
shape = [int(size) for size in sys.argv[4].split(',')]
numbers = numpy.fromfile(sys.argv[2], dtype=sys.argv[5]).reshape(shape)
session.run(None, {session.get_inputs()[0].name: numbers})[0].tofile(sys.argv[3])
";

/// A function that is exported, and scores that it is run on.
struct Graph<const D: usize> {
    name: &'static str,
    shape: [usize; D],
    /// Whether the first dimension may be of any size, where nothing is sliced.
    any_batch: bool,
    function: fn(Tensor<D>) -> Tensor<D>,
}

const ROWS: [Graph<2>; 4] = [
    Graph {
        name: "soft_argmax along rows",
        shape: [64, 1000],
        any_batch: true,
        function: |x| soft_argmax(x, 1, 4.0),
    },
    Graph {
        name: "soft_argmax along columns",
        shape: [200, 30],
        any_batch: true,
        function: |x| soft_argmax(x, 0, 0.5),
    },
    Graph {
        name: "the center of mass",
        shape: [16, 256],
        any_batch: true,
        function: |x| soft_argmax(softmax(x, 1, 1.0), 1, Weighting::given()),
    },
    Graph {
        name: "softmax",
        shape: [64, 1000],
        any_batch: true,
        function: |x| softmax(x, 1, 30.0),
    },
];

const HEATMAPS: [Graph<4>; 2] = [
    Graph {
        name: "spatial_soft_argmax, in pixels",
        shape: [2, 17, 96, 64],
        any_batch: false,
        function: |x| positions(x, Coordinates::Index),
    },
    Graph {
        name: "spatial_soft_argmax, from -1 to 1",
        shape: [2, 17, 96, 64],
        any_batch: false,
        function: |x| positions(x, Coordinates::CellCenters),
    },
];

/// `[batch, channels, 2, 1]`.
fn positions(heatmaps: Tensor<4>, coordinates: Coordinates) -> Tensor<4> {
    let positions: Tensor<3> = spatial_soft_argmax(heatmaps, 10.0, coordinates);
    positions.unsqueeze_dim(3)
}

impl<const D: usize> Graph<D> {
    fn export(&self, dtype: DType) -> OnnxModel {
        let scores = |more| {
            let mut shape = self.shape;
            shape[0] += more;
            Tensor::<D>::zeros(shape, (&Device::flex(), dtype))
        };
        let (exporter, module) = (OnnxExporter::new(), Relu::new());
        let call = |_: &Relu, x| (self.function)(x);
        let exported = if self.any_batch {
            let mut axes = [(); D].map(|()| AxisSpec::Static);
            axes[0] = AxisSpec::dynamic("batch");
            exporter.export_dynamic(&module, scores(0), scores(1), &[InputSpec::new(axes)], call)
        } else {
            exporter.export(&module, scores(0), call)
        };
        exported.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The largest difference between what Burn and ONNX Runtime give.
    fn difference(&self, dtype: DType, directory: &Path) -> f64 {
        let path = |name: &str| directory.join(name);
        self.export(dtype).save(path("graph.onnx")).unwrap();
        let scores = Tensor::<D>::random(
            self.shape,
            Distribution::Normal(0.0, 1.0),
            (&Device::flex(), dtype),
        );
        let bytes = scores.to_data().as_bytes().to_vec();
        fs::write(path("scores"), bytes).unwrap();
        let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let output = Command::new(python)
            .args(["-c", ONNX_RUNTIME])
            .args(["graph.onnx", "scores", "results"].map(path))
            .arg(self.shape.map(|size| size.to_string()).join(","))
            .arg(format!("<f{}", dtype.size()))
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {message}", self.name);

        let burn = (self.function)(scores).into_data();
        let results = fs::read(path("results")).unwrap();
        let onnx = TensorData::from_bytes_vec(results, burn.shape().clone(), burn.dtype());
        let pairs = burn.iter::<f64>().zip(onnx.iter::<f64>());
        let differences: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
        assert_eq!(differences.len(), burn.num_elements());
        assert!(differences.iter().all(|difference| difference.is_finite()));
        let largest = differences.into_iter().fold(0.0, f64::max);
        println!("{}, {dtype:?}: {largest:.1e}", self.name);
        largest
    }
}

const DTYPES: [DType; 2] = [DType::F32, DType::F64];

#[test]
fn every_graph_is_exported() {
    for dtype in DTYPES {
        for graph in ROWS {
            assert!(!graph.export(dtype).as_bytes().is_empty());
        }
        for graph in HEATMAPS {
            assert!(!graph.export(dtype).as_bytes().is_empty());
        }
    }
}

/// Needs Python with the packages `numpy` and `onnxruntime`; `PYTHON` names the interpreter.
#[test]
#[ignore = "needs onnxruntime"]
fn onnx_runtime_gives_the_same() {
    let directory = tempfile::tempdir().unwrap();
    for (dtype, tolerance) in DTYPES.into_iter().zip([1e-3, 1e-9]) {
        for graph in ROWS {
            assert!(graph.difference(dtype, directory.path()) < tolerance);
        }
        for graph in HEATMAPS {
            assert!(graph.difference(dtype, directory.path()) < tolerance);
        }
    }
}
