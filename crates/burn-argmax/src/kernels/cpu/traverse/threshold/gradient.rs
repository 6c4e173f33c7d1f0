//! The gradient of weights above a threshold: their slopes times how far the upstream gradient is from its
//! mean under the slopes.

use multiversion::target::target_cfg_f;

use super::{
    super::{
        block::Block,
        narrow_columns::{state_of_columns, state_of_rows},
    },
    mean::{MEAN, Sums, slopes_of, upstream_of_peak},
    op::ThresholdOp,
    state::{LaneStates, State, THRESHOLD_STATE, lane_states, lanes},
};
use crate::kernels::cpu::{
    Accumulator, Lines, check_length,
    plan::{LANES, TASK, TASK_ROWS, THRESHOLD_TILE},
    share::share,
    simd::{filled_up, fold, specialized, vectorized},
};

/// `rate * slope * (grad - mean)` of every line in the place of `grad`, with the mean under the slopes.
pub(crate) fn less_mean_above_threshold<A, O>(
    values: &[A],
    state: &[A],
    grad: &mut [A],
    lines: Lines,
    op: O,
    rate: f64,
) where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    check_length("logits", values.len(), lines.elements());
    check_length("state", state.len(), THRESHOLD_STATE * lines.count());
    check_length("grad", grad.len(), lines.elements());
    let Lines { n, inner, .. } = lines;
    let rate = A::from_f64(rate.min(A::LARGEST.to_f64()));
    if inner < LANES {
        let rows = state_of_rows(state, lines, THRESHOLD_STATE);
        let (states, _) = rows.as_chunks::<THRESHOLD_STATE>();
        let block = lines.in_a_task() * n;
        let tasks = grad
            .chunks_mut(block)
            .zip(values.chunks(block))
            .zip(states.chunks(block / n));
        return share(tasks, values.len(), |((grad, values), states)| {
            let values = lines.rows(values);
            lines.map_rows(grad, |grad| {
                let mut means = vec![[A::ZERO; MEAN]; states.len()];
                find_means(&values, grad, states, &mut means, op);
                less_mean_of_rows(&values, grad, states, &means, op, rate);
            });
        });
    }
    let mut means = vec![[A::ZERO; MEAN]; lines.count()];
    let tasks = means.chunks_mut(inner).enumerate();
    let tasks = tasks.flat_map(|(table, means)| {
        let tiles = means.chunks_mut(THRESHOLD_TILE).enumerate();
        tiles.map(move |(tile, means)| (table, tile * THRESHOLD_TILE, means))
    });
    let upstream = &*grad;
    share(tasks, values.len(), |(table, first, means)| {
        let state = &state[table * THRESHOLD_STATE * inner..][..THRESHOLD_STATE * inner];
        let [values, grad] =
            [values, upstream].map(|values| &values[table * lines.table()..][..lines.table()]);
        find_means_of_columns(values, grad, inner, first, state, means, op);
    });
    let means = state_of_columns(means.into_flattened(), lines, MEAN);
    let rows = TASK_ROWS.max(TASK.div_ceil(inner));
    let tables = grad.chunks_mut(lines.table()).enumerate();
    let tasks = tables.flat_map(|(table, grad)| {
        let parts = grad.chunks_mut(rows * inner).enumerate();
        parts.map(move |(part, grad)| (table, part * rows * inner, grad))
    });
    share(tasks, values.len(), |(table, start, grad)| {
        let values = &values[table * lines.table() + start..][..grad.len()];
        let state = &state[table * THRESHOLD_STATE * inner..][..THRESHOLD_STATE * inner];
        let means = &means[table * MEAN * inner..][..MEAN * inner];
        let rows = grad.chunks_exact_mut(inner).zip(values.chunks_exact(inner));
        for (grad, values) in rows {
            less_mean_of_columns(values, grad, state, means, op, rate);
        }
    });
}

vectorized! {
    fn find_means<A, O>(
        rows: &[A],
        grad: &[A],
        states: &[State<A>],
        means: &mut [[A; MEAN]],
        op: O,
    ) where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, find_each_mean::<A, O>(rows, grad, states, means, op));
    }
}

