//! What an operator is: what the sums of a line are ([`Reduction`]), and what becomes of an entry
//! ([`Map`]).
//!
//! It knows the vectors of a line and nothing of memory, threads or parts: it hands over the numbers
//! of a line as a sequence. A new operator is one file that implements one or both.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

/// The types of a launch.
pub(super) trait Types: Send + Sync + 'static {
    /// The dtype of the tensors.
    type E: Float;
    /// The float that sums run in.
    type A: Float;
    /// The signed integer of `A`'s size.
    type K: Int;
    /// The entries of a vector.
    type N: Size;
    /// The lines of a vector: 1 along rows, and `N` across columns.
    type M: Size;
}

impl<E: Float, A: Float, K: Int, N: Size, M: Size> Types for (E, A, K, N, M) {
    type E = E;
    type A = A;
    type K = K;
    type N = N;
    type M = M;
}

/// One vector of a line.
#[derive(CubeType)]
pub(super) struct Entry<P: Types> {
    pub(super) x: Vector<P::A, P::N>,
    /// Of the second input; 0 without one.
    pub(super) beside: Vector<P::A, P::N>,
    /// The indices along `dim`.
    pub(super) index: Vector<P::K, P::N>,
}

/// Which vectors a unit comes to.
#[derive(CubeType)]
pub(super) struct Walk {
    /// Which line it is: the table of lines beside each other, and the vector of these.
    pub(super) outer: usize,
    pub(super) lane: usize,
    /// The index of the first one's first entry.
    pub(super) start: i32,
    /// From a vector to the next, in entries.
    #[cube(comptime)]
    pub(super) stride: usize,
}

/// What a reduction has of one line.
#[derive(CubeType)]
pub(super) struct Finished<P: Types> {
    /// For a map to take up.
    pub(super) state: Sequence<Vector<P::K, P::M>>,
    /// For the caller: nothing, or one or more numbers.
    pub(super) result: Sequence<Vector<P::A, P::M>>,
}

/// How many numbers a reduction has of one line.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) sums: usize,
    pub(super) state: usize,
    pub(super) result: usize,
}

/// An operator that sums up lines. `op` holds its parameters.
#[cube]
pub(super) trait Reduction: LaunchArg + Send + Sync {
    /// The sums of what one unit reads, lane by lane.
    type Lanes<P: Types>: CubeType;
    /// The sums of a line, or of as many lines as a vector has.
    type Sums<P: Types>: CubeType;

    /// Of no entry. What is known of the line is its peak or the state of an earlier reduction, if any, for
    /// each entry of a vector.
    fn empty<P: Types>(
        op: &Self,
        known: &Sequence<Vector<P::K, P::N>>,
        walk: &Walk,
    ) -> Self::Lanes<P>;
    /// With one more vector.
    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>);
    /// The lanes together, as far as they belong to one line.
    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P>;
    /// With the entries of `other`.
    fn merge<P: Types>(op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>);
    /// The sums as numbers.
    fn store<P: Types>(op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>>;
    /// The sums that were stored as these numbers.
    fn load<P: Types>(op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P>;
    /// What the sums come to.
    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P>;
}

/// An operator that writes an entry for each that it reads. `op` holds its parameters.
#[cube]
pub(super) trait Map: LaunchArg + Send + Sync {
    /// What is known of a line, for each entry of a vector.
    type Line<P: Types>: CubeType;

    /// From the line's state and upstream gradient, for each entry of a vector.
    fn line<P: Types>(
        op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        upstream: &Sequence<Vector<P::A, P::N>>,
        walk: &Walk,
    ) -> Self::Line<P>;
    /// What becomes of the next vector.
    fn map<P: Types>(op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N>;
}
