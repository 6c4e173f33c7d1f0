//! The gradient of the softmax average of a coordinate along a contiguous line:
//! `grad * beta * p * (coordinate - average)`.

use std::mem::MaybeUninit;

use multiversion::{multiversion, target::target_cfg_f};

use super::{Accumulator, Element, STATE, beta::Beta, coordinate::Coordinate, peak::filled_up};

/// Elements worked on side by side.
const LANES: usize = 16;

/// What the gradient of one line takes from its state.
#[derive(Clone, Copy)]
pub(crate) struct Slope<A> {
    max: A,
    /// `beta / sum`.
    scale: A,
    centre: A,
    offset: A,
    grad: A,
}

impl<A: Accumulator> Slope<A> {
    /// `state` is `[max, sum, centre, offset]`, and `grad` the upstream gradient of the line.
    #[inline(always)]
    pub fn new(state: [A; STATE], grad: A, beta: Beta<A>) -> Self {
        let [max, sum, centre, offset] = state;
        Self {
            max,
            scale: A::from_f64(beta.wide / sum.to_f64()),
            centre,
            offset,
            grad,
        }
    }

    /// The slope at a value, at this distance from the centre. The weight comes first: where it is
    /// 0, the product stays 0 however large beta is.
    #[inline(always)]
    fn at<const FMA: bool, const FLAT: bool>(self, value: A, distance: A, beta: Beta<A>) -> A {
        let e = beta.weight::<FMA, FLAT>(value, self.max);
        let distance = distance.sub(self.offset);
        e.mul(distance).mul(self.scale).mul(self.grad)
    }
}

/// The gradient of a part of a contiguous line that begins in place `start` of it.
#[inline(always)]
pub(crate) fn gradient_row<T, C, const FMA: bool, const FLAT: bool>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    coordinate: C,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
    start: usize,
) where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let origin = coordinate.origin(start);
    let centre = T::Accumulator::from_f64(slope.centre.to_f64() - origin);
    let mut next = coordinate.begin::<LANES>(centre);
    let (chunks, rest) = logits.as_chunks::<LANES>();
    let (out_chunks, out_rest) = out.as_chunks_mut::<LANES>();
    for (index, (out, chunk)) in out_chunks.iter_mut().zip(chunks).enumerate() {
        let distances = coordinate.distances(&mut next, start + index * LANES, centre);
        for lane in 0..LANES {
            let value = slope.at::<FMA, FLAT>(chunk[lane].widen(), distances[lane], beta);
            out[lane].write(T::narrow(value));
        }
    }
    if !rest.is_empty() {
        let place = start + chunks.len() * LANES;
        let distances = coordinate.last_distances(&next, place, rest.len(), centre);
        let values = filled_up::<_, LANES>(rest);
        let mut slopes = [T::Accumulator::ZERO; LANES];
        for lane in 0..LANES {
            slopes[lane] = slope.at::<FMA, FLAT>(values[lane], distances[lane], beta);
        }
        for (out, slope) in out_rest.iter_mut().zip(slopes) {
            out.write(T::narrow(slope));
        }
    }
}

/// [`gradient_row`] in the instructions of the processor at hand.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
    "x86_64+avx2+fma+bmi1+bmi2"
))]
pub(crate) fn gradient_part<T, C>(
    out: &mut [MaybeUninit<T>],
    logits: &[T],
    coordinate: C,
    slope: Slope<T::Accumulator>,
    beta: Beta<T::Accumulator>,
    start: usize,
) where
    T: Element,
    C: Coordinate<T::Accumulator>,
{
    let fma = target_cfg_f!(any(target_feature = "fma", target_arch = "aarch64"));
    specialised!(
        fma,
        beta,
        gradient_row::<T, C>(out, logits, coordinate, slope, beta, start)
    );
}
