//! The operators, each on every kind of weights.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook},
    sync::Once,
};

use burn_argmax::{ArgmaxOps, Estimator, Weighting, losses::Divergence};
use burn_core::{
    backend::TensorMetadata,
    tensor::{DType, Shape},
};
use burn_cubecl::{CubeBackend, CubeDevice, cubecl::device::CudaDevice, tensor::CubeTensor};
use cubecl_server::client::Client;

use crate::Layout;

/// Where tensors are made.
pub(crate) struct Tensors {
    pub(crate) client: Client,
    pub(crate) dtype: DType,
    pub(crate) layout: Layout,
}

/// The index runs along it.
const DIM: usize = 1;

type Operator = (&'static str, fn(&Tensors));

/// The methods of `ArgmaxOps` that have kernels.
pub(crate) const OPERATORS: &[Operator] = &[
    ("soft_argmax_forward", soft_argmax_forward),
    ("soft_argmax_backward", soft_argmax_backward),
    ("soft_argmax_moments_forward", soft_argmax_moments_forward),
    ("soft_argmax_moments_backward", soft_argmax_moments_backward),
    ("soft_argmax_over_forward", soft_argmax_over_forward),
    ("soft_argmax_over_backward", soft_argmax_over_backward),
    (
        "soft_argmax_over_bins_backward",
        soft_argmax_over_bins_backward,
    ),
    ("one_hot", one_hot),
    ("first_argmax", first_argmax),
    ("sign_one_hot", sign_one_hot),
    ("top_k", top_k),
    ("softmax", softmax),
    ("softmax_backward", softmax_backward),
    ("entmax_forward", entmax_forward),
    ("entmax_backward", entmax_backward),
    ("noisy", noisy),
    ("sampled_argmax", sampled_argmax),
    ("sampled_one_hot_forward", sampled_one_hot_forward),
    ("sampled_one_hot_backward", sampled_one_hot_backward),
    ("gumbel_softmax", gumbel_softmax),
    ("spatial_moments_forward", spatial_moments_forward),
    ("spatial_moments_backward", spatial_moments_backward),
    ("divergence", divergence),
    ("divergence_backward", divergence_backward),
    ("divergence_lines_backward", divergence_lines_backward),
];

/// The names of the methods of `ArgmaxOps` that are looked at.
pub fn operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

impl Tensors {
    fn empty(&self, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
        let shape = shape.into();
        let handle = self.client.empty(shape.num_elements() * dtype.size());
        // Of a runtime that is not linked: what a tensor's own client is for is not asked of the device.
        let device = CubeDevice::Cuda(CudaDevice::default());
        CubeTensor::new_contiguous(self.client.clone(), device, shape, handle, dtype)
    }

    fn like(&self, tensor: &CubeTensor) -> CubeTensor {
        self.empty(tensor.shape(), tensor.dtype)
    }

    fn logits(&self) -> CubeTensor {
        let width = self.layout.width;
        // Odd multiples, so that no wider vectors fit.
        let shape = match (self.layout.columns, self.layout.split) {
            (false, false) => [64, 255 * width, 1],
            (false, true) => [1, 262_145 * width, 1],
            (true, false) => [2, 192, 33 * width],
            (true, true) => [1, 65_537, width],
        };
        self.empty(shape, self.dtype)
    }

    /// For what is handed scores in the dtype that sums run in.
    fn widened_logits(&self) -> CubeTensor {
        self.empty(self.logits().shape(), DType::F32)
    }

    fn key(&self) -> CubeTensor {
        self.empty([4], DType::I32)
    }

    /// A map is one line, so these have rows alone.
    fn maps(&self) -> Option<CubeTensor> {
        let width = self.layout.width;
        let shape = match (self.layout.columns, self.layout.split) {
            (false, false) => [64, 2, 15, 17 * width],
            (false, true) => [1, 2, 511, 513 * width],
            (true, _) => return None,
        };
        Some(self.empty(shape, self.dtype))
    }

    /// The logarithms of the lines that make up a map.
    fn map_lines(&self, maps: &CubeTensor) -> CubeTensor {
        let shape = maps.shape();
        self.empty([shape[0], shape[1] + shape[2] + shape[3]], DType::F32)
    }

    /// Split lines are merged by kernels that know no weights.
    fn weightings(&self) -> Vec<Weighting> {
        let softmax = Weighting::softmax(1.0);
        if self.layout.split {
            return vec![softmax];
        }
        let weights = [softmax, softmax.above(0.5), Weighting::given()];
        weights
            .into_iter()
            .flat_map(|weights| [weights, weights.within(3)])
            .collect()
    }
}

fn soft_argmax_forward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        CubeBackend::soft_argmax_forward(tensors.logits(), DIM, weighting);
    }
}

