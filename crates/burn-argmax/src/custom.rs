//! The operators as custom operations of a graph, which a fusion stream records and a remote device receives:
//! a name, tensors, and numbers for all that an operator is told beside them.

use alloc::{vec, vec::Vec};
use burn_core::{
    backend::ir::{BackendIr, CustomOpIr, HandleContainer, ScalarIr, TensorId, TensorIr},
    tensor::{DType, Shape},
};

use crate::{
    ArgmaxOps, Estimator, Weighting,
    composed::{accumulator_dtype, with_dim_size},
    losses::Divergence,
    ops::{LINE_MOMENTS, LINE_STATE, spatial_moments_len, spatial_state_len},
    weighting::Weights,
};

/// Calls a macro with every operator: its tensors, its arguments, and what shape and dtype each result has.
macro_rules! for_each_operation {
    ($macro:ident $settings:tt) => {
        $macro! {
            $settings
            fn soft_argmax(logits: Float; dim: usize, weighting: Weighting)
                -> index: Float = of_lines(logits, dim, 1);
            fn soft_argmax_forward(logits: Float; dim: usize, weighting: Weighting)
                -> index: Float = of_lines(logits, dim, 1), state: Float = state_of(logits, dim, 4);
            fn soft_argmax_backward(
                logits: Float, state: Float, grad: Float; dim: usize, weighting: Weighting
            ) -> gradient: Float = like(logits);

            fn soft_argmax_moments(logits: Float; dim: usize, weighting: Weighting)
                -> moments: Float = of_lines(logits, dim, LINE_MOMENTS);
            fn soft_argmax_moments_forward(logits: Float; dim: usize, weighting: Weighting)
                -> moments: Float = of_lines(logits, dim, LINE_MOMENTS),
                   state: Float = state_of(logits, dim, LINE_STATE);
            fn soft_argmax_moments_backward(
                logits: Float, state: Float, grad: Float; dim: usize, weighting: Weighting
            ) -> gradient: Float = like(logits);

            fn soft_argmax_over(logits: Float, bins: Float; dim: usize, weighting: Weighting)
                -> value: Float = of_lines(logits, dim, 1);
            fn soft_argmax_over_forward(logits: Float, bins: Float; dim: usize, weighting: Weighting)
                -> value: Float = of_lines(logits, dim, 1), state: Float = state_of(logits, dim, 4);
            fn soft_argmax_over_backward(
                logits: Float, bins: Float, state: Float, grad: Float; dim: usize, weighting: Weighting
            ) -> gradient: Float = like(logits);
            fn soft_argmax_over_bins_backward(
                logits: Float, state: Float, grad: Float; dim: usize, weighting: Weighting, shape: Shape
            ) -> gradient: Float = (shape.clone(), logits.dtype);

            fn one_hot(values: Float; dim: usize) -> marks: Float = like(values);
            fn sign_one_hot(values: Float; dim: usize) -> marks: Float = like(values);
            fn first_argmax(values: Float; dim: usize)
                -> index: Int = (with_dim_size(&values.shape, *dim, 1), DType::I32);

            fn top_k(values: Float; k: usize, dim: usize) -> marks: Float = like(values);
            fn soft_top_k(logits: Float; k: usize, dim: usize, beta: f64)
                -> weights: Float = like(logits);
            fn soft_top_k_forward(logits: Float; k: usize, dim: usize, beta: f64)
                -> weights: Float = like(logits), state: Float = of_lines(logits, dim, 2);
            fn soft_top_k_backward(logits: Float, state: Float, grad: Float; dim: usize, beta: f64)
                -> gradient: Float = like(logits);

            fn softmax(logits: Float; dim: usize, beta: f64) -> weights: Float = like(logits);
            fn softmax_backward(logits: Float, grad: Float; dim: usize, beta: f64)
                -> gradient: Float = like(logits);
            fn entmax(logits: Float; dim: usize, alpha: f64, beta: f64)
                -> weights: Float = like(logits);
            fn entmax_forward(logits: Float; dim: usize, alpha: f64, beta: f64)
                -> weights: Float = like(logits), state: Float = of_lines(logits, dim, 3);
            fn entmax_backward(
                logits: Float, state: Float, grad: Float; dim: usize, alpha: f64, beta: f64
            ) -> gradient: Float = like(logits);

            fn noisy(logits: Float, key: Int; stream: u32) -> noisy: Float = like(logits);
            fn gumbel_softmax(logits: Float, key: Int; dim: usize, beta: f64)
                -> weights: Float = like(logits);
            fn sampled_argmax(logits: Float, key: Int; dim: usize)
                -> index: Int = (with_dim_size(&logits.shape, *dim, 1), DType::I32);
            fn sampled_one_hot_forward(logits: Float, key: Int; dim: usize)
                -> marks: Float = like(logits);
            fn sampled_one_hot_backward(
                logits: Float, key: Int, grad: Float; dim: usize, estimator: Estimator
            ) -> gradient: Float = like(logits);

            fn spatial_moments(heatmaps: Float; covariance: bool, weighting: Weighting)
                -> moments: Float = of_maps(heatmaps, spatial_moments_len(*covariance));
            fn spatial_moments_forward(heatmaps: Float; covariance: bool, weighting: Weighting)
                -> moments: Float = of_maps(heatmaps, spatial_moments_len(*covariance)),
                   state: Float = of_maps(heatmaps, spatial_state_len(*covariance));
            fn spatial_moments_backward(
                heatmaps: Float, state: Float, grad: Float; covariance: bool, weighting: Weighting
            ) -> gradient: Float = like(heatmaps);

            fn divergence(heatmaps: Float, lines: Float; divergence: Divergence)
                -> losses: Float = (Shape::from([heatmaps.shape[0], 1]), lines.dtype);
            fn divergence_backward(
                heatmaps: Float, lines: Float, losses: Float, grad: Float; divergence: Divergence
            ) -> gradient: Float = like(heatmaps);
            fn divergence_lines_backward(
                heatmaps: Float, lines: Float, losses: Float, grad: Float; divergence: Divergence
            ) -> gradient: Float = like(lines);
        }
    };
}

