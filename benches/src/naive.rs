//! The operators as users write them today.

use burn::tensor::{Distribution, IndexingUpdateOp, Int, Tensor, activation::softmax};

/// The index along `dim`, of size 1 along the others.
fn index<const D: usize>(like: &Tensor<D>, dim: usize) -> Tensor<D> {
    let mut shape = [1; D];
    shape[dim] = like.dims()[dim];
    let index = Tensor::<1, Int>::arange(0..shape[dim] as i64, &like.device());
    index.float().reshape(shape)
}

/// Softmax times the index, summed.
pub fn soft_argmax<const D: usize>(logits: Tensor<D>, dim: usize, beta: f64) -> Tensor<D> {
    let index = index(&logits, dim);
    (softmax(logits * beta, dim) * index).sum_dim(dim)
}

/// The same of what is near the argmax.
pub fn soft_argmax_within<const D: usize>(
    logits: Tensor<D>,
    dim: usize,
    beta: f64,
    radius: usize,
) -> Tensor<D> {
    let argmax = logits.clone().detach().argmax(dim).float();
    let outside = (index(&logits, dim) - argmax)
        .abs()
        .greater_elem(radius as f64);
    soft_argmax(logits.mask_fill(outside, f64::NEG_INFINITY), dim, beta)
}

/// Weights times the index, summed, over their sum.
pub fn center_of_mass<const D: usize>(weights: Tensor<D>, dim: usize) -> Tensor<D> {
    let index = index(&weights, dim);
    (weights.clone() * index).sum_dim(dim) / weights.sum_dim(dim)
}

/// The entmax of an alpha of 3/2, its threshold by halving an interval.
pub fn entmax<const D: usize>(logits: Tensor<D>, dim: usize) -> Tensor<D> {
    let x = logits * 0.5;
    let mut low = x.clone().detach().max_dim(dim) - 1.0;
    let mut width = 1.0;
    for _ in 0..20 {
        width /= 2.0;
        let middle = low.clone() + width;
        let sum = (x.clone().detach() - middle)
            .clamp_min(0.0)
            .square()
            .sum_dim(dim);
        low = low + sum.greater_equal_elem(1.0).float() * width;
    }
    let weights = (x - low).clamp_min(0.0).square();
    weights.clone() / weights.sum_dim(dim)
}

/// The mean and the variance of the index.
pub fn soft_argmax_moments<const D: usize>(logits: Tensor<D>, dim: usize, beta: f64) -> Tensor<D> {
    let index = index(&logits, dim);
    let p = softmax(logits * beta, dim);
    let mean = (p.clone() * index.clone()).sum_dim(dim);
    let variance = (p * (index - mean.clone()).square()).sum_dim(dim);
    Tensor::cat(vec![mean, variance], dim)
}

/// Softmax over the pixels.
pub fn spatial_softmax<const D: usize>(heatmaps: Tensor<D>, beta: f64) -> Tensor<D> {
    let shape = heatmaps.dims();
    softmax(pixels(heatmaps) * beta, 2).reshape(shape)
}

fn pixels<const D: usize>(maps: Tensor<D>) -> Tensor<3> {
    let shape = maps.dims();
    maps.reshape([shape[0], shape[1], shape[2] * shape[3]])
}

/// The x and the y of every pixel.
fn positions<const D: usize>(maps: &Tensor<D>) -> [Tensor<3>; 2] {
    let [h, w] = [maps.dims()[2], maps.dims()[3]];
    let line = |size: usize| Tensor::<1, Int>::arange(0..size as i64, &maps.device()).float();
    let x = line(w).reshape([1, 1, 1, w]).expand([1, 1, h, w]);
    let y = line(h).reshape([1, 1, h, 1]).expand([1, 1, h, w]);
    [x, y].map(|at| at.reshape([1, 1, h * w]))
}

/// Weights times the x and the y of their pixel, summed, over their sum.
pub fn spatial_mean<const D: usize>(weights: Tensor<D>) -> Tensor<3> {
    let at = positions(&weights);
    let weights = pixels(weights);
    let sum = weights.clone().sum_dim(2);
    Tensor::cat(
        at.map(|at| (weights.clone() * at).sum_dim(2) / sum.clone())
            .to_vec(),
        2,
    )
}

/// Masks farther from the argmax than the radius, along x or y.
pub fn spatial_window<const D: usize>(heatmaps: Tensor<D>, radius: usize) -> Tensor<D> {
    let shape = heatmaps.dims();
    let w = shape[3] as f64;
    let at = positions(&heatmaps);
    let flat = pixels(heatmaps);
    let argmax = flat.clone().detach().argmax(2).float();
    let y = (argmax.clone() / w).floor();
    let peak = [argmax - y.clone() * w, y];
    let [x, y] = [0, 1].map(|axis| {
        let distance = (at[axis].clone() - peak[axis].clone()).abs();
        distance.greater_elem(radius as f64)
    });
    let near = flat.mask_fill(x.bool_or(y), f64::NEG_INFINITY);
    near.reshape(shape)
}