fn soft_argmax_backward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        let logits = tensors.logits();
        let (index, state) = CubeBackend::soft_argmax_forward(logits.clone(), DIM, weighting);
        let grad = tensors.like(&index);
        CubeBackend::soft_argmax_backward(logits, state, grad, DIM, weighting);
    }
}

fn soft_argmax_moments_forward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        CubeBackend::soft_argmax_moments_forward(tensors.logits(), DIM, weighting);
    }
}

fn soft_argmax_moments_backward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        let logits = tensors.logits();
        let (moments, state) =
            CubeBackend::soft_argmax_moments_forward(logits.clone(), DIM, weighting);
        let grad = tensors.like(&moments);
        CubeBackend::soft_argmax_moments_backward(logits, state, grad, DIM, weighting);
    }
}

/// Bins that lines share, and bins that each has its own of.
fn bins(tensors: &Tensors, logits: &CubeTensor) -> [CubeTensor; 2] {
    let shared = [1, logits.shape()[DIM], 1];
    [shared.into(), logits.shape()].map(|shape: Shape| tensors.empty(shape, DType::F32))
}

fn soft_argmax_over_forward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        let logits = tensors.logits();
        for bins in bins(tensors, &logits) {
            CubeBackend::soft_argmax_over_forward(logits.clone(), bins, DIM, weighting);
        }
    }
}

fn soft_argmax_over_backward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        let logits = tensors.logits();
        for bins in bins(tensors, &logits) {
            let (value, state) =
                CubeBackend::soft_argmax_over_forward(logits.clone(), bins.clone(), DIM, weighting);
            let grad = tensors.like(&value);
            CubeBackend::soft_argmax_over_backward(
                logits.clone(),
                bins,
                state,
                grad,
                DIM,
                weighting,
            );
        }
    }
}

fn soft_argmax_over_bins_backward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        let logits = tensors.widened_logits();
        for bins in bins(tensors, &logits) {
            let shape = bins.shape();
            let (value, state) =
                CubeBackend::soft_argmax_over_forward(logits.clone(), bins, DIM, weighting);
            let grad = tensors.like(&value);
            CubeBackend::soft_argmax_over_bins_backward(
                logits.clone(),
                state,
                grad,
                DIM,
                weighting,
                shape,
            );
        }
    }
}

fn one_hot(tensors: &Tensors) {
    CubeBackend::one_hot(tensors.logits(), DIM);
}

fn first_argmax(tensors: &Tensors) {
    CubeBackend::first_argmax(tensors.logits(), DIM);
}

fn sign_one_hot(tensors: &Tensors) {
    CubeBackend::sign_one_hot(tensors.logits(), DIM);
}

fn top_k(tensors: &Tensors) {
    CubeBackend::top_k(tensors.logits(), 3, DIM);
}

fn softmax(tensors: &Tensors) {
    CubeBackend::softmax(tensors.logits(), DIM, 1.0);
}

fn softmax_backward(tensors: &Tensors) {
    let logits = tensors.logits();
    let grad = tensors.like(&logits);
    CubeBackend::softmax_backward(logits, grad, DIM, 1.0);
}

/// Of each form that roots are raised to a power in.
const ALPHAS: [f64; 3] = [1.25, 1.5, 2.0];

