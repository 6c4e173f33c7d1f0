//! The gradient of weights above a threshold: their slopes times how far the upstream gradient is from its
//! mean under the slopes.

use multiversion::target::target_cfg_f;

use super::{
    block::Block,
    narrow_columns::{state_of_columns, state_of_rows},
    threshold::{State, THRESHOLD_STATE, ThresholdOp, all_below, below, gathered, in_two},
};
use crate::kernels::cpu::{
    Accumulator, Lines, check_length,
    plan::{TASK, TASK_ROWS},
    share::share,
    simd::{LANES, fold, specialized, vectorized},
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
    let rows = state_of_rows(state, lines, THRESHOLD_STATE);
    let (states, _) = rows.as_chunks::<THRESHOLD_STATE>();
    if inner < LANES {
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
        let tiles = means.chunks_mut(LANES).enumerate();
        tiles.map(move |(tile, means)| (table, tile * LANES, means))
    });
    let upstream = &*grad;
    share(tasks, values.len(), |(table, first, means)| {
        let states = &states[table * inner + first..][..means.len()];
        let [values, grad] = [values, upstream].map(|values| {
            let table = &values[table * lines.table()..][..lines.table()];
            gathered(table, lines, first, means.len())
        });
        find_means(&values, &grad, states, means, op);
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

/// Numbers of the mean of a line: the mean in two parts. Both are NaN in a line that has no weights, unless
/// nothing comes from upstream.
const MEAN: usize = 2;

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
        let &[max, high, low] = state;
        if high.is_nan() {
            *mean = mean_without_weights(row, grad);
            continue;
        }
        let (scores, upstream) = (Block::new(row), Block::new(grad));
        let scores = scores.chunks.iter().copied().chain(scores.tail);
        let upstream = upstream.chunks.iter().copied().chain(upstream.tail);
        // In double precision: where one weight is nearly all, the gradient is a small difference.
        let (mut slopes, mut products) = ([0.0; LANES], [0.0; LANES]);
        for (scores, upstream) in scores.zip(upstream) {
            let scores = all_below(scores, max);
            let mut of_scores = [A::ZERO; LANES];
            let mut has_slope = [false; LANES];
            for lane in 0..LANES {
                [_, of_scores[lane]] = op.weigh::<FMA>(scores[lane], [high, low]);
            }
            for lane in 0..LANES {
                has_slope[lane] = of_scores[lane] > A::ZERO;
            }
            if has_slope.contains(&true) {
                for lane in 0..LANES {
                    let slope = of_scores[lane].to_f64();
                    let product = slope * upstream[lane].to_f64();
                    slopes[lane] += slope;
                    products[lane] += if has_slope[lane] { product } else { 0.0 };
                }
            }
        }
        let [slopes, products] = [slopes, products].map(|lanes| fold(lanes, |a, b| a + b));
        *mean = in_two(products / slopes);
    }
}

/// Masks take no part.
#[cold]
fn mean_without_weights<A: Accumulator>(row: &[A], grad: &[A]) -> [A; MEAN] {
    let mut upstream = row.iter().zip(grad);
    let silent = upstream.all(|(&x, &g)| x == A::NEG_INFINITY || g == A::ZERO);
    [if silent { A::ZERO } else { A::NAN }; MEAN]
}

/// The gradient of a score.
#[inline(always)]
fn less_mean<A, O, const FMA: bool>(
    score: A,
    upstream: A,
    [max, high, low]: State<A>,
    mean: [A; MEAN],
    op: O,
    rate: A,
) -> A
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let [_, slope] = op.weigh::<FMA>(below(score, max), [high, low]);
    let distance = upstream.sub(mean[0]).sub(mean[1]);
    let gradient = slope.mul(rate).mul(distance);
    let in_broken_line = high.is_nan() && score != A::NEG_INFINITY;
    if in_broken_line {
        mean[0]
    } else if slope > A::ZERO {
        gradient
    } else {
        A::ZERO
    }
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
    for (((row, grad), &state), &mean) in rows.zip(states).zip(means) {
        for (grad, &score) in grad.iter_mut().zip(row) {
            *grad = less_mean::<A, O, FMA>(score, *grad, state, mean, op, rate);
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
    let [maxima, high, low] = [0, 1, 2].map(|entry| &state[entry * columns..][..columns]);
    let (first, second) = means.split_at(columns);
    for column in 0..columns {
        let state = [maxima[column], high[column], low[column]];
        let mean = [first[column], second[column]];
        let score = scores[column];
        grad[column] = less_mean::<A, O, FMA>(score, grad[column], state, mean, op, rate);
    }
}
