//! How lines are walked: memory, maxima and their places, tails, what is read ahead, and tasks.

mod bins;
mod block;
mod column_block;
mod columns;
mod coordinate;
mod fill_columns;
mod grouped_rows;
mod line_op;
mod map;
mod map_columns;
mod map_rows;
mod narrow_columns;
mod normalize;
mod over;
mod peaks;
mod pieces;
mod reduce;
mod reduce_map;
mod rows;
mod slot;
mod threshold;
mod transpose;
mod transposed_rows;
mod whole_lines;
mod window;

pub(super) use bins::Bins;
pub(super) use block::{Block, peak_of};
pub(super) use coordinate::{Coordinate, Index};
pub(super) use fill_columns::fill_columns;
pub(super) use line_op::{FACTORS, LaneStates, LineOp, LineState, Partial, Partials, finite_max};
pub(super) use map::{map, map_in_place};
pub(super) use narrow_columns::state_of_columns;
pub(super) use normalize::normalize;
pub(super) use over::{map_over, map_over_in_place, reduce_over};
pub(super) use peaks::{
    AsTheyAre, ColumnPeaks, Scores, long_peaks, peak_indices, row_peak, short_row_indices,
};
pub(super) use pieces::{Part, parts, pieces, reduce_pieces};
pub(super) use reduce::reduce;
pub(super) use reduce_map::reduce_and_map;
pub(super) use slot::{Here, Slot, Source};
pub(super) use threshold::{
    THRESHOLD_STATE, ThresholdOp, less_mean_above_threshold, map_above_threshold,
};
pub(super) use transposed_rows::{Transposer, nan_or_peak_transposed};
pub(super) use whole_lines::{map_by_line, of_each_line};
pub(super) use window::{
    finite_peak, map_windows, map_windows_in_place, outside_masked, reduce_windows,
};