fn entmax_forward(tensors: &Tensors) {
    for alpha in ALPHAS {
        CubeBackend::entmax_forward(tensors.widened_logits(), DIM, alpha, 1.0);
    }
}

fn entmax_backward(tensors: &Tensors) {
    for alpha in ALPHAS {
        let logits = tensors.widened_logits();
        let (weights, state) = CubeBackend::entmax_forward(logits.clone(), DIM, alpha, 1.0);
        let grad = tensors.like(&weights);
        CubeBackend::entmax_backward(logits, state, grad, DIM, alpha, 1.0);
    }
}

fn noisy(tensors: &Tensors) {
    CubeBackend::noisy(tensors.widened_logits(), tensors.key(), 0);
}

fn sampled_argmax(tensors: &Tensors) {
    CubeBackend::sampled_argmax(tensors.logits(), tensors.key(), DIM);
}

fn sampled_one_hot_forward(tensors: &Tensors) {
    CubeBackend::sampled_one_hot_forward(tensors.logits(), tensors.key(), DIM);
}

/// Of the one estimator that is not composed of other operators.
fn sampled_one_hot_backward(tensors: &Tensors) {
    let logits = tensors.logits();
    let grad = tensors.like(&logits);
    let estimator = Estimator::GumbelSoftmax { beta: 1.0 };
    CubeBackend::sampled_one_hot_backward(logits, tensors.key(), grad, DIM, estimator);
}

fn gumbel_softmax(tensors: &Tensors) {
    CubeBackend::gumbel_softmax(tensors.logits(), tensors.key(), DIM, 1.0);
}

fn spatial_moments_forward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        for covariance in [false, true] {
            if let Some(maps) = tensors.maps() {
                CubeBackend::spatial_moments_forward(maps, covariance, weighting);
            }
        }
    }
}

fn spatial_moments_backward(tensors: &Tensors) {
    for weighting in tensors.weightings() {
        for covariance in [false, true] {
            if let Some(maps) = tensors.maps() {
                let (moments, state) =
                    CubeBackend::spatial_moments_forward(maps.clone(), covariance, weighting);
                let grad = tensors.like(&moments);
                CubeBackend::spatial_moments_backward(maps, state, grad, covariance, weighting);
            }
        }
    }
}

const DIVERGENCES: [Divergence; 2] = [Divergence::KullbackLeibler, Divergence::JensenShannon];

fn divergence(tensors: &Tensors) {
    for divergence in DIVERGENCES {
        if let Some(maps) = tensors.maps() {
            let lines = tensors.map_lines(&maps);
            CubeBackend::divergence(maps, lines, divergence);
        }
    }
}

fn divergence_backward(tensors: &Tensors) {
    for divergence in DIVERGENCES {
        if let Some(maps) = tensors.maps() {
            let lines = tensors.map_lines(&maps);
            let losses = CubeBackend::divergence(maps.clone(), lines.clone(), divergence);
            let grad = tensors.like(&losses);
            CubeBackend::divergence_backward(maps, lines, losses, grad, divergence);
        }
    }
}

fn divergence_lines_backward(tensors: &Tensors) {
    for divergence in DIVERGENCES {
        if let Some(maps) = tensors.maps() {
            let lines = tensors.map_lines(&maps);
            let losses = CubeBackend::divergence(maps.clone(), lines.clone(), divergence);
            let grad = tensors.like(&losses);
            until_the_device_is_asked(|| {
                CubeBackend::divergence_lines_backward(maps, lines, losses, grad, divergence);
            });
        }
    }
}

/// Burn's concatenation asks the device for memory. The kernels are launched by then.
///
/// # Panics
///
/// If anything else panics.
fn until_the_device_is_asked(run: impl FnOnce()) {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !asks_the_device(panic.payload()) {
                report(panic);
            }
        }));
    });
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run))
        && !asks_the_device(&*panic)
    {
        resume_unwind(panic);
    }
}

fn asks_the_device(panic: &(dyn Any + Send)) -> bool {
    let message = panic.downcast_ref::<String>();
    message.is_some_and(|message| message.contains("a runtime this build does not link"))
}
