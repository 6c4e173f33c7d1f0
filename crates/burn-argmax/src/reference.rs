//! The operators as plain Burn tensor operations, differentiable by Burn's own graph.
//!
//! They compute the same results as the operators at the crate's root, unfused. They serve the
//! backends that this crate has no kernels for, and they are what the tests hold the kernels
//! against and what the benchmarks call the composition. Programs want the operators at the root.

use burn_core::{
    backend::Dispatch,
    tensor::{AsIndex, Tensor},
};

use crate::{
    Coordinates, SpatialSoftArgmaxMoments, Surrogate, composed,
    functions::{
        check_beta, check_dim, check_heatmaps, mean_of, moments_by, moments_of, without_indices,
    },
};

/// [`soft_argmax`](crate::soft_argmax) as plain tensor operations.
///
/// Same arguments, results, gradient and panics.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{reference, soft_argmax};
///
/// let logits = Tensor::<1>::from_floats([0.0, 2.0, 1.0], &Device::flex());
/// let plain = reference::soft_argmax(logits.clone(), 0, 3.0).into_scalar::<f32>();
/// assert!((plain - soft_argmax(logits, 0, 3.0).into_scalar::<f32>()).abs() < 1e-6);
/// ```
pub fn soft_argmax<const D: usize>(logits: Tensor<D>, dim: impl AsIndex, beta: f64) -> Tensor<D> {
    let dim = check_dim("soft_argmax", &logits, dim);
    check_beta("soft_argmax", beta);
    if logits.shape().num_elements() == 0 {
        return without_indices(logits, dim);
    }
    let logits = logits.dequantize().into_dispatch();
    Tensor::from_dispatch(composed::soft_argmax::<Dispatch>(logits, dim, beta))
}

/// [`straight_through_one_hot`](crate::straight_through_one_hot) as plain tensor operations.
///
/// Same arguments, results, gradient and panics, except that the softmax's gradient may be 0 where
/// it is NaN there: in a row with a NaN or `+inf`, or wholly of `-inf`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Surrogate, reference};
///
/// let logits = Tensor::<1>::from_floats([0.0, 2.0, 1.0], &Device::flex());
/// let one_hot = reference::straight_through_one_hot(logits, 0, Surrogate::Identity);
/// assert_eq!(one_hot.into_data().to_vec::<f32>().unwrap(), [0.0, 1.0, 0.0]);
/// ```
pub fn straight_through_one_hot<const D: usize>(
    logits: Tensor<D>,
    dim: impl AsIndex,
    surrogate: Surrogate,
) -> Tensor<D> {
    let dim = check_dim("straight_through_one_hot", &logits, dim);
    if let Surrogate::Softmax { beta } = surrogate {
        check_beta("straight_through_one_hot", beta);
    }
    if logits.shape().num_elements() == 0 {
        return logits;
    }
    let logits = logits.dequantize().into_dispatch();
    Tensor::from_dispatch(composed::straight_through_one_hot::<Dispatch>(
        logits, dim, surrogate,
    ))
}

/// [`sign_one_hot`](crate::sign_one_hot) as plain tensor operations.
///
/// Same arguments, results, (zero) gradient and panics.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::reference;
///
/// let values = Tensor::<1>::from_floats([2.0, -1.0, 2.0], &Device::flex());
/// let marked = reference::sign_one_hot(values, 0);
/// assert_eq!(marked.into_data().to_vec::<f32>().unwrap(), [1.0, 0.0, 1.0]);
/// ```
pub fn sign_one_hot<const D: usize>(values: Tensor<D>, dim: impl AsIndex) -> Tensor<D> {
    let dim = check_dim("sign_one_hot", &values, dim);
    if values.shape().num_elements() == 0 {
        return values;
    }
    let values = values.dequantize().into_dispatch();
    Tensor::from_dispatch(composed::sign_one_hot::<Dispatch>(values, dim))
}

/// [`spatial_soft_argmax_moments`](crate::spatial_soft_argmax_moments) as plain tensor
/// operations.
///
/// Same arguments, results, gradient and panics.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, reference};
///
/// let heatmaps = Tensor::<3>::from_floats([[[9.0, 0.0, 9.0]]], &Device::flex());
/// let moments = reference::spatial_soft_argmax_moments(heatmaps, 100.0, Coordinates::Index);
/// assert_eq!(moments.mean.into_scalar::<f32>(), 1.0);
/// assert_eq!(moments.covariance.into_scalar::<f32>(), 1.0);
/// ```
pub fn spatial_soft_argmax_moments<const D: usize>(
    heatmaps: Tensor<D>,
    beta: f64,
    coordinates: Coordinates,
) -> SpatialSoftArgmaxMoments {
    check_heatmaps("spatial_soft_argmax_moments", &heatmaps);
    check_beta("spatial_soft_argmax_moments", beta);
    let shape = heatmaps.dims();
    let moments = moments_by(heatmaps, true, |heatmaps| {
        composed::spatial_moments::<Dispatch>(heatmaps, true, beta)
    });
    moments_of(moments, &shape, coordinates)
}

/// [`spatial_soft_argmax`](crate::spatial_soft_argmax) as plain tensor operations.
///
/// Same arguments, results, gradient and panics.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Coordinates, reference};
///
/// let heatmaps = Tensor::<3>::from_floats([[[9.0, 0.0, 9.0]]], &Device::flex());
/// let index = reference::spatial_soft_argmax(heatmaps, 100.0, Coordinates::Index);
/// assert_eq!(index.into_scalar::<f32>(), 1.0);
/// ```
pub fn spatial_soft_argmax<const D: usize>(
    heatmaps: Tensor<D>,
    beta: f64,
    coordinates: Coordinates,
) -> Tensor<3> {
    check_heatmaps("spatial_soft_argmax", &heatmaps);
    check_beta("spatial_soft_argmax", beta);
    let shape = heatmaps.dims();
    let moments = moments_by(heatmaps, false, |heatmaps| {
        composed::spatial_moments::<Dispatch>(heatmaps, false, beta)
    });
    coordinates.of_index(mean_of(moments, &shape), &shape[2..])
}
