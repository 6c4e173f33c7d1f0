//! What is run: operators, their variants and passes.

use burn::tensor::{Tensor, activation::softmax};
use burn_argmax::{Coordinates, Estimator, Noise, Surrogate, Weighting, losses, reference};
use clap::ValueEnum;

use crate::{limits::Limit, naive};

/// Inverse temperature of every case. Weights stay clear of subnormal numbers, which would slow
/// down the composition for a reason that has nothing to do with it.
pub const BETA: f64 = 5.0;

/// Radius of the window, where there is one.
pub const RADIUS: usize = 4;

/// Of an entmax.
pub const ALPHA: f64 = 1.5;

/// How many are chosen, where several are.
pub const K: usize = 8;

/// An operator of burn-argmax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Op {
    /// `soft_argmax`
    SoftArgmax,
    /// The same within a window
    SoftArgmaxWithin,
    /// The same above a background
    SoftArgmaxAbove,
    /// The same of weights that are given
    SoftArgmaxGiven,
    /// `soft_argmax_over` one line of bins
    SoftArgmaxOver,
    /// The same over a bin for every score
    SoftArgmaxOverEach,
    /// `soft_argmax_moments`
    SoftArgmaxMoments,
    /// `softmax`
    Softmax,
    /// `entmax`
    Entmax,
    /// `soft_argmax` under an entmax
    SoftArgmaxEntmax,
    /// `straight_through_one_hot` with the softmax surrogate
    StraightThroughOneHot,
    /// `straight_through_top_k` with the softmax surrogate
    StraightThroughTopK,
    /// `soft_top_k`
    SoftTopK,
    /// `sampled_one_hot` with the gradient of a Gumbel-softmax
    SampledOneHot,
    /// `sign_one_hot`
    SignOneHot,
    /// `spatial_soft_argmax`, of pixel indices
    SpatialSoftArgmax,
    /// The same within a window
    SpatialSoftArgmaxWithin,
    /// The same above a background
    SpatialSoftArgmaxAbove,
    /// `spatial_softmax`
    SpatialSoftmax,
    /// `jensen_shannon_loss` of `spatial_softmax`
    JensenShannon,
}

/// An implementation of the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// This crate's.
    Ours,
    /// What users write today.
    Composition,
    /// This crate's plain tensor operations.
    Reference,
}

/// The part of a training step that is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Without a graph, as in inference.
    Forward,
    /// With a graph, from the input to its gradient.
    ForwardBackward,
    /// `backward()` alone, after an untimed forward.
    Backward,
    /// The same where nothing but the graph holds the input, as a layer's output.
    BackwardDropped,
}

impl Variant {
    /// In the order of the table's columns.
    pub const ALL: [Self; 3] = [Self::Ours, Self::Composition, Self::Reference];
}

impl Pass {
    /// Name in the records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::ForwardBackward => "forward+backward",
            Self::Backward => "backward",
            Self::BackwardDropped => "backward, x dropped",
        }
    }
}

impl Op {
    /// In the order of the table.
    pub const ALL: [Self; 20] = [
        Self::SoftArgmax,
        Self::SoftArgmaxWithin,
        Self::SoftArgmaxAbove,
        Self::SoftArgmaxGiven,
        Self::SoftArgmaxOver,
        Self::SoftArgmaxOverEach,
        Self::SoftArgmaxMoments,
        Self::Softmax,
        Self::Entmax,
        Self::SoftArgmaxEntmax,
        Self::StraightThroughOneHot,
        Self::StraightThroughTopK,
        Self::SoftTopK,
        Self::SampledOneHot,
        Self::SignOneHot,
        Self::SpatialSoftArgmax,
        Self::SpatialSoftArgmaxWithin,
        Self::SpatialSoftArgmaxAbove,
        Self::SpatialSoftmax,
        Self::JensenShannon,
    ];

