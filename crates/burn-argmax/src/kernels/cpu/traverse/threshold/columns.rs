//! The thresholds of lines side by side: lanes run across them.

use multiversion::target::target_cfg_f;

use super::{
    super::block::mark_nan,
    live::weigh_live,
    op::{ThresholdOp, least_score, within_reach},
    state::{State, THRESHOLD_STATE, in_two},
};
use crate::kernels::cpu::{
    Accumulator,
    plan::{LANES, THRESHOLD_BLOCK, THRESHOLD_STEPS},
    simd::{filled_up, raise, specialized, vectorized},
};

vectorized! {
    /// The state of each of the columns of a table from one on.
    pub(super) fn find_thresholds_of_columns<A, O>(
        table: &[A],
        inner: usize,
        first: usize,
        states: &mut [State<A>],
        op: O,
    ) where
        A: Accumulator,
        O: ThresholdOp<A>,
    {
        let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
        specialized!(fma, find_each::<A, O>(table, inner, first, states, op));
    }
}

/// Columns as wide as a vector.
#[derive(Clone)]
struct Group<A> {
    /// Of the rows so far.
    max: [A; LANES],
    has_nan: [bool; LANES],
    /// The scores of those rows in which one may have a weight, as the first so many.
    live: Vec<[A; LANES]>,
    count: usize,
}

impl<A: Accumulator> Group<A> {
    const EMPTY: Self = Self {
        max: [A::NEG_INFINITY; LANES],
        has_nan: [false; LANES],
        live: Vec::new(),
        count: 0,
    };

    /// Takes in one of `n` rows.
    #[inline(always)]
    fn observe(&mut self, scores: [A; LANES], n: usize, op: impl ThresholdOp<A>) {
        raise(&mut self.max, scores);
        mark_nan(&mut self.has_nan, scores);
        if self.count == self.live.len() {
            let longer = (2 * self.count).max(THRESHOLD_BLOCK).min(n);
            self.live.resize(longer, [A::NEG_INFINITY; LANES]);
        }
        // Without a branch: which of them are near cannot be predicted.
        self.live[self.count] = scores;
        let least = self.max.map(|max| least_score(max, A::ONE, op));
        self.count += usize::from(within_reach(scores, least));
    }
}

#[inline(always)]
fn find_each<A, O, const FMA: bool>(
    table: &[A],
    inner: usize,
    first: usize,
    states: &mut [State<A>],
    op: O,
) where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let columns = states.len();
    let n = table.len() / inner;
    let mut groups = vec![Group::EMPTY; columns.div_ceil(LANES)];
    for row in table.chunks_exact(inner) {
        let (vectors, rest) = row[first..][..columns].as_chunks();
        for (group, &scores) in groups.iter_mut().zip(vectors) {
            group.observe(scores, n, op);
        }
        if let Some(group) = groups.get_mut(vectors.len()) {
            group.observe(filled_up(rest), n, op);
        }
    }
    for (group, states) in groups.iter_mut().zip(states.chunks_mut(LANES)) {
        let live = &mut group.live[..group.count];
        let [high, low] = split(thresholds::<A, O, FMA>(live, group.max, op));
        for (lane, state) in states.iter_mut().enumerate() {
            let max = group.max[lane];
            let is_broken = group.has_nan[lane] || max.sub(max) != A::ZERO;
            *state = if is_broken {
                [A::NAN; THRESHOLD_STATE]
            } else {
                [max, high[lane], low[lane]]
            };
        }
    }
}

/// Lets the level of the maximum of each lane above its threshold fall by a step. Marks those that are not there
/// yet.
#[inline(always)]
fn step<A, O>(
    levels: &mut [f64; LANES],
    [weights, slopes]: [[f64; LANES]; 2],
    op: O,
) -> [bool; LANES]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut is_off = [false; LANES];
    for lane in 0..LANES {
        levels[lane] -= op.step([weights[lane], slopes[lane]]);
        is_off[lane] = weights[lane] - 1.0 > A::FROM_ONE;
    }
    is_off
}

/// The levels of the maxima above the thresholds.
#[inline(always)]
fn thresholds<A, O, const FMA: bool>(
    live: &mut [[A; LANES]],
    max: [A; LANES],
    op: O,
) -> [f64; LANES]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut levels = [1.0; LANES];
    let mut count = live.len();
    for _ in 0..THRESHOLD_STEPS {
        let (sums, kept) = weigh_live::<A, O, FMA>(&mut live[..count], max, split(levels), op);
        if !step::<A, O>(&mut levels, sums, op).contains(&true) {
            break;
        }
        count = kept;
    }
    levels
}

#[inline(always)]
fn split<A: Accumulator>(levels: [f64; LANES]) -> [[A; LANES]; 2] {
    let levels = levels.map(in_two);
    [0, 1].map(|part| levels.map(|level: [A; 2]| level[part]))
}