/// The divergence of softmax and a Gaussian about the middle of the map.
pub fn jensen_shannon<const D: usize>(heatmaps: Tensor<D>, beta: f64) -> Tensor<2> {
    let [h, w] = [heatmaps.dims()[2], heatmaps.dims()[3]];
    let [x, y] = positions(&heatmaps);
    let middle = |size: usize| (size as f64 - 1.0) / 2.0;
    let square = (x - middle(w)).square() + (y - middle(h)).square();
    let q = (square * -0.5).exp();
    let q = q.clone() / q.sum_dim(2);
    let p = softmax(pixels(heatmaps) * beta, 2);
    let q = q.expand(p.dims());
    let log_middle = ((p.clone() + q.clone()) * 0.5 + 1e-24).log();
    let divergence =
        |a: Tensor<3>| (a.clone() * ((a + 1e-24).log() - log_middle.clone())).sum_dim(2);
    ((divergence(p) + divergence(q)) * 0.5).squeeze_dim(2)
}

/// `hard - soft.detach() + soft`, the hard one-hot scattered to the argmax.
pub fn straight_through_one_hot<const D: usize>(
    logits: Tensor<D>,
    dim: usize,
    beta: f64,
) -> Tensor<D> {
    let soft = softmax(logits * beta, dim);
    let index = soft.clone().detach().argmax(dim);
    let ones = Tensor::ones(index.dims(), &soft.device());
    let zeros = Tensor::<D>::zeros(soft.dims(), &soft.device());
    let hard = zeros.scatter(dim, index, ones, IndexingUpdateOp::Add);
    hard - soft.clone().detach() + soft
}

/// 1 at the `k` largest, with the gradient of a softmax.
pub fn straight_through_top_k<const D: usize>(
    logits: Tensor<D>,
    k: usize,
    dim: usize,
    beta: f64,
) -> Tensor<D> {
    let soft = softmax(logits * beta, dim);
    let (_, indices) = soft.clone().detach().topk_with_indices(k, dim);
    let ones = Tensor::ones(indices.dims(), &soft.device());
    let zeros = Tensor::<D>::zeros(soft.dims(), &soft.device());
    let hard = zeros.scatter(dim, indices, ones, IndexingUpdateOp::Add);
    hard - soft.clone().detach() + soft
}

/// `clip(beta * x - t, 0, 1)`, with the `t` by bisection.
pub fn soft_top_k<const D: usize>(logits: Tensor<D>, k: usize, dim: usize, beta: f64) -> Tensor<D> {
    let scaled = logits * beta;
    let constant = scaled.clone().detach();
    let mut high = constant.clone().max_dim(dim);
    let mut low = constant.clone().min_dim(dim) - 1.0;
    for _ in 0..30 {
        let middle = (low.clone() + high.clone()) / 2.0;
        let sum = (constant.clone() - middle.clone())
            .clamp(0.0, 1.0)
            .sum_dim(dim);
        let is_low = sum.greater_elem(k as f64);
        low = low.mask_where(is_low.clone(), middle.clone());
        high = high.mask_where(is_low.bool_not(), middle);
    }
    // Where a weight moves, the threshold does, by the mean.
    let soft = (constant.clone() - high.clone()).clamp(0.0, 1.0);
    let moves = soft
        .clone()
        .greater_elem(0.0)
        .bool_and(soft.lower_elem(1.0))
        .float();
    let count = moves.clone().sum_dim(dim).clamp_min(1.0);
    let shift = ((scaled.clone() - constant) * moves).sum_dim(dim) / count;
    (scaled - high - shift).clamp(0.0, 1.0)
}

/// The same as the one-hot, of scores with Gumbel noise.
pub fn sampled_one_hot<const D: usize>(logits: Tensor<D>, dim: usize, beta: f64) -> Tensor<D> {
    let draw = logits.random_like(Distribution::Uniform(1e-9, 1.0 - 1e-7));
    let noise = -(-draw.log()).log();
    straight_through_one_hot(logits + noise, dim, beta)
}

/// `1 - sign(max - x)`.
pub fn sign_one_hot<const D: usize>(values: Tensor<D>, dim: usize) -> Tensor<D> {
    let max = values.clone().max_dim(dim);
    -(max - values).sign() + 1.0
}