    /// Name of the function.
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftArgmax => "soft_argmax",
            Self::SoftArgmaxWithin => "soft_argmax, within",
            Self::SoftArgmaxAbove => "soft_argmax, above",
            Self::SoftArgmaxGiven => "soft_argmax, given",
            Self::SoftArgmaxOver => "soft_argmax_over, a line",
            Self::SoftArgmaxOverEach => "soft_argmax_over, each",
            Self::SoftArgmaxMoments => "soft_argmax_moments",
            Self::Softmax => "softmax",
            Self::Entmax => "entmax",
            Self::SoftArgmaxEntmax => "soft_argmax, entmax",
            Self::StraightThroughOneHot => "straight_through_one_hot",
            Self::StraightThroughTopK => "straight_through_top_k",
            Self::SoftTopK => "soft_top_k",
            Self::SampledOneHot => "sampled_one_hot",
            Self::SignOneHot => "sign_one_hot",
            Self::SpatialSoftArgmax => "spatial_soft_argmax",
            Self::SpatialSoftArgmaxWithin => "spatial_soft_argmax, within",
            Self::SpatialSoftArgmaxAbove => "spatial_soft_argmax, above",
            Self::SpatialSoftmax => "spatial_softmax",
            Self::JensenShannon => "jensen_shannon_loss",
        }
    }

    /// The passes worth timing: the gradient of `sign_one_hot` is zero.
    pub fn passes(self) -> &'static [Pass] {
        match self {
            Self::SignOneHot => &[Pass::Forward],
            Self::StraightThroughOneHot
            | Self::StraightThroughTopK
            | Self::SoftTopK
            | Self::SampledOneHot
            | Self::Softmax
            | Self::Entmax
            | Self::SpatialSoftmax => &[Pass::Forward, Pass::ForwardBackward, Pass::Backward],
            _ => &[
                Pass::Forward,
                Pass::ForwardBackward,
                Pass::Backward,
                Pass::BackwardDropped,
            ],
        }
    }

    /// The least traffic of a pass.
    ///
    /// A one-hot's forward writes the output; that the input must be read as well is left out, as
    /// it is where the backward reads the upstream gradient: the fractions err on the low side.
    /// A one-hot's backward begins with the seed, a fill of the output's size.
    pub fn limit(self, pass: Pass) -> &'static [Limit] {
        use Limit::{Copy, Read, Write};
        match (self, pass) {
            (
                Self::StraightThroughOneHot
                | Self::StraightThroughTopK
                | Self::SampledOneHot
                | Self::SignOneHot,
                pass,
            ) => match pass {
                Pass::Forward => &[Write],
                Pass::ForwardBackward => &[Write, Write, Copy],
                Pass::Backward | Pass::BackwardDropped => &[Write, Copy],
            },
            (Self::Softmax | Self::Entmax | Self::SoftTopK | Self::SpatialSoftmax, pass) => {
                match pass {
                    Pass::Forward => &[Copy],
                    Pass::ForwardBackward => &[Copy, Write, Copy],
                    Pass::Backward | Pass::BackwardDropped => &[Write, Copy],
                }
            }
            (Self::SoftArgmaxOverEach, Pass::Forward) => &[Read, Read],
            (Self::SoftArgmaxOverEach, Pass::ForwardBackward) => &[Read, Read, Copy, Read],
            (Self::SoftArgmaxOverEach, _) => &[Copy, Read],
            (_, Pass::Forward) => &[Read],
            (_, Pass::ForwardBackward) => &[Read, Copy],
            (_, Pass::Backward | Pass::BackwardDropped) => &[Copy],
        }
    }

    /// How scores become weights, for those that take it along a line.
    fn weighting(self) -> Weighting {
        match self {
            Self::SoftArgmaxWithin | Self::SpatialSoftArgmaxWithin => {
                Weighting::softmax(BETA).within(RADIUS)
            }
            Self::SoftArgmaxAbove | Self::SpatialSoftArgmaxAbove => {
                Weighting::softmax(BETA).above(0.0)
            }
            Self::SoftArgmaxGiven => Weighting::given(),
            Self::SoftArgmaxEntmax => Weighting::entmax(ALPHA, 1.0),
            _ => Weighting::softmax(BETA),
        }
    }

    /// The operator, by `variant`. Only some look at the bins.
    pub fn apply<const D: usize>(
        self,
        variant: Variant,
        x: Tensor<D>,
        bins: &Tensor<D>,
        dim: usize,
    ) -> Tensor<D> {
        let bins = || match x.device().is_autodiff() {
            true => bins.clone().autodiff(),
            false => bins.clone(),
        };
        let surrogate = Surrogate::Softmax { beta: BETA };
        match (variant, self) {
            (Variant::Ours, Self::StraightThroughOneHot) => {
                burn_argmax::straight_through_one_hot(x, dim, surrogate)
            }
            (Variant::Ours, Self::SampledOneHot) => {
                let estimator = Estimator::GumbelSoftmax { beta: BETA };
                burn_argmax::sampled_one_hot(x, dim, estimator, Noise::Device)
            }
            (_, Self::SampledOneHot) => naive::sampled_one_hot(x, dim, BETA),
            (Variant::Ours, Self::StraightThroughTopK) => {
                burn_argmax::straight_through_top_k(x, K, dim, surrogate)
            }
            (_, Self::StraightThroughTopK) => naive::straight_through_top_k(x, K, dim, BETA),
            (Variant::Ours, Self::SoftTopK) => burn_argmax::soft_top_k(x, K, dim, BETA),
            (_, Self::SoftTopK) => naive::soft_top_k(x, K, dim, BETA),
            (Variant::Ours, Self::SignOneHot) => burn_argmax::sign_one_hot(x, dim),
            (Variant::Reference, Self::StraightThroughOneHot) => {
                reference::straight_through_one_hot(x, dim, surrogate)
            }
            (Variant::Reference, Self::SignOneHot) => reference::sign_one_hot(x, dim),
            (Variant::Composition, Self::SoftArgmax) => naive::soft_argmax(x, dim, BETA),
            (Variant::Composition, Self::StraightThroughOneHot) => {
                naive::straight_through_one_hot(x, dim, BETA)
            }
            (Variant::Composition, Self::SignOneHot) => naive::sign_one_hot(x, dim),
            (
                Variant::Ours,
                Self::SpatialSoftArgmax
                | Self::SpatialSoftArgmaxWithin
                | Self::SpatialSoftArgmaxAbove,
            ) => in_rank(burn_argmax::spatial_soft_argmax(
                x,
                self.weighting(),
                Coordinates::Index,
            )),
            (
                Variant::Reference,
                Self::SpatialSoftArgmax
                | Self::SpatialSoftArgmaxWithin
                | Self::SpatialSoftArgmaxAbove,
            ) => in_rank(reference::spatial_soft_argmax(
                x,
                self.weighting(),
                Coordinates::Index,
            )),
            (Variant::Composition, Self::SpatialSoftArgmax) => {
                in_rank(naive::spatial_mean(naive::spatial_softmax(x, BETA)))
            }
            (Variant::Composition, Self::SpatialSoftArgmaxWithin) => {
                let near = naive::spatial_window(x, RADIUS);
                in_rank(naive::spatial_mean(naive::spatial_softmax(near, BETA)))
            }
            (Variant::Composition, Self::SpatialSoftArgmaxAbove) => {
                in_rank(naive::spatial_mean(((x * BETA).exp() - 1.0).clamp_min(0.0)))
            }
            (Variant::Ours, Self::SoftArgmaxOver | Self::SoftArgmaxOverEach) => {
                let bins = bins();
                burn_argmax::soft_argmax_over(x, bins, dim, BETA)
            }
            (Variant::Reference, Self::SoftArgmaxOver | Self::SoftArgmaxOverEach) => {
                let bins = bins();
                reference::soft_argmax_over(x, bins, dim, BETA)
            }
            (Variant::Composition, Self::SoftArgmaxOver | Self::SoftArgmaxOverEach) => {
                let bins = bins();
                (softmax(x * BETA, dim) * bins).sum_dim(dim)
            }
            (Variant::Ours, Self::SoftArgmaxMoments) => {
                let moments = burn_argmax::soft_argmax_moments(x, dim, BETA);
                Tensor::cat(vec![moments.mean, moments.variance], dim)
            }
            (_, Self::SoftArgmaxMoments) => naive::soft_argmax_moments(x, dim, BETA),
            (Variant::Ours, Self::Softmax) => burn_argmax::softmax(x, dim, BETA),
            (Variant::Reference, Self::Softmax) => reference::softmax(x, dim, BETA),
            (Variant::Composition, Self::Softmax) => softmax(x * BETA, dim),
            (Variant::Ours, Self::Entmax) => burn_argmax::entmax(x, dim, ALPHA, 1.0),
            (_, Self::Entmax) => naive::entmax(x, dim),
            (Variant::Composition | Variant::Reference, Self::SoftArgmaxEntmax) => {
                naive::center_of_mass(naive::entmax(x, dim), dim)
            }
            (Variant::Ours, Self::SpatialSoftmax) => burn_argmax::spatial_softmax(x, BETA),
            (_, Self::SpatialSoftmax) => naive::spatial_softmax(x, BETA),
            (Variant::Ours, Self::JensenShannon) => {
                let [rows, columns] = [x.dims()[0], x.dims()[1]];
                let targets = Tensor::zeros([rows, columns, 2], &x.device());
                let probabilities = burn_argmax::spatial_softmax(x, BETA);
                in_rank(losses::jensen_shannon_loss(
                    probabilities,
                    targets,
                    1.0,
                    Coordinates::CellCenters,
                ))
            }
            (_, Self::JensenShannon) => in_rank(naive::jensen_shannon(x, BETA)),
            (Variant::Composition, Self::SoftArgmaxWithin) => {
                naive::soft_argmax_within(x, dim, BETA, RADIUS)
            }
            (Variant::Composition, Self::SoftArgmaxAbove) => {
                naive::center_of_mass(((x * BETA).exp() - 1.0).clamp_min(0.0), dim)
            }
            (Variant::Composition, Self::SoftArgmaxGiven) => naive::center_of_mass(x, dim),
            (Variant::Ours, _) => burn_argmax::soft_argmax(x, dim, self.weighting()),
            (Variant::Reference, _) => reference::soft_argmax(x, dim, self.weighting()),
        }
    }
}

/// A result in the rank of the input.
fn in_rank<const R: usize, const D: usize>(result: Tensor<R>) -> Tensor<D> {
    let mut shape = [1; D];
    shape[..R].copy_from_slice(&result.dims());
    result.reshape(shape)
}