/// What a tensor will be.
type Metadata = (Shape, DType);

fn like(tensor: &TensorIr) -> Metadata {
    (tensor.shape.clone(), tensor.dtype)
}

/// So many numbers a line, in the dtype of its elements.
fn of_lines(lines: &TensorIr, dim: &usize, numbers: usize) -> Metadata {
    (with_dim_size(&lines.shape, *dim, numbers), lines.dtype)
}

/// The same in the dtype that sums run in. Where the backend that runs the operator keeps more or fewer, no harm
/// is done: a state is only handed back to it.
fn state_of(lines: &TensorIr, dim: &usize, numbers: usize) -> Metadata {
    let (shape, dtype) = of_lines(lines, dim, numbers);
    (shape, accumulator_dtype(dtype).into())
}

/// So many numbers a map, in the dtype that sums run in.
fn of_maps(heatmaps: &TensorIr, numbers: usize) -> Metadata {
    let shape = Shape::from([heatmaps.shape[0], numbers]);
    (shape, accumulator_dtype(heatmaps.dtype).into())
}

/// What an operator is told beside its tensors.
pub(crate) trait Argument {
    /// Appends it as numbers.
    fn write(&self, scalars: &mut Vec<ScalarIr>);

    /// Takes it from the front again.
    fn read(scalars: &mut Scalars) -> Self;
}

/// The numbers of an operation that are not read yet.
pub(crate) struct Scalars<'a>(core::slice::Iter<'a, ScalarIr>);

impl Scalars<'_> {
    fn next(&mut self) -> ScalarIr {
        *self
            .0
            .next()
            .expect("an operation of the same version of burn-argmax")
    }
}

macro_rules! scalar_argument {
    ($($type:ty: $kind:ident as $wide:ty),*) => {$(
        impl Argument for $type {
            fn write(&self, scalars: &mut Vec<ScalarIr>) {
                scalars.push(ScalarIr::$kind(*self as $wide));
            }

            fn read(scalars: &mut Scalars) -> Self {
                match scalars.next() {
                    ScalarIr::$kind(value) => value as $type,
                    other => panic!("burn-argmax: expected a {}, got {other:?}", stringify!($type)),
                }
            }
        }
    )*};
}

