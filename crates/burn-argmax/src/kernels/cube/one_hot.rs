//! One-hot rows: the peak of every line in one read, then one write.

use burn_core::{
    backend::{TensorMetadata, ops::IntTensorOps},
    tensor::{IntDType, Slice},
};
use burn_cubecl::{CubeBackend, cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::order_key,
    first_max::peaks,
    launch::Inputs,
    lines::Lines,
    operator::{Entry, Map, Types, Walk},
    peak::{INDEX, KEY},
};

/// 1 at the first maximum, 0 elsewhere.
#[derive(CubeType, CubeLaunch)]
struct OneHot {}

#[cube]
impl Map for OneHot {
    type Line<P: Types> = Vector<P::K, P::N>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Self::Line<P> {
        state[INDEX]
    }

    fn map<P: Types>(_op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        mark::<P>(entry.index.equal(&*line))
    }
}

/// 1 wherever the maximum stands, 0 elsewhere; NaN throughout if the line has a NaN.
#[derive(CubeType, CubeLaunch)]
struct SignOneHot {
    nan: InputScalar,
}

#[cube]
impl Map for SignOneHot {
    type Line<P: Types> = Vector<P::K, P::N>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Self::Line<P> {
        state[KEY]
    }

    fn map<P: Types>(op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let key = order_key::<P::A, P::K, P::N>(entry.x);
        let spoiled = line.equal(&Vector::new(P::K::max_value()));
        let nan = Vector::<P::A, P::N>::new(op.nan.get::<P::A>());
        select_many(spoiled, nan, mark::<P>(key.equal(&*line)))
    }
}

#[cube]
pub(super) fn mark<P: Types>(is_peak: Vector<bool, P::N>) -> Vector<P::A, P::N> {
    let zero = Vector::<P::A, P::N>::new(P::A::new(0.0_f32));
    select_many(is_peak, Vector::new(P::A::new(1.0_f32)), zero)
}

/// See [`ArgmaxOps::one_hot`](crate::ArgmaxOps::one_hot).
pub(crate) fn one_hot(values: CubeTensor, dim: usize) -> CubeTensor {
    let lines = Lines::new("one_hot", "values", &values, dim);
    let values = Inputs::of(lines.view(values));
    one_hots(&lines, values)
}

pub(super) fn one_hots(lines: &Lines, values: Inputs) -> CubeTensor {
    let peaks = peaks(lines, values);
    lines.map::<OneHot>(Inputs::default(), Some(peaks), None, OneHotLaunch::new())
}

/// See [`ArgmaxOps::first_argmax`](crate::ArgmaxOps::first_argmax).
pub(crate) fn first_argmax(values: CubeTensor, dim: usize) -> CubeTensor {
    let lines = Lines::new("first_argmax", "values", &values, dim);
    let values = Inputs::of(lines.view(values));
    indices(&lines, values)
}

/// Those of the peaks.
pub(super) fn indices(lines: &Lines, values: Inputs) -> CubeTensor {
    let mut peaks = peaks(lines, values);
    // Allocated as floats of the same size.
    peaks.dtype = lines.bits();
    let line = |axis: usize, size| match axis == lines.dim {
        true => Slice::from(INDEX..INDEX + 1),
        false => Slice::from(0..size),
    };
    let sizes = peaks.shape();
    let slices: Vec<Slice> = (0..)
        .zip(sizes.iter())
        .map(|(axis, &size)| line(axis, size))
        .collect();
    let indices = CubeBackend::int_slice(peaks, &slices);
    CubeBackend::int_cast(indices, IntDType::I32)
}

/// See [`ArgmaxOps::sign_one_hot`](crate::ArgmaxOps::sign_one_hot).
pub(crate) fn sign_one_hot(values: CubeTensor, dim: usize) -> CubeTensor {
    let lines = Lines::new("sign_one_hot", "values", &values, dim);
    let inputs = Inputs::of(lines.view(values));
    let peaks = peaks(&lines, inputs.clone());
    lines.map::<SignOneHot>(
        inputs,
        Some(peaks),
        None,
        SignOneHotLaunch::new(lines.nan()),
    )
}