#[inline(always)]
fn find_each_mean<A, O, const FMA: bool>(
    rows: &[A],
    grad: &[A],
    states: &[State<A>],
    means: &mut [[A; MEAN]],
    op: O,
) where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let n = rows.len() / states.len();
    let rows = rows.chunks_exact(n).zip(grad.chunks_exact(n));
    for (((row, grad), state), mean) in rows.zip(states).zip(means) {
        if state[1].is_nan() {
            *mean = mean_without_weights(row, grad);
            continue;
        }
        let (scores, upstream) = (Block::new(row), Block::new(grad));
        let scores = scores.chunks.iter().copied().chain(scores.tail);
        let upstream = upstream.chunks.iter().copied().chain(upstream.tail);
        let state = state.map(|number| [number; LANES]);
        let vectors = scores.clone().zip(upstream.clone());
        let mut sums = Sums::about(upstream_of_peak(vectors, state[0]));
        for (scores, upstream) in scores.zip(upstream) {
            sums.add::<A, O, FMA>(scores, upstream, state, op);
        }
        let [slopes, products] =
            [sums.slopes, sums.products].map(|lanes| fold(lanes, |a, b| a + b));
        *mean = Sums::mean([slopes, products, sums.peak[0]]);
    }
}

vectorized! {
    /// The means of the columns of a table from one on, whose state is entry by entry.
    fn find_means_of_columns<A, O>(
        values: &[A],
        grad: &[A],
        inner: usize,
        first: usize,
        state: &[A],
        means: &mut [[A; MEAN]],
        op: O,
    ) where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, find_mean_of_each_column::<A, O>(values, grad, inner, first, state, means, op));
    }
}

#[inline(always)]
fn find_mean_of_each_column<A, O, const FMA: bool>(
    values: &[A],
    grad: &[A],
    inner: usize,
    first: usize,
    state: &[A],
    means: &mut [[A; MEAN]],
    op: O,
) where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let columns = means.len();
    let mut sums = vec![Sums::about(0.0); columns.div_ceil(LANES)];
    let starts = (first..first + columns).step_by(LANES);
    let states: Vec<LaneStates<A>> = starts
        .map(|start| lane_states::<A, _, false>(state, inner, start))
        .collect();
    for (row, grad) in values.chunks_exact(inner).zip(grad.chunks_exact(inner)) {
        let (vectors, rest) = row[first..][..columns].as_chunks::<LANES>();
        let (upstream, last) = grad[first..][..columns].as_chunks::<LANES>();
        let groups = sums.iter_mut().zip(&states);
        for ((sums, &state), (&scores, &upstream)) in groups.zip(vectors.iter().zip(upstream)) {
            sums.meet_peaks(scores, upstream, state[0]);
            sums.add::<A, O, FMA>(scores, upstream, state, op);
        }
        if !rest.is_empty() {
            let group = vectors.len();
            let (scores, upstream) = (filled_up(rest), filled_up(last));
            sums[group].meet_peaks(scores, upstream, states[group][0]);
            sums[group].add::<A, O, FMA>(scores, upstream, states[group], op);
        }
    }
    for (column, mean) in means.iter_mut().enumerate() {
        *mean = if state[inner + first + column].is_nan() {
            let [row, grad] = [values, grad].map(|values| {
                let column = values[first + column..].iter().step_by(inner);
                column.copied().collect::<Vec<_>>()
            });
            mean_without_weights(&row, &grad)
        } else {
            let lane = column % LANES;
            let sums = &sums[column / LANES];
            Sums::mean([sums.slopes[lane], sums.products[lane], sums.peak[lane]])
        };
    }
}

/// Masks take no part.
#[cold]
fn mean_without_weights<A: Accumulator>(row: &[A], grad: &[A]) -> [A; MEAN] {
    let mut upstream = row.iter().zip(grad);
    let silent = upstream.all(|(&x, &g)| x == A::NEG_INFINITY || g == A::ZERO);
    [if silent { A::ZERO } else { A::NAN }; MEAN]
}

