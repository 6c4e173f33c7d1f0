//! The kernels that all operators share: a reduction of every line, and a map over its entries.
//!
//! A reduction reads each entry once. Its units sum up what they read, a team merges its sums by
//! halves through shared memory, and where a line is split over several cubes, further launches
//! merge the sums of its parts. A map reads each entry once, and writes one.
//!
//! In shared memory, in the sums of parts and in states all numbers are integers, the floats among
//! them by their bits.

use burn_cubecl::cubecl;
use cubecl::{ir::ElemType, prelude::*};

use super::{
    geometry::Axis,
    noise::Noise,
    operator::{Entry, Map, Reduction, Types, Walk},
    peak::Peak,
    window::Window,
    work::{CubePlan, Grid, Place, Work, indices, spread},
};

#[cube]
fn write_numbers<T: Numeric, M: Size>(
    numbers: &Sequence<Vector<T, M>>,
    table: &mut [Vector<T, M>],
    at: usize,
    apart: usize,
) {
    #[unroll]
    for number in 0..comptime!(numbers.len()) {
        table[at + number * apart] = numbers[number];
    }
}

#[cube]
fn read_numbers<T: Numeric, A: Numeric, M: Size, N: Size>(
    table: &[Vector<T, M>],
    at: usize,
    apart: usize,
    #[comptime] count: usize,
) -> Sequence<Vector<A, N>> {
    let mut numbers = Sequence::<Vector<A, N>>::new();
    #[unroll]
    for number in 0..count {
        numbers.push(Vector::cast_from(spread::<T, M, N>(
            table[at + number * apart],
        )));
    }
    numbers
}

/// One vector of an input, or zeros if there is none.
#[cube]
fn read<E: Float, A: Float, S: Size, N: Size>(
    input: &ComptimeOption<&Tensor<Vector<E, S>>>,
    at: usize,
) -> Vector<A, N> {
    #[comptime]
    match input {
        ComptimeOption::Some(input) => Vector::cast_from(spread::<E, S, N>(input[at])),
        ComptimeOption::None => Vector::new(A::new(0.0_f32)),
    }
}

#[cube]
fn entry<P: Types, B: Float, S: Size>(
    scores: &ComptimeOption<&Tensor<Vector<P::E, P::N>>>,
    at: usize,
    beside: &ComptimeOption<&Tensor<Vector<B, S>>>,
    beside_at: usize,
    step: usize,
    place: usize,
    window: &Window,
    noise: &Noise,
    peak: &Peak<P>,
    #[comptime] plan: CubePlan,
) -> Entry<P> {
    let index = indices::<P::K, P::N>(step, comptime!(plan.axis));
    let x = read::<P::E, P::A, P::N, P::N>(scores, at);
    let x = noise.added::<P>(x, place * P::N::value(), peak);
    Entry::<P> {
        x: window.masked::<P>(x, index, peak),
        beside: read::<B, P::A, S, P::N>(beside, beside_at),
        index,
    }
}

/// What is known of the unit's line, or of as many lines as a vector has.
#[cube]
fn known<K: Int, M: Size>(
    known: ComptimeOption<&Tensor<Vector<K, M>>>,
    work: &Work,
    grid: &Grid,
    #[comptime] count: usize,
) -> Sequence<Vector<K, M>> {
    #[comptime]
    match known {
        ComptimeOption::Some(known) => {
            // Also a unit whose line does not exist comes here.
            let at = select(work.exists, work.numbers(grid, count), 0);
            read_numbers::<K, K, M, M>(known, at, grid.lanes, count)
        }
        ComptimeOption::None => Sequence::<Vector<K, M>>::new(),
    }
}

/// The same for each entry of a vector.
#[cube]
fn spread_each<K: Int, M: Size, N: Size>(
    numbers: &Sequence<Vector<K, M>>,
) -> Sequence<Vector<K, N>> {
    let mut each = Sequence::<Vector<K, N>>::new();
    #[unroll]
    for number in 0..comptime!(numbers.len()) {
        each.push(spread::<K, M, N>(numbers[number]));
    }
    each
}

/// The sums of each line from those of its lanes, stored: merged if the lanes belong to one line,
/// and as they are if each is a line of its own.
#[cube]
pub(super) fn fold_lanes<P: Types, R: Reduction>(
    op: &R,
    lanes: &Sequence<Vector<P::K, P::N>>,
) -> R::Sums<P> {
    let (width, lines) = (P::N::value(), P::M::value());
    let mut sums = R::load::<P>(op, &lane::<P>(lanes, 0usize));
    #[unroll]
    for other in 1..comptime!(width / lines) {
        R::merge::<P>(op, &mut sums, &R::load::<P>(op, &lane::<P>(lanes, other)));
    }
    sums
}

/// The numbers of one lane, or those of all where each lane is a line.
#[cube]
fn lane<P: Types>(
    lanes: &Sequence<Vector<P::K, P::N>>,
    #[comptime] lane: usize,
) -> Sequence<Vector<P::K, P::M>> {
    let (width, lines) = (P::N::value(), P::M::value());
    let mut numbers = Sequence::<Vector<P::K, P::M>>::new();
    #[unroll]
    for number in 0..comptime!(lanes.len()) {
        if comptime!(width == lines) {
            numbers.push(Vector::cast_from(lanes[number]));
        } else {
            numbers.push(Vector::new(lanes[number].extract(lane)));
        }
    }
    numbers
}

