//! The thresholds of lines side by side: lanes run across them.

use multiversion::target::target_cfg_f;

use super::{
    block::mark_nan,
    threshold::{
        State, THRESHOLD_STATE, ThresholdOp, below, first_lanes, in_two, weigh, within_reach,
    },
};
use crate::kernels::cpu::{
    Accumulator,
    plan::{THRESHOLD_BLOCK, THRESHOLD_STEPS},
    simd::{LANES, each_marked, raise, specialized, vectorized},
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
    max: [A; LANES],
    has_nan: [bool; LANES],
    /// Those of weights and slopes, for some rows, and for all before.
    sums: [[A; LANES]; 2],
    totals: [[f64; LANES]; 2],
    levels: [f64; LANES],
    /// How far below the maxima those scores are that may have a weight, one after the other in each lane, and
    /// how many.
    live: Vec<[A; LANES]>,
    counts: [usize; LANES],
}

impl<A: Accumulator> Group<A> {
    const EMPTY: Self = Self {
        max: [A::NEG_INFINITY; LANES],
        has_nan: [false; LANES],
        sums: [[A::ZERO; LANES]; 2],
        totals: [[0.0; LANES]; 2],
        levels: [1.0; LANES],
        live: Vec::new(),
        counts: [0; LANES],
    };

    #[inline(always)]
    fn flush(&mut self) {
        for (totals, sums) in self.totals.iter_mut().zip(&mut self.sums) {
            for lane in 0..LANES {
                totals[lane] += sums[lane].to_f64();
            }
            *sums = [A::ZERO; LANES];
        }
    }

    #[inline(always)]
    fn keep(&mut self, below: [A; LANES], is_near: [bool; LANES]) {
        each_marked(is_near, |lane| {
            let place = self.counts[lane];
            if place == self.live.len() {
                self.live.push([A::NEG_INFINITY; LANES]);
            }
            self.live[place][lane] = below[lane];
            self.counts[lane] += 1;
        });
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
    let mut groups = vec![Group::EMPTY; columns.div_ceil(LANES)];
    let rows = || {
        let rows = table.chunks_exact(inner);
        rows.map(|row| row[first..][..columns].chunks(LANES).map(first_lanes))
    };
    for row in rows() {
        for (group, scores) in groups.iter_mut().zip(row) {
            raise(&mut group.max, scores);
            mark_nan(&mut group.has_nan, scores);
        }
    }
    // The first step is the longest: most of what is near now is not, after it.
    let level = split([1.0; LANES]);
    for (index, row) in rows().enumerate() {
        let is_last = (index + 1) % THRESHOLD_BLOCK == 0;
        for (group, scores) in groups.iter_mut().zip(row) {
            let distances = below(scores, group.max);
            if within_reach(distances, op.reach()).contains(&true) {
                let [weights, slopes] = weigh::<A, O, FMA>(distances, level, op);
                for lane in 0..LANES {
                    group.sums[0][lane] = group.sums[0][lane].add(weights[lane]);
                    group.sums[1][lane] = group.sums[1][lane].add(slopes[lane]);
                }
            }
            if is_last {
                group.flush();
            }
        }
    }
    for group in &mut groups {
        group.flush();
        step::<A, O>(&mut group.levels, group.totals, op);
    }
    for row in rows() {
        for (group, scores) in groups.iter_mut().zip(row) {
            let distances = below(scores, group.max);
            // A lane of its own has its own reach.
            let mut is_near = [false; LANES];
            for lane in 0..LANES {
                let reach = op.reach().mul(A::from_f64(group.levels[lane]));
                is_near[lane] = distances[lane] > A::ZERO.sub(reach);
            }
            group.keep(distances, is_near);
        }
    }
    for (group, states) in groups.iter_mut().zip(states.chunks_mut(LANES)) {
        thresholds::<A, O, FMA>(&mut group.live, &mut group.levels, op);
        let [high, low] = split(group.levels);
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

/// Lets levels fall as far as they have to.
#[inline(always)]
fn thresholds<A, O, const FMA: bool>(live: &mut Vec<[A; LANES]>, levels: &mut [f64; LANES], op: O)
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    for _ in 1..THRESHOLD_STEPS {
        let sums = weigh_live::<A, O, FMA>(live, split(*levels), op);
        if !step::<A, O>(levels, sums, op).contains(&true) {
            break;
        }
    }
}

#[inline(always)]
fn split<A: Accumulator>(levels: [f64; LANES]) -> [[A; LANES]; 2] {
    let levels = levels.map(in_two);
    [0, 1].map(|part| levels.map(|level: [A; 2]| level[part]))
}

/// The sums of weights and slopes of each lane. Rows without a weight are dropped.
#[inline(always)]
fn weigh_live<A, O, const FMA: bool>(
    live: &mut Vec<[A; LANES]>,
    level: [[A; LANES]; 2],
    op: O,
) -> [[f64; LANES]; 2]
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    let mut totals = [[0.0; LANES]; 2];
    let mut kept = 0;
    for first in (0..live.len()).step_by(THRESHOLD_BLOCK) {
        let mut sums = [[A::ZERO; LANES]; 2];
        for index in first..live.len().min(first + THRESHOLD_BLOCK) {
            let distances = live[index];
            let [weights, slopes] = weigh::<A, O, FMA>(distances, level, op);
            let mut has_weight = [false; LANES];
            for lane in 0..LANES {
                sums[0][lane] = sums[0][lane].add(weights[lane]);
                sums[1][lane] = sums[1][lane].add(slopes[lane]);
                has_weight[lane] = slopes[lane] > A::ZERO;
            }
            if has_weight.contains(&true) {
                live[kept] = distances;
                kept += 1;
            }
        }
        for (totals, sums) in totals.iter_mut().zip(sums) {
            for lane in 0..LANES {
                totals[lane] += sums[lane].to_f64();
            }
        }
    }
    live.truncate(kept);
    totals
}