/// The gradients of scores.
#[inline(always)]
fn less_mean<A, O, const FMA: bool>(
    scores: [A; LANES],
    upstream: [A; LANES],
    state: LaneStates<A>,
    mean: [[A; LANES]; MEAN],
    op: O,
    rate: A,
) -> [A; LANES]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut gradient = [A::ZERO; LANES];
    let Some(slopes) = slopes_of::<A, O, FMA>(scores, state, op) else {
        return gradient;
    };
    let [high, low, peak, from_peak] = mean;
    let mut distance = [A::ZERO; LANES];
    for lane in 0..LANES {
        distance[lane] = upstream[lane].sub(high[lane]).sub(low[lane]);
    }
    for lane in 0..LANES {
        let of_peak = A::ZERO.sub(from_peak[lane]);
        let is_of_peak = upstream[lane] == peak[lane];
        distance[lane] = if is_of_peak { of_peak } else { distance[lane] };
    }
    for lane in 0..LANES {
        gradient[lane] = slopes[lane].mul(rate).mul(distance[lane]);
    }
    // Not of what comes to a score without a weight, which may be infinite.
    for lane in 0..LANES {
        let is_none = slopes[lane] == A::ZERO;
        gradient[lane] = if is_none { A::ZERO } else { gradient[lane] };
    }
    for lane in 0..LANES {
        let is_mask = scores[lane] == A::NEG_INFINITY;
        let of_broken = if is_mask { A::ZERO } else { high[lane] };
        let is_broken = state[1][lane].is_nan();
        gradient[lane] = if is_broken { of_broken } else { gradient[lane] };
    }
    gradient
}

vectorized! {
    fn less_mean_of_rows<A, O>(
        rows: &[A],
        grad: &mut [A],
        states: &[State<A>],
        means: &[[A; MEAN]],
        op: O,
        rate: A,
    ) where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, less_mean_of_each::<A, O>(rows, grad, states, means, op, rate));
    }
}

#[inline(always)]
fn less_mean_of_each<A, O, const FMA: bool>(
    rows: &[A],
    grad: &mut [A],
    states: &[State<A>],
    means: &[[A; MEAN]],
    op: O,
    rate: A,
) where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let n = rows.len() / states.len();
    let rows = rows.chunks_exact(n).zip(grad.chunks_exact_mut(n));
    for (((row, grad), state), mean) in rows.zip(states).zip(means) {
        let state = state.map(|number| [number; LANES]);
        let mean = mean.map(|number| [number; LANES]);
        let block = Block::new(row);
        let (chunks, rest) = grad.as_chunks_mut::<LANES>();
        for (grad, &scores) in chunks.iter_mut().zip(block.chunks) {
            *grad = less_mean::<A, O, FMA>(scores, *grad, state, mean, op, rate);
        }
        if let Some(scores) = block.tail {
            let upstream = filled_up(rest);
            let gradient = less_mean::<A, O, FMA>(scores, upstream, state, mean, op, rate);
            rest.copy_from_slice(&gradient[..rest.len()]);
        }
    }
}

vectorized! {
    /// Of a row of columns, whose state and means are entry by entry.
    fn less_mean_of_columns<A, O>(
        scores: &[A],
        grad: &mut [A],
        state: &[A],
        means: &[A],
        op: O,
        rate: A,
    ) where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, less_mean_of_row_of_columns::<A, O>(scores, grad, state, means, op, rate));
    }
}

#[inline(always)]
fn less_mean_of_row_of_columns<A, O, const FMA: bool>(
    scores: &[A],
    grad: &mut [A],
    state: &[A],
    means: &[A],
    op: O,
    rate: A,
) where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let columns = scores.len();
    let (vectors, rest) = grad.as_chunks_mut::<LANES>();
    let last = vectors.len() * LANES;
    for (vector, grad) in vectors.iter_mut().enumerate() {
        let first = vector * LANES;
        let state = lane_states::<A, _, true>(state, columns, first);
        let mean = lane_states::<A, _, true>(means, columns, first);
        let scores = lanes::<A, true>(&scores[first..]);
        *grad = less_mean::<A, O, FMA>(scores, *grad, state, mean, op, rate);
    }
    if !rest.is_empty() {
        let state = lane_states::<A, _, false>(state, columns, last);
        let mean = lane_states::<A, _, false>(means, columns, last);
        let scores = lanes::<A, false>(&scores[last..]);
        let gradient = less_mean::<A, O, FMA>(scores, filled_up(rest), state, mean, op, rate);
        rest.copy_from_slice(&gradient[..rest.len()]);
    }
}
