//! Gumbel noise, which scores are read with: no tensor holds it.

use burn_core::{
    backend::ops::IntTensorOps,
    tensor::{IntDType, Shape},
};
use burn_cubecl::{CubeBackend, cubecl, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::Kind,
    lines::Lines,
    log::{log, log_near_one},
    operator::Types,
    peak::Peak,
    philox::Philox,
};

/// The noise that scores are read with.
#[derive(CubeType)]
pub(super) struct Noise {
    words: Philox,
    #[cube(comptime)]
    is_added: bool,
}

#[cube]
impl Noise {
    pub(super) fn new(key: ComptimeOption<&Tensor<i32>>, stream: u32) -> Noise {
        #[comptime]
        match key {
            ComptimeOption::Some(key) => Noise {
                words: Philox::new(key, stream),
                is_added: true,
            },
            ComptimeOption::None => Noise {
                words: Philox::none(),
                is_added: false,
            },
        }
    }

    /// Scores less the maximum of their line, with the noise of the places from this one on. Noise that was
    /// added to large scores would be rounded away.
    pub(super) fn added<P: Types>(
        &self,
        scores: Vector<P::A, P::N>,
        place: usize,
        peak: &Peak<P>,
    ) -> Vector<P::A, P::N> {
        if comptime!(self.is_added) {
            let words = self.words.words::<P::N>(place);
            let noisy = (scores - peak.finite_max()) + gumbel::<P::A, P::K, P::N>(words);
            let kind = Kind::<P::N>::of::<P::A, P::K>(scores);
            select_many(kind.masked.or(kind.broken), scores, noisy)
        } else {
            scores
        }
    }
}

/// `-ln(-ln(1 - u))` with `u = (word + 1/2) / 2^32`.
#[cube]
fn gumbel<A: Float, K: Int, N: Size>(words: Vector<u32, N>) -> Vector<A, N> {
    let zero = Vector::<A, N>::new(A::new(0.0_f32));
    let one = Vector::<A, N>::new(A::new(1.0_f32));
    // The distance from the nearer of 0 and 1: there is a float for each that is small.
    let is_low = words.less_than(&Vector::new(0x8000_0000_u32));
    let nearer = select_many(is_low, words, Vector::new(0xffff_ffff_u32) - words);
    let distance = Vector::<A, N>::cast_from(nearer) + Vector::new(A::new(0.5_f32));
    let distance = distance * Vector::new(A::new(TWO_TO_MINUS_32));
    let rest = select_many(is_low, one - distance, distance);
    let exponential = zero - log_near_one::<A, K, N>(rest, zero - distance);
    zero - log::<A, K, N>(exponential)
}

const TWO_TO_MINUS_32: f32 = 1.0 / 4_294_967_296.0;

/// The noise of lines.
#[derive(Clone)]
pub(super) struct NoiseOfLines {
    pub(super) key: CubeTensor,
    pub(super) stream: u32,
}

impl NoiseOfLines {
    pub(super) fn new(lines: &Lines, key: CubeTensor, stream: u32) -> Self {
        lines.check("key", &key, &Shape::from([4]), key.dtype);
        let hardware = lines.client.properties();
        assert!(
            hardware.supports_address(lines.places()),
            "burn-argmax: {}: logits have more than 2^32 entries, which is too many for noise on {:?}",
            lines.op,
            lines.device,
        );
        Self {
            key: into_contiguous(CubeBackend::int_cast(key, IntDType::I32)),
            stream,
        }
    }
}