scalar_argument!(usize: UInt as u64, u32: UInt as u64, f64: Float as f64, bool: Bool as bool);

impl<T: Argument + Copy + Default> Argument for Option<T> {
    fn write(&self, scalars: &mut Vec<ScalarIr>) {
        self.is_some().write(scalars);
        self.unwrap_or_default().write(scalars);
    }

    fn read(scalars: &mut Scalars) -> Self {
        let is_some = bool::read(scalars);
        let value = T::read(scalars);
        is_some.then_some(value)
    }
}

impl Argument for Shape {
    fn write(&self, scalars: &mut Vec<ScalarIr>) {
        self.num_dims().write(scalars);
        self.iter().for_each(|size| size.write(scalars));
    }

    fn read(scalars: &mut Scalars) -> Self {
        let dims = usize::read(scalars);
        Self::from((0..dims).map(|_| usize::read(scalars)).collect::<Vec<_>>())
    }
}

impl Argument for Weights {
    fn write(&self, scalars: &mut Vec<ScalarIr>) {
        let (beta, level) = match *self {
            Self::Softmax { beta } => (Some(beta), None),
            Self::Above { beta, level } => (Some(beta), Some(level)),
            Self::Given => (None, None),
        };
        beta.write(scalars);
        level.write(scalars);
    }

    fn read(scalars: &mut Scalars) -> Self {
        match (Option::read(scalars), Option::read(scalars)) {
            (Some(beta), Some(level)) => Self::Above { beta, level },
            (Some(beta), None) => Self::Softmax { beta },
            (None, _) => Self::Given,
        }
    }
}

impl Argument for Weighting {
    fn write(&self, scalars: &mut Vec<ScalarIr>) {
        self.weights.write(scalars);
        self.radius.write(scalars);
        self.alpha.write(scalars);
    }

    fn read(scalars: &mut Scalars) -> Self {
        Self {
            weights: Weights::read(scalars),
            radius: Option::read(scalars),
            alpha: Option::read(scalars),
        }
    }
}

impl Argument for Estimator {
    fn write(&self, scalars: &mut Vec<ScalarIr>) {
        let (kind, beta, samples, gap) = match *self {
            Self::Identity => (0, 0.0, 0, 0.0),
            Self::Softmax { beta } => (1, beta, 0, 0.0),
            Self::GumbelSoftmax { beta } => (2, beta, 0, 0.0),
            Self::ReinMax { beta } => (3, beta, 0, 0.0),
            Self::GumbelRao { beta, samples } => (4, beta, samples, 0.0),
            Self::Gapped { beta, gap } => (5, beta, 0, gap),
        };
        u32::write(&kind, scalars);
        beta.write(scalars);
        samples.write(scalars);
        gap.write(scalars);
    }

    fn read(scalars: &mut Scalars) -> Self {
        let kind = u32::read(scalars);
        let beta = f64::read(scalars);
        let samples = usize::read(scalars);
        let gap = f64::read(scalars);
        match kind {
            0 => Self::Identity,
            1 => Self::Softmax { beta },
            2 => Self::GumbelSoftmax { beta },
            3 => Self::ReinMax { beta },
            4 => Self::GumbelRao { beta, samples },
            5 => Self::Gapped { beta, gap },
            other => panic!("burn-argmax: no estimator has the number {other}"),
        }
    }
}

impl Argument for Divergence {
    fn write(&self, scalars: &mut Vec<ScalarIr>) {
        (*self == Self::JensenShannon).write(scalars);
    }

    fn read(scalars: &mut Scalars) -> Self {
        if bool::read(scalars) {
            Self::JensenShannon
        } else {
            Self::KullbackLeibler
        }
    }
}

/// The name of an operator in a graph.
macro_rules! id {
    ($name:ident) => {
        concat!("argmax::", stringify!($name))
    };
}

/// The tensor of an operation.
macro_rules! get {
    ($handles:ident, Float, $input:ident) => {
        $handles.get_float_tensor::<B>($input)
    };
    ($handles:ident, Int, $input:ident) => {
        $handles.get_int_tensor::<B>($input)
    };
}

