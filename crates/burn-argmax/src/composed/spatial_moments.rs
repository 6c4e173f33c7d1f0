//! Mean and covariance of the pixel index, of `[maps, depth, height, width]`.

use alloc::{vec, vec::Vec};

use burn_core::{
    backend::{Backend, TensorMetadata, tensor::FloatTensor},
    tensor::{IntDType, Shape},
};

use super::{
    Dtypes, Rows, accumulator_dtype, accumulator_max, argmax, cast, entry_of, float_dtype, indices,
};
use crate::ops::SPATIAL_AXES as AXES;

/// The dimension of `[maps, depth, height, width]` that an axis runs along: x is the last.
const DIM_OF_AXIS: [usize; AXES] = [3, 2, 1];

/// Pairs of axes in the order of the covariances.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// Shapes and dtypes of the moments and of the state.
#[cfg(all(feature = "fusion", feature = "_cube-kernels"))]
pub(crate) fn spatial_metadata(
    heatmaps: &burn_core::backend::fusion::custom::TensorSpec,
    covariance: bool,
) -> (
    burn_core::backend::fusion::custom::TensorSpec,
    burn_core::backend::fusion::custom::TensorSpec,
) {
    use crate::ops::{spatial_moments_len, spatial_state_len};
    use burn_core::backend::fusion::custom::TensorSpec;

    let maps = heatmaps.shape[0];
    (
        TensorSpec::new(
            Shape::from([maps, spatial_moments_len(covariance)]),
            heatmaps.dtype,
        ),
        TensorSpec::new(
            Shape::from([maps, spatial_state_len(covariance)]),
            accumulator_dtype(heatmaps.dtype).into(),
        ),
    )
}

/// The softmax weights of every map, `[maps, positions]`, and the distance of every position from
/// the map's centre along each axis, where they can be broadcast to `[maps, depth, height, width]`.
struct Maps<B: Backend> {
    rows: Rows<B>,
    shape: Shape,
    centre: [FloatTensor<B>; AXES],
    distances: [FloatTensor<B>; AXES],
}

impl<B: Backend> Maps<B> {
    fn new(rows: Rows<B>, shape: Shape, centre: [FloatTensor<B>; AXES]) -> Self {
        let device = rows.weights.device();
        let dtype = float_dtype(rows.weights.dtype());
        let int = Dtypes::of::<B>(&device).int;
        let distances = core::array::from_fn(|axis| {
            let indices = indices::<B>(&shape, DIM_OF_AXIS[axis], &device, int);
            let centre = B::float_reshape(centre[axis].clone(), Shape::from([shape[0], 1, 1, 1]));
            B::float_sub(B::int_into_float(indices, dtype), centre)
        });
        Self {
            rows,
            shape,
            centre,
            distances,
        }
    }

    /// The weighted mean of what has an entry for each position, `[maps, 1]`.
    fn mean(&self, values: FloatTensor<B>) -> FloatTensor<B> {
        let values = B::float_expand(values, self.shape.clone());
        let values = B::float_reshape(values, self.rows.weights.shape());
        self.rows.offset(values)
    }

    /// The distance from the mean, where the mean is at `offset` from the centre.
    fn deviation(&self, axis: usize, offset: &FloatTensor<B>) -> FloatTensor<B> {
        let offset = B::float_reshape(offset.clone(), Shape::from([self.shape[0], 1, 1, 1]));
        B::float_sub(self.distances[axis].clone(), offset)
    }
}

fn flat(shape: &Shape) -> Shape {
    Shape::from([shape[0], shape[1] * shape[2] * shape[3]])
}

/// The position of the maximum of every map along each axis, `[maps, 1]`.
fn centres<B: Backend>(heatmaps: FloatTensor<B>, shape: &Shape) -> [FloatTensor<B>; AXES] {
    let dtype = accumulator_dtype(heatmaps.dtype());
    let device = heatmaps.device();
    let int: IntDType = Dtypes::of::<B>(&device).int;
    let argmax = B::float_into_int(argmax::<B>(heatmaps, 1), int);
    let (height, width) = (shape[2] as i64, shape[3] as i64);
    let row = B::int_div_scalar(argmax.clone(), width.into());
    [
        B::int_remainder_scalar(argmax, width.into()),
        B::int_remainder_scalar(row.clone(), height.into()),
        B::int_div_scalar(row, height.into()),
    ]
    .map(|centre| B::int_into_float(centre, dtype))
}

