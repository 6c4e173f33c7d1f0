//! Logits with Gumbel noise.

use burn_core::{backend::TensorMetadata, tensor::Shape};
use burn_cubecl::{cubecl, ops::reshape, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    launch::Inputs,
    lines::Lines,
    noise::NoiseOfLines,
    operator::{Entry, Map, Types, Walk},
};

/// The scores as they are read.
#[derive(CubeType, CubeLaunch)]
struct Identity {}

#[cube]
impl Map for Identity {
    type Line<P: Types> = ();

    fn line<P: Types>(
        _op: &Self,
        _state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) {
    }

    fn map<P: Types>(_op: &Self, _line: &mut (), entry: &Entry<P>) -> Vector<P::A, P::N> {
        entry.x
    }
}

/// See [`ArgmaxOps::noisy`](crate::ArgmaxOps::noisy).
pub(crate) fn noisy(logits: CubeTensor, key: CubeTensor, stream: u32) -> CubeTensor {
    let shape = logits.shape();
    // Lines as long as a block of words, if that may be: it serves four places.
    let count = shape.num_elements();
    let width = 1 << count.trailing_zeros().min(2);
    let logits = reshape(logits, Shape::from([count / width, width]));
    let lines = Lines::new("noisy", "logits", &logits, 1);
    let inputs = Inputs {
        noise: Some(NoiseOfLines::new(&lines, key, stream)),
        ..Inputs::of(lines.view(logits))
    };
    let noisy = lines.map::<Identity>(inputs, None, None, IdentityLaunch::new());
    reshape(noisy, shape)
}
