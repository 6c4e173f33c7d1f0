#![cfg_attr(docsrs, feature(doc_cfg))]
// Naming `NdArray` warns; serving it until Burn drops it is deliberate.
#![cfg_attr(feature = "ndarray", allow(deprecated))]

//! Differentiable stand-ins for `argmax`, as operators for [Burn](burn_core).
//!
//! `argmax` returns an integer, so no gradient passes it and a loss that depends on *where* the
//! peak is cannot train. The operators here answer the same question and do carry a gradient.
//!
//! | operator | result | gradient |
//! |---|---|---|
//! | [`soft_argmax`] | expected index under weights of the scores | exact |
//! | [`soft_argmin`] | the same of costs: disparities | exact |
//! | [`soft_argmax_over`] | expected value of bins at any positions | exact, for the bins too |
//! | [`soft_argmin_over`] | the same of costs: depths | exact, for the bins too |
//! | [`soft_argmax_moments`] | expected index and its variance | exact |
//! | [`softmax`], [`entmax`] | probabilities, dense and sparse | exact |
//! | [`straight_through_one_hot`] | exact 0/1 one-hot of the first maximum | the [`Surrogate`]'s |
//! | [`sampled_one_hot`] | exact 0/1 one-hot, drawn from the softmax | the [`Estimator`]'s |
//! | [`sampled_argmax`] | an index, drawn from the softmax | none |
//! | [`gumbel_softmax`] | the softmax of scores with Gumbel noise | exact |
//! | [`sampled_top_k`] | exactly `k` ones, drawn without replacement | the [`Surrogate`]'s |
//! | [`straight_through_top_k`] | exactly `k` ones, at the largest | the [`Surrogate`]'s |
//! | [`soft_top_k`] | weights from 0 to 1 that sum to `k` | exact |
//! | [`straight_through_select`] | the row of a code book at the first maximum | the [`Surrogate`]'s, exact for the code book |
//! | [`straight_through_argmax`] | index of the first maximum | that of [`soft_argmax`] |
//! | [`refined_argmax`] | the same between indices, by a parabola | exact |
//! | [`two_hot`], [`gaussian_bins`] | a position as masses of bins | none: targets |
//! | [`sign_one_hot`] | 1 at every maximum, 0 elsewhere | **zero everywhere** |
//!
//! On heatmaps `[batch, channels, spatial...]` with one to three spatial dimensions:
//!
//! | operator | result | gradient |
//! |---|---|---|
//! | [`spatial_soft_argmax`] | expected position x, y, z in [`Coordinates`] | exact |
//! | [`spatial_soft_argmax_moments`] | expected position and its covariance | exact |
//! | [`straight_through_spatial_argmax`] | position of the first maximum | that of [`spatial_soft_argmax`] |
//! | [`refined_spatial_argmax`] | the same between pixels, by a Newton step | exact |
//! | [`peaks`] | the positions of the largest local maxima | none |
//! | [`spatial_soft_argmax_around`] | expected positions around them | exact |
//! | [`spatial_softmax`] | probabilities | exact |
//! | [`render_gaussian`] | heatmaps from positions | exact |
//!
//! The expected indices, positions and moments take a [`Weighting`]: how scores become
//! weights. A number is the `beta` of a softmax; `.within(radius)` keeps to a window about the maximum,
//! `.above(level)` takes off a background, `Weighting::entmax(alpha, beta)` one whose level is not known, and
//! `Weighting::given()` takes the scores as they are. What draws takes its random numbers from a
//! [`Noise`].
//!
//! [`nn`] has modules, with a beta that may be learnt or a training mode; [`losses`] has those of DSNT and
//! those of the scores of an index. [`guide`] says which operator when, and [`discrete_choices`] which estimator.
//! Users of kornia, dsntnn, entmax and PyTorch find their calls in [`coming_from`].
//!
//! # Quick start
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use burn_argmax::soft_argmax;
//!
//! let device = Device::flex().autodiff();
//! let logits = Tensor::<2>::from_floats([[0.0, 4.0, 1.0]], &device).require_grad();
//! let index = soft_argmax(logits.clone(), 1, 10.0); // [[1.0]]
//! let loss = (index - 2.0).powi_scalar(2).sum(); // the peak should be at index 2
//! let gradient = logits.grad(&loss.backward()).unwrap();
//! assert_eq!(gradient.dims(), [1, 3]);
//! ```
//!
//! # Features
//!
//! No backend is enabled by default; name the one that Burn itself was given: `ndarray`, `flex`,
//! `wgpu`, `vulkan`, `webgpu`, `metal`, `cuda`, `rocm` or `cpu`. Each brings the fused kernels for
//! that backend. `tch`, `remote` alone, and any backend that Burn has and this crate was not given,
//! are served by plain tensor operations with the same results and gradients, except that there the one-hots
//! and what else is straight-through or sampled pass none on to a score that is NaN or infinite.
//! [`has_kernels`] tells whether a device has kernels, and where one of this machine that could have them has
//! none, a warning in the `log` names the feature to add.
//! `autodiff` (on by default) is Burn's feature of that name. Burn's fusion is neither switched on nor has
//! it to be named here.
//!
//! `remote` alone sends plain tensor operations, which any server knows. With `remote-kernels` an operator on
//! a remote device is one operation, which the kernels of the server's backend run. The server then has the
//! feature `router` and that of its backend, and has registered the operators with
#![cfg_attr(feature = "router", doc = "[`register_argmax_ops`].")]
#![cfg_attr(not(feature = "router"), doc = "`register_argmax_ops`.")]
//!
//! With `capture`, on the device by which Burn captures graphs for an exporter, [`soft_argmax`], [`softmax`] and
//! [`spatial_soft_argmax`] are the few plain operations that burn-onnx knows, for weights of a softmax or given ones.
//! An exported graph treats no mask and no broken row apart: a row with a NaN or an infinite score is what the
//! arithmetic of its runtime makes of it, and sums are of `f32`, or of `f64` where the scores are. A batch of any
//! size is exported where nothing is sliced: not for [`spatial_soft_argmax`], whose batch is of one size.

extern crate alloc;

mod backends;
mod broken;
#[cfg(any(doc, doctest))]
#[doc = include_str!("coming_from.md")]
pub mod coming_from {}
mod composed;
mod config;
#[cfg(feature = "_custom-operations")]
mod custom;
#[cfg(any(doc, doctest))]
#[doc = include_str!("discrete_choices.md")]
pub mod discrete_choices {}
mod estimator;
mod functions;
#[cfg(any(doc, doctest))]
#[doc = include_str!("guide.md")]
pub mod guide {}
#[cfg(any(feature = "_cpu-kernels", feature = "_cube-kernels"))]
mod kernels;
pub mod losses;
pub mod nn;
mod noise;
// Without a backend, the macro leaves bodies that use none of their arguments.
#[cfg_attr(
    not(any(feature = "_cpu-kernels", feature = "_cube-kernels")),
    allow(unused_variables)
)]
mod ops;
mod philox;
mod precision;
#[doc(hidden)]
pub mod reference;
mod top_k;
mod weighting;

#[cfg(feature = "router")]
pub use backends::register_argmax_ops;
pub use estimator::Estimator;
pub use functions::*;
pub use noise::Noise;
#[doc(hidden)]
pub use ops::ArgmaxOps;
pub use weighting::Weighting;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