#[cube]
fn walk<P: Types>(work: &Work, #[comptime] plan: CubePlan) -> Walk {
    let lanes = match comptime!(plan.axis) {
        Axis::Rows => P::N::value(),
        Axis::Columns => 1usize.comptime(),
    };
    Walk {
        outer: work.outer,
        lane: work.lane,
        start: i32::cast_from(work.first) * comptime!(lanes as i32),
        stride: comptime!(plan.team * lanes),
    }
}

/// Merges the sums of a team by halves; the unit of rank 0 is left with the whole. Every unit of
/// the cube must come here, for the barriers.
///
/// Through shared memory and not by plane operations, which WGSL devices need not have.
#[cube]
fn merge_team<P: Types, R: Reduction>(
    op: &R,
    sums: &mut R::Sums<P>,
    work: &Work,
    #[comptime] plan: CubePlan,
) {
    let team = comptime!(plan.team);
    let units = comptime!(plan.units());
    let neighbor = comptime!(plan.neighbor());
    if comptime!(team > 1) {
        let numbers = R::store::<P>(op, &*sums);
        let count = comptime!(numbers.len());
        let mut shared = Shared::<[Vector<P::K, P::M>]>::new_slice(comptime!(units * count));
        write_numbers::<P::K, P::M>(&numbers, &mut shared, work.unit, units);
        #[unroll]
        for level in 0..comptime!(team.ilog2() as usize) {
            let half = comptime!(team >> (level + 1));
            sync_cube();
            if work.rank < half {
                let other = work.unit + half * neighbor;
                let other = read_numbers::<P::K, P::K, P::M, P::M>(&shared, other, units, count);
                R::merge::<P>(op, sums, &R::load::<P>(op, &other));
                let merged = R::store::<P>(op, &*sums);
                write_numbers::<P::K, P::M>(&merged, &mut shared, work.unit, units);
            }
        }
    }
}

/// Writes what a line comes to if the cube had all of it, and else its sums, to merge.
#[cube]
fn conclude<P: Types, R: Reduction>(
    op: &R,
    sums: &mut R::Sums<P>,
    table: &mut Tensor<Vector<P::K, P::M>>,
    result: ComptimeOption<&mut Tensor<Vector<P::A, P::M>>>,
    known: &Sequence<Vector<P::K, P::M>>,
    work: &Work,
    grid: &Grid,
    #[comptime] plan: CubePlan,
) {
    merge_team::<P, R>(op, sums, work, plan);
    if work.exists && work.rank == 0 {
        if comptime!(plan.whole) {
            let finished = R::finish::<P>(op, &*sums, known);
            let at = work.numbers(grid, comptime!(finished.state.len()));
            write_numbers::<P::K, P::M>(&finished.state, table, at, grid.lanes);
            let count = comptime!(finished.result.len());
            let at = work.numbers(grid, count);
            #[comptime]
            if let ComptimeOption::Some(result) = result {
                #[unroll]
                for number in 0..count {
                    result[at + number * grid.lanes] = finished.result[number];
                }
            }
        } else {
            let part = work.split * grid.lines + work.line;
            let parts = grid.splits * grid.lines;
            write_numbers::<P::K, P::M>(&R::store::<P>(op, &*sums), table, part, parts);
        }
    }
}

#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn scan_kernel<
    E: Float,
    B: Float,
    A: Float,
    K: Int,
    N: Size,
    S: Size,
    M: Size,
    R: Reduction,
>(
    scores: ComptimeOption<&Tensor<Vector<E, N>>>,
    scores_place: &Place,
    beside: ComptimeOption<&Tensor<Vector<B, S>>>,
    beside_place: &Place,
    known_numbers: ComptimeOption<&Tensor<Vector<K, M>>>,
    window: &Window,
    key: ComptimeOption<&Tensor<i32>>,
    stream: u32,
    table: &mut Tensor<Vector<K, M>>,
    result: ComptimeOption<&mut Tensor<Vector<A, M>>>,
    grid: &Grid,
    op: &R,
    #[comptime] known_count: usize,
    #[comptime] plan: CubePlan,
    #[define(E, B, A, K)] _dtypes: [ElemType; 4],
) {
    let work = Work::new(grid, plan);
    let start = work.start(scores_place);
    let beside_start = work.start(beside_place);
    let of_lines = known::<K, M>(known_numbers, &work, grid, known_count);
    let of_entries = spread_each::<K, M, N>(&of_lines);
    let peak = Peak::<(E, A, K, N, M)>::of(&of_entries);
    let noise = Noise::new(key, stream);
    let walk = walk::<(E, A, K, N, M)>(&work, plan);
    let first_place = work.contiguous(grid);
    let mut lanes = R::empty::<(E, A, K, N, M)>(op, &of_entries, &walk);
    let mut step = work.first;
    while step < work.end {
        let at = start + step * scores_place.step;
        let beside_at = beside_start + step * beside_place.step;
        let place = first_place + step * grid.lanes;
        let entry = entry::<(E, A, K, N, M), B, S>(
            &scores, at, &beside, beside_at, step, place, window, &noise, &peak, plan,
        );
        R::observe::<(E, A, K, N, M)>(op, &mut lanes, &entry);
        step += comptime!(plan.team);
    }
    let mut sums = R::fold::<(E, A, K, N, M)>(op, lanes);
    conclude::<(E, A, K, N, M), R>(op, &mut sums, table, result, &of_lines, &work, grid, plan);
}

