//! Operators on a remote device: the same bits as on the server's backend, and one operation each.
#![cfg(feature = "remote")]

use std::collections::HashMap;

use burn::{
    server::{
        RemoteServer,
        telemetry::{DrainStatus, OpClass, TelemetryEvent, TelemetryProbe},
    },
    tensor::{DType, Device, Tensor, TensorData},
};
use burn_argmax::{Noise, has_kernels, sampled_argmax, sampled_one_hot, soft_argmax};
use burn_argmax_tests::{
    data::{ESTIMATORS, uniform, values},
    device,
    functions::{Function, OF_LINES, OF_LOSSES, OF_MAPS, Sizes},
};

const ROWS: usize = 3;

/// The result, and the gradient of the sum of its squares.
fn both_passes(function: &Function, sizes: Sizes, dtype: DType, device: &Device) -> [Vec<u64>; 2] {
    let n = sizes[0] * sizes[1];
    let mut scores = uniform(7, ROWS * n);
    if function.probabilities {
        scores
            .iter_mut()
            .for_each(|score| *score = score.abs() / n as f32);
    }
    let data = TensorData::new(scores, [1, ROWS, n]).convert_dtype(dtype);
    let x = Tensor::<3>::from_data(data, (device, dtype)).require_grad();
    let y = (function.ours)(x.clone(), sizes);
    let gradients = y.clone().powi_scalar(2).sum().backward();
    let gradient = x.grad(&gradients).expect("a leaf");
    [y, gradient].map(|tensor| values(tensor).into_iter().map(f64::to_bits).collect())
}

#[test]
fn every_function_gives_the_bits_of_the_server() {
    let remote = device::remote().expect("a server").autodiff();
    assert!(has_kernels(&remote));
    let local = Device::flex().autodiff();
    let of_lines = OF_LINES
        .iter()
        .chain(&OF_LOSSES)
        .map(|function| (function, [1, 1000]));
    let of_maps = OF_MAPS.iter().map(|function| (function, [48, 40]));
    for (function, sizes) in of_lines.chain(of_maps) {
        for dtype in [DType::F32, DType::F64, DType::F16] {
            let [got, want] =
                [&remote, &local].map(|device| both_passes(function, sizes, dtype, device));
            assert_eq!(got, want, "{} in {dtype:?}", function.name);
        }
    }
}

#[test]
fn a_training_step_sends_one_operation_a_pass() {
    let (probe, mut telemetry) = TelemetryProbe::channel(4096);
    let server = RemoteServer::new([Device::flex()]).with_telemetry(probe);
    let (device, _runtime) = device::serve(server);
    let device = device.autodiff();
    let x = Tensor::<2>::from_floats([[0.0, 4.0, 1.0]], &device).require_grad();
    let gradients = soft_argmax(x.clone(), 1, 1.0).backward();
    let gradient = values(x.grad(&gradients).expect("a leaf"));
    assert!(gradient[1] != 0.0);

    let mut events = Vec::new();
    assert!(matches!(
        telemetry.drain_into(&mut events),
        DrainStatus::Open { lagged: 0 }
    ));
    let mut graphs = HashMap::new();
    let mut kinds = Vec::new();
    for event in &events {
        match &**event {
            TelemetryEvent::Op { kind, .. } => kinds.push(*kind),
            TelemetryEvent::GraphRegistered { graph, ops, .. } => {
                graphs.insert(*graph, ops.iter().map(|op| op.kind).collect::<Vec<_>>());
            }
            TelemetryEvent::GraphExecuted { graph, .. } => kinds.extend(&graphs[graph]),
            _ => {}
        }
    }
    kinds.retain(|kind| !matches!(kind, OpClass::Init | OpClass::Drop));
    assert_eq!(kinds, [OpClass::Custom; 2]);
}

#[test]
fn every_estimator_gives_the_bits_of_the_server() {
    let remote = device::remote().expect("a server").autodiff();
    let local = Device::flex().autodiff();
    for estimator in ESTIMATORS {
        let [got, want] = [&remote, &local].map(|device| {
            let data = TensorData::new(uniform(3, 2000), [2, 1000]);
            let x = Tensor::<2>::from_data(data, device).require_grad();
            let y = sampled_one_hot(x.clone(), 1, estimator, Noise::Seed(5));
            let up = Tensor::from_data(TensorData::new(uniform(5, 2000), [2, 1000]), device);
            let gradients = (y.clone() * up).sum().backward();
            [y, x.grad(&gradients).expect("a leaf")].map(values)
        });
        assert_eq!(got, want, "{estimator:?}");
    }
}

#[test]
fn indices_and_threads() {
    let remote = device::remote().expect("a server");
    let data = TensorData::new(uniform(3, 2000), [2, 1000]);
    let logits = Tensor::<2>::from_data(data.clone(), &remote);
    let indices = |logits, seed| {
        let indices = sampled_argmax(logits, 1, Noise::Seed(seed));
        indices.into_data().iter::<i64>().collect::<Vec<_>>()
    };
    let of_threads: Vec<_> = std::thread::scope(|scope| {
        let threads = [1, 2, 3, 4].map(|seed| {
            let logits = logits.clone();
            scope.spawn(move || indices(logits, seed))
        });
        threads.map(|thread| thread.join().expect("indices")).into()
    });
    let local = Tensor::<2>::from_data(data, &Device::flex());
    let want: Vec<_> = (1..5).map(|seed| indices(local.clone(), seed)).collect();
    assert_eq!(of_threads, want);
}
