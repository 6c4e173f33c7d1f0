//! Weights above a threshold of each line, which is found in steps: what is not above it any more is dropped
//! on the way.

mod columns;
mod gradient;
mod live;
mod mean;
mod op;
mod rows;
mod state;
mod weights;

pub(crate) use gradient::less_mean_above_threshold;
pub(crate) use op::ThresholdOp;
pub(crate) use state::THRESHOLD_STATE;

use super::{fill_columns, narrow_columns::state_of_columns};
use crate::kernels::cpu::{
    Accumulator, Lines, check_length,
    plan::{LANES, threshold_tile},
    share::{filled, share},
};
use columns::find_thresholds_of_columns;
use rows::find_thresholds;
use weights::{map_columns, map_rows};

/// The weights of every line, which sum to 1, and the state of every line.
pub(crate) fn map_above_threshold<A, O>(values: &[A], lines: Lines, op: O) -> (Vec<A>, Vec<A>)
where
    A: Accumulator,
    O: ThresholdOp<A>,
{
    check_length("logits", values.len(), lines.elements());
    let Lines { n, inner, .. } = lines;
    let mut states = vec![[A::ZERO; THRESHOLD_STATE]; lines.count()];
    if inner < LANES {
        let block = lines.in_a_task() * n;
        let fill = |out: &mut [_]| {
            let tasks = out
                .chunks_mut(block)
                .zip(values.chunks(block))
                .zip(states.chunks_mut(block / n));
            share(tasks, values.len(), |((out, values), states)| {
                let rows = lines.rows(values);
                find_thresholds(&rows, states, op);
                if inner == 1 {
                    map_rows(&rows, out, states, op);
                } else {
                    let mut mapped = vec![A::ZERO; rows.len()];
                    map_rows(&rows, &mut mapped, states, op);
                    lines.put_rows(&mapped, out);
                }
            });
        };
        // SAFETY: the tasks are all that there is, and every element of each is written.
        let mapped = unsafe { filled(values.len(), fill) };
        let states = state_of_columns(states.into_flattened(), lines, THRESHOLD_STATE);
        return (mapped, states);
    }
    let width = threshold_tile(n);
    let tasks = states.chunks_mut(inner).enumerate();
    let tasks = tasks.flat_map(|(table, states)| {
        let tiles = states.chunks_mut(width).enumerate();
        tiles.map(move |(tile, states)| (table, tile * width, states))
    });
    share(tasks, values.len(), |(table, first, states)| {
        let table = &values[table * lines.table()..][..lines.table()];
        find_thresholds_of_columns(table, inner, first, states, op);
    });
    let states = state_of_columns(states.into_flattened(), lines, THRESHOLD_STATE);
    let fill = |out: &mut [_], values: &[A], table: usize, _| {
        let states = &states[table * THRESHOLD_STATE * inner..][..THRESHOLD_STATE * inner];
        map_columns(values, out, states, op);
    };
    // SAFETY: `map_columns` writes every element.
    let mapped = unsafe { fill_columns(values, lines, fill) };
    (mapped, states)
}
