//! Graphs that are captured for an exporter: the operators that it is likely to meet, in a few plain operations that
//! exporters know. Masks and broken rows are left to what runs the graph.

use burn_core::{
    backend::{TensorMetadata, capture::CaptureBackend, ops::FloatTensorOps, tensor::FloatTensor},
    tensor::{IntDType, Shape, TensorData},
};

use crate::{ArgmaxOps, Weighting, composed, weighting::Weights};

type Graph = CaptureBackend;

impl ArgmaxOps for Graph {
    fn soft_argmax(
        logits: FloatTensor<Self>,
        dim: usize,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        let Some(weights) = weights(logits.clone(), dim, weighting) else {
            return composed::soft_argmax_forward::<Self>(logits, dim, weighting).0;
        };
        let dtype = logits.dtype();
        let n = logits.shape()[dim];
        let mut line = vec![1; logits.shape().num_dims()];
        line[dim] = n;
        let indices = (0..n).map(|index| index as f32).collect();
        let indices = constant(indices, line.into(), &weights);
        composed::cast::<Self>(mean(weights, indices, dim), dtype)
    }

    fn softmax(logits: FloatTensor<Self>, dim: usize, beta: f64) -> FloatTensor<Self> {
        let dtype = logits.dtype();
        let weights = exponentials(logits, dim, beta);
        let sum = Self::float_sum_dim(weights.clone(), dim);
        composed::cast::<Self>(Self::float_div(weights, sum), dtype)
    }

    fn spatial_moments(
        heatmaps: FloatTensor<Self>,
        covariance: bool,
        weighting: Weighting,
    ) -> FloatTensor<Self> {
        let shape = heatmaps.shape();
        let (maps, sizes) = (shape[0], [shape[3], shape[2], shape[1]]);
        let positions = sizes.iter().product();
        let lines = Self::float_reshape(heatmaps.clone(), Shape::from([maps, positions]));
        let weights = match weights(lines, 1, weighting) {
            Some(weights) if !covariance => weights,
            _ => {
                return composed::spatial_moments_forward::<Self>(heatmaps, covariance, weighting)
                    .0;
            }
        };
        let mut stride = 1;
        let means = sizes.map(|size| {
            let along = (0..positions).map(|position| (position / stride % size) as f32);
            let along = constant(along.collect(), Shape::from([1, positions]), &weights);
            stride *= size;
            mean(weights.clone(), along, 1)
        });
        Self::float_cat(means.into(), 1)
    }
}

/// What scores weigh, where it can be said in plain operations, in the dtype that sums run in.
fn weights(
    logits: FloatTensor<Graph>,
    dim: usize,
    weighting: Weighting,
) -> Option<FloatTensor<Graph>> {
    match weighting.weights {
        _ if weighting.radius.is_some() => None,
        Weights::Softmax { beta } => Some(exponentials(logits, dim, beta)),
        Weights::Given => Some(composed::widen::<Graph>(logits)),
        Weights::Above { .. } => None,
    }
}

fn exponentials(logits: FloatTensor<Graph>, dim: usize, beta: f64) -> FloatTensor<Graph> {
    let logits = composed::widen::<Graph>(logits);
    let (max, _) = Graph::float_max_dim_with_indices(logits.clone(), dim, IntDType::I32);
    let below = Graph::float_sub(logits, max);
    Graph::float_exp(Graph::float_mul_scalar(below, beta.into()))
}

/// The mean of `values` under the weights.
fn mean(weights: FloatTensor<Graph>, values: FloatTensor<Graph>, dim: usize) -> FloatTensor<Graph> {
    let sum = Graph::float_sum_dim(weights.clone(), dim);
    let weighted = Graph::float_sum_dim(Graph::float_mul(weights, values), dim);
    Graph::float_div(weighted, sum)
}

/// Numbers of the dtype and on the device of other ones.
fn constant(values: Vec<f32>, shape: Shape, like: &FloatTensor<Graph>) -> FloatTensor<Graph> {
    let data = TensorData::new(values, shape).convert_dtype(like.dtype());
    Graph::float_from_data(data, &like.device())
}