pub(crate) fn spatial_moments<B: Backend>(
    heatmaps: FloatTensor<B>,
    covariance: bool,
    beta: f64,
) -> FloatTensor<B> {
    spatial_moments_forward::<B>(heatmaps, covariance, beta).0
}

pub(crate) fn spatial_moments_forward<B: Backend>(
    heatmaps: FloatTensor<B>,
    covariance: bool,
    beta: f64,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let (dtype, shape) = (heatmaps.dtype(), heatmaps.shape());
    let heatmaps = B::float_reshape(heatmaps, flat(&shape));
    let centre = centres::<B>(B::float_detach(heatmaps.clone()), &shape);
    let rows = Rows::<B>::new(heatmaps, 1, beta);
    let maps = Maps::<B>::new(rows, shape, centre);
    let offset: [FloatTensor<B>; AXES] =
        core::array::from_fn(|axis| maps.mean(maps.distances[axis].clone()));
    let second: Vec<FloatTensor<B>> = PAIRS
        .into_iter()
        .filter(|_| covariance)
        .map(|(a, b)| {
            maps.mean(B::float_mul(
                maps.deviation(a, &offset[a]),
                maps.deviation(b, &offset[b]),
            ))
        })
        .collect();

    let mut moments: Vec<_> = (0..AXES)
        .map(|axis| B::float_add(maps.centre[axis].clone(), offset[axis].clone()))
        .collect();
    moments.extend(second.iter().cloned());
    let mut state = vec![maps.rows.max.clone(), maps.rows.sum.clone()];
    state.extend(maps.centre);
    state.extend(offset);
    state.extend(second);
    (
        cast::<B>(B::float_cat(moments, 1), dtype),
        B::float_cat(state, 1),
    )
}

pub(crate) fn spatial_moments_backward<B: Backend>(
    heatmaps: FloatTensor<B>,
    state: FloatTensor<B>,
    grad: FloatTensor<B>,
    covariance: bool,
    beta: f64,
) -> FloatTensor<B> {
    let (dtype, shape) = (heatmaps.dtype(), heatmaps.shape());
    let accumulator = accumulator_dtype(dtype).into();
    let grad = cast::<B>(grad, accumulator);
    let at = |entry| entry_of::<B>(state.clone(), 1, entry);
    let upstream = |entry| {
        let grad = entry_of::<B>(grad.clone(), 1, entry);
        B::float_reshape(grad, Shape::from([shape[0], 1, 1, 1]))
    };

    let flattened = B::float_reshape(cast::<B>(heatmaps, accumulator), flat(&shape));
    let rows = Rows::<B>::with_max(flattened, at(0), 1, beta);
    let maps = Maps::<B>::new(rows, shape.clone(), [2, 3, 4].map(at));
    let deviation: [FloatTensor<B>; AXES] =
        core::array::from_fn(|axis| maps.deviation(axis, &at(2 + AXES + axis)));

    let mut terms: Vec<FloatTensor<B>> = (0..AXES)
        .map(|axis| B::float_mul(deviation[axis].clone(), upstream(axis)))
        .collect();
    if covariance {
        for (entry, (a, b)) in PAIRS.into_iter().enumerate() {
            let mean = B::float_reshape(at(2 + 2 * AXES + entry), Shape::from([shape[0], 1, 1, 1]));
            let product = B::float_mul(deviation[a].clone(), deviation[b].clone());
            terms.push(B::float_mul(
                B::float_sub(product, mean),
                upstream(AXES + entry),
            ));
        }
    }
    let slope = terms
        .into_iter()
        .reduce(B::float_add)
        .expect("there are axes");
    let probability = B::float_div(maps.rows.weights, at(1));
    let probability = B::float_reshape(probability, shape.clone());
    // The weight comes first: where it is 0, the product stays 0 however large beta is.
    let slope = B::float_mul(probability, B::float_expand(slope, shape));
    let slope = B::float_mul_scalar(slope, beta.min(accumulator_max(dtype)).into());
    cast::<B>(slope, dtype)
}