/// Merges the parts of lines, which are this kernel's steps.
#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn merge_kernel<E: Float, A: Float, K: Int, M: Size, R: Reduction>(
    parts: &Tensor<Vector<K, M>>,
    known_numbers: ComptimeOption<&Tensor<Vector<K, M>>>,
    table: &mut Tensor<Vector<K, M>>,
    result: ComptimeOption<&mut Tensor<Vector<A, M>>>,
    grid: &Grid,
    op: &R,
    #[comptime] count: usize,
    #[comptime] known_count: usize,
    #[comptime] plan: CubePlan,
    #[define(E, A, K)] _dtypes: [ElemType; 3],
) {
    let work = Work::new(grid, plan);
    let walk = walk::<(E, A, K, M, M)>(&work, plan);
    let of_lines = known::<K, M>(known_numbers, &work, grid, known_count);
    let lanes = R::empty::<(E, A, K, M, M)>(op, &of_lines, &walk);
    let mut sums = R::fold::<(E, A, K, M, M)>(op, lanes);
    let mut step = work.first;
    while step < work.end {
        let at = step * grid.lines + work.line;
        let part = read_numbers::<K, K, M, M>(parts, at, grid.steps * grid.lines, count);
        let part = R::load::<(E, A, K, M, M)>(op, &part);
        R::merge::<(E, A, K, M, M)>(op, &mut sums, &part);
        step += comptime!(plan.team);
    }
    conclude::<(E, A, K, M, M), R>(op, &mut sums, table, result, &of_lines, &work, grid, plan);
}

#[cube(launch_unchecked, address_type = "dynamic")]
pub(super) fn map_kernel<
    E: Float,
    B: Float,
    A: Float,
    K: Int,
    N: Size,
    S: Size,
    M: Size,
    T: Map,
>(
    scores: ComptimeOption<&Tensor<Vector<E, N>>>,
    scores_place: &Place,
    beside: ComptimeOption<&Tensor<Vector<B, S>>>,
    beside_place: &Place,
    known_numbers: ComptimeOption<&Tensor<Vector<K, M>>>,
    window: &Window,
    key: ComptimeOption<&Tensor<i32>>,
    stream: u32,
    state: ComptimeOption<&Tensor<Vector<K, M>>>,
    upstream: ComptimeOption<&Tensor<Vector<A, M>>>,
    output: &mut Tensor<Vector<E, N>>,
    grid: &Grid,
    op: &T,
    #[comptime] known_count: usize,
    #[comptime] state_count: usize,
    #[comptime] upstream_count: usize,
    #[comptime] plan: CubePlan,
    #[define(E, B, A, K)] _dtypes: [ElemType; 4],
) {
    let work = Work::new(grid, plan);
    if !work.exists {
        terminate!();
    }
    let at = work.numbers(grid, state_count);
    #[comptime]
    let state = match state {
        ComptimeOption::Some(state) => {
            read_numbers::<K, K, M, N>(state, at, grid.lanes, state_count)
        }
        ComptimeOption::None => Sequence::<Vector<K, N>>::new(),
    };
    let at = work.numbers(grid, upstream_count);
    #[comptime]
    let upstream = match upstream {
        ComptimeOption::Some(upstream) => {
            read_numbers::<A, A, M, N>(upstream, at, grid.lanes, upstream_count)
        }
        ComptimeOption::None => Sequence::<Vector<A, N>>::new(),
    };
    let of_lines = known::<K, M>(known_numbers, &work, grid, known_count);
    let of_entries = spread_each::<K, M, N>(&of_lines);
    let peak = Peak::<(E, A, K, N, M)>::of(&of_entries);
    let noise = Noise::new(key, stream);
    let walk = walk::<(E, A, K, N, M)>(&work, plan);
    let mut line = T::line::<(E, A, K, N, M)>(op, &state, &upstream, &walk);

    let start = work.start(scores_place);
    let beside_start = work.start(beside_place);
    let output_start = work.contiguous(grid);
    let mut step = work.first;
    while step < work.end {
        let at = start + step * scores_place.step;
        let beside_at = beside_start + step * beside_place.step;
        let place = output_start + step * grid.lanes;
        let entry = entry::<(E, A, K, N, M), B, S>(
            &scores, at, &beside, beside_at, step, place, window, &noise, &peak, plan,
        );
        let mapped = T::map::<(E, A, K, N, M)>(op, &mut line, &entry);
        output[place] = Vector::cast_from(mapped);
        step += comptime!(plan.team);
    }
}