/// A result of an operation.
macro_rules! put {
    ($handles:ident, Float, $output:ident, $id:expr) => {
        $handles.register_float_tensor::<B>($id, $output)
    };
    ($handles:ident, Int, $output:ident, $id:expr) => {
        $handles.register_int_tensor::<B>($id, $output)
    };
}

/// A name, or a tuple of names.
macro_rules! one_or_all {
    ($name:ident) => { $name };
    ($($name:ident),+) => { ($($name),+) };
}

macro_rules! describe_and_execute {
    ({} $(
        fn $name:ident($($input:ident: $kind:ident),+; $($argument:ident: $type:ty),*)
            -> $($output:ident: $output_kind:ident = $metadata:expr),+;
    )+) => {
        /// The names of all operators in a graph.
        #[cfg(feature = "router")]
        pub(crate) const IDS: &[&str] = &[$(id!($name)),+];

        $(
            /// The operation, still to be executed.
            pub(crate) fn $name(
                $($input: TensorIr,)+
                $($argument: &$type,)*
                mut new_id: impl FnMut() -> TensorId,
            ) -> CustomOpIr {
                let inputs = [$($input),+];
                let [$($input),+] = &inputs;
                // The shapes of the results follow from some of them.
                let _ = ($($input),+);
                let outputs = [$($metadata),+];
                let outputs = outputs.map(|(shape, dtype)| TensorIr::uninit(new_id(), shape, dtype));
                let mut scalars = vec![];
                $($argument.write(&mut scalars);)*
                CustomOpIr::with_scalars(id!($name), &inputs, &outputs, scalars)
            }
        )+

        /// Runs an operation on a backend that has its tensors.
        pub(crate) fn execute<B: BackendIr + ArgmaxOps>(
            handles: &mut HandleContainer<B::Handle>,
            operation: &CustomOpIr,
        ) {
            let mut scalars = Scalars(operation.scalars.iter());
            match operation.id.as_str() {
                $(id!($name) => {
                    let [$($input),+] = operation.inputs.as_slice() else {
                        panic!("burn-argmax: {} got {} tensors", operation.id, operation.inputs.len())
                    };
                    $(let $input = get!(handles, $kind, $input);)+
                    $(let $argument = <$type>::read(&mut scalars);)*
                    let one_or_all!($($output),+) = <B as ArgmaxOps>::$name($($input,)+ $($argument),*);
                    let mut outputs = operation.outputs.iter();
                    $(put!(handles, $output_kind, $output, &outputs.next().expect("a result").id);)+
                })+
                other => panic!("burn-argmax: no operator has the name {other:?}"),
            }
        }
    };
}

for_each_operation!(describe_and_execute {});

/// The type of a tensor, or of several.
macro_rules! tensor {
    (Float) => { burn_core::backend::tensor::FloatTensor<Self> };
    (Int) => { burn_core::backend::tensor::IntTensor<Self> };
    ($($kind:ident),+) => { ($($crate::custom::tensor!($kind)),+) };
}

/// The methods of a backend whose tensors have a client that records operations.
macro_rules! record {
    ({ $register:expr } $(
        fn $name:ident(
            $first:ident: $first_kind:ident $(, $input:ident: $kind:ident)*;
            $($argument:ident: $type:ty),*
        ) -> $($output:ident: $output_kind:ident = $metadata:expr),+;
    )+) => {$(
        fn $name(
            $first: $crate::custom::tensor!($first_kind),
            $($input: $crate::custom::tensor!($kind),)*
            $($argument: $type),*
        ) -> $crate::custom::tensor!($($output_kind),+) {
            let client = $first.client.clone();
            let operation = $crate::custom::$name(
                $first.into_ir(),
                $($input.into_ir(),)*
                $(&$argument,)*
                || client.create_empty_handle(),
            );
            let mut results = $register(&client, operation).into_iter();
            ($($crate::custom::next!(results, $output)),+)
        }
    )+};
}

/// The next of the results, whatever its name is.
macro_rules! next {
    ($results:ident, $output:ident) => {
        $results.next().expect("a result")
    };
}

pub(crate) use {for_each_operation, next, record, tensor};
