//! The largest of a row, hard and soft, as their definitions read.

/// 1 at the `k` largest, of equals at the first. A NaN is the largest.
pub fn top_k(row: &[f64], k: usize) -> Vec<f64> {
    let mut order: Vec<usize> = (0..row.len()).collect();
    let rank = |&i: &usize| (!row[i].is_nan(), -row[i]);
    order.sort_by(|a, b| {
        rank(a)
            .partial_cmp(&rank(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let mut marks = vec![0.0; row.len()];
    order[..k].iter().for_each(|&i| marks[i] = 1.0);
    marks
}

/// `clip(beta * x - t, 0, 1)` that sum to `k`.
pub fn soft_top_k(row: &[f64], k: usize, beta: f64) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() || row.iter().any(|x| x.is_nan()) {
        return vec![f64::NAN; row.len()];
    }
    let is_mask = |x: &f64| *x == f64::NEG_INFINITY;
    if row.iter().filter(|x| !is_mask(x)).count() <= k {
        return row.iter().map(|x| f64::from(!is_mask(x))).collect();
    }
    let scaled: Vec<f64> = row
        .iter()
        .map(|x| if is_mask(x) { *x } else { beta * (x - max) })
        .collect();
    let weights = |t: f64| scaled.iter().map(move |z| (z - t).clamp(0.0, 1.0));
    // Between these the same weights are 0, and the same are 1.
    let finite = scaled.iter().filter(|z| z.is_finite());
    let mut turns: Vec<f64> = finite.flat_map(|z| [*z, z - 1.0]).collect();
    turns.sort_by(f64::total_cmp);
    let above = turns.partition_point(|&t| weights(t).sum::<f64>() >= k as f64);
    let between = (turns[above - 1] + turns[above]) / 2.0;
    let moving = scaled.iter().filter(|&&z| z > between && z - 1.0 < between);
    let moving: Vec<f64> = moving.copied().collect();
    if moving.is_empty() {
        return weights(between).collect();
    }
    let ones = scaled.iter().filter(|&&z| z - 1.0 >= between).count();
    // In parts: a slope is a small difference of two such sums.
    let sum: f64 = moving
        .chunks(256)
        .map(|part| part.iter().sum::<f64>())
        .sum();
    weights((sum + ones as f64 - k as f64) / moving.len() as f64).collect()
}

/// The gradient of `sum(upstream * soft_top_k(row))`.
pub fn soft_top_k_gradient(row: &[f64], k: usize, beta: f64, upstream: &[f64]) -> Vec<f64> {
    let weights = soft_top_k(row, k, beta);
    let moves = |i: &usize| weights[*i] > 0.0 && weights[*i] < 1.0;
    let moving: Vec<usize> = (0..row.len()).filter(moves).collect();
    let mean = moving.iter().map(|&i| upstream[i]).sum::<f64>() / moving.len() as f64;
    let mut gradient = vec![0.0; row.len()];
    moving
        .iter()
        .for_each(|&i| gradient[i] = beta * (upstream[i] - mean));
    gradient
}
