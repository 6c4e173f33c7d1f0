//! What is known of the first maximum of a line.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    bits::{finite_of_key, infinity},
    operator::Types,
};

/// Where the numbers of a peak stand.
pub(super) const KEY: usize = 0;
pub(super) const INDEX: usize = 1;
pub(super) const NUMBERS: usize = 2;

/// The first maximum of a line.
#[derive(CubeType)]
pub(super) struct Peak<P: Types> {
    key: Vector<P::K, P::N>,
    pub(super) index: Vector<P::K, P::N>,
    /// Whether it is a NaN or `+inf`: such a line has no window.
    pub(super) broken: Vector<bool, P::N>,
}

#[cube]
impl<P: Types> Peak<P> {
    /// From the numbers of a line, if there are any: else its maximum is 0, and it has no window.
    pub(super) fn of(numbers: &Sequence<Vector<P::K, P::N>>) -> Peak<P> {
        if comptime!(numbers.len() < NUMBERS) {
            Peak::<P> {
                key: Vector::new(P::K::from_int(0)),
                index: Vector::new(P::K::from_int(0)),
                broken: Vector::new(true),
            }
        } else {
            Peak::<P> {
                key: numbers[KEY],
                index: numbers[INDEX],
                broken: numbers[KEY].greater_equal(&Vector::new(infinity::<P::K>())),
            }
        }
    }

    /// The maximum, or 0 if it is not finite.
    pub(super) fn finite_max(&self) -> Vector<P::A, P::N> {
        finite_of_key::<P::A, P::K, P::N>(self.key)
    }
}
