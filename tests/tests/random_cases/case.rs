//! A call with its arguments, and how it is drawn.

use burn::tensor::{DType, Device};
use burn_argmax::Coordinates;
use proptest::{
    prelude::{Just, Strategy, any, prop},
    strategy::Union,
};

use crate::{
    scores::{Layout, Values},
    weighed::{Scheme, Weights},
};

#[derive(Clone, Debug)]
pub struct Case {
    pub function: Function,
    pub backend: Backend,
    pub dtype: DType,
    pub shape: Vec<usize>,
    /// Of the index; maps have none.
    pub dim: usize,
    pub scheme: Scheme,
    pub coordinates: Coordinates,
    pub values: Values,
    pub layout: Layout,
    pub upstream: Upstream,
    pub path: Path,
    /// Of all values.
    pub seed: u64,
}

impl Case {
    /// Whether scores are weights themselves.
    pub fn takes_masses(&self) -> bool {
        let is_weighted = self.function.is_weighted();
        self.function == Function::VarianceLoss
            || is_weighted && self.scheme.weights == Weights::Given
    }

    /// For functions that have no other weights.
    pub fn alpha_and_beta(&self) -> (f64, f64) {
        let (alpha, beta) = match self.scheme.weights {
            Weights::Entmax { alpha, beta } => (alpha, beta),
            Weights::Softmax { beta } | Weights::Above { beta, .. } => (1.5, beta),
            Weights::Given => (2.0, 1.0),
        };
        match self.function {
            // The threshold is among the scores, and as exact as these.
            Function::SoftTopK => (alpha, beta.min(20.0)),
            _ => (alpha, beta),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    SoftArgmax,
    SoftArgmin,
    SoftArgmaxOver,
    SoftArgmaxMoments,
    StraightThroughArgmax,
    ExpectedDistanceLoss,
    Softmax,
    Entmax,
    StraightThroughOneHot,
    StraightThroughTopK,
    StraightThroughSelect,
    SoftTopK,
    SignOneHot,
    SampledOneHot,
    SampledTopK,
    GumbelSoftmax,
    RefinedArgmax,
    HistogramLoss,
    EntmaxLoss,
    SpatialSoftArgmax,
    SpatialSoftArgmaxMoments,
    StraightThroughSpatialArgmax,
    SpatialSoftmax,
    RefinedSpatialArgmax,
    VarianceLoss,
}

impl Function {
    const ALL: [Self; 25] = [
        Self::SoftArgmax,
        Self::SoftArgmin,
        Self::SoftArgmaxOver,
        Self::SoftArgmaxMoments,
        Self::StraightThroughArgmax,
        Self::ExpectedDistanceLoss,
        Self::Softmax,
        Self::Entmax,
        Self::StraightThroughOneHot,
        Self::StraightThroughTopK,
        Self::StraightThroughSelect,
        Self::SoftTopK,
        Self::SignOneHot,
        Self::SampledOneHot,
        Self::SampledTopK,
        Self::GumbelSoftmax,
        Self::RefinedArgmax,
        Self::HistogramLoss,
        Self::EntmaxLoss,
        Self::SpatialSoftArgmax,
        Self::SpatialSoftArgmaxMoments,
        Self::StraightThroughSpatialArgmax,
        Self::SpatialSoftmax,
        Self::RefinedSpatialArgmax,
        Self::VarianceLoss,
    ];

    pub fn is_of_maps(self) -> bool {
        matches!(
            self,
            Self::SpatialSoftArgmax
                | Self::SpatialSoftArgmaxMoments
                | Self::StraightThroughSpatialArgmax
                | Self::SpatialSoftmax
                | Self::RefinedSpatialArgmax
                | Self::VarianceLoss
        )
    }

    /// Whether it takes any weighting.
    fn is_weighted(self) -> bool {
        matches!(
            self,
            Self::SoftArgmax
                | Self::SoftArgmin
                | Self::SoftArgmaxOver
                | Self::SoftArgmaxMoments
                | Self::StraightThroughArgmax
                | Self::ExpectedDistanceLoss
                | Self::SpatialSoftArgmax
                | Self::SpatialSoftArgmaxMoments
                | Self::StraightThroughSpatialArgmax
        )
    }

    /// Whether it gives a number for each score.
    pub fn has_one_for_each(self) -> bool {
        matches!(
            self,
            Self::Softmax
                | Self::Entmax
                | Self::StraightThroughOneHot
                | Self::StraightThroughTopK
                | Self::SoftTopK
                | Self::SignOneHot
                | Self::SampledOneHot
                | Self::SampledTopK
                | Self::GumbelSoftmax
                | Self::SpatialSoftmax
        )
    }

    /// Draws and what is found between scores are those of scores of ordinary sizes.
    fn takes(self, values: Values) -> bool {
        let is_ordinary = !matches!(
            values,
            Values::Huge | Values::Infinite | Values::Nan | Values::Mixed
        );
        match self {
            Self::SampledOneHot | Self::SampledTopK | Self::GumbelSoftmax => is_ordinary,
            Self::SoftTopK => !matches!(values, Values::Huge | Values::Mixed),
            _ => true,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Backend {
    Flex,
    #[cfg(feature = "ndarray")]
    NdArray,
}

impl Backend {
    const ALL: &[Self] = &[
        Self::Flex,
        #[cfg(feature = "ndarray")]
        Self::NdArray,
    ];

    pub fn device(self) -> Device {
        let device = match self {
            Self::Flex => burn_argmax_tests::device::flex(),
            #[cfg(feature = "ndarray")]
            Self::NdArray => burn_argmax_tests::device::ndarray(),
        };
        device.expect("a device of the host").autodiff()
    }

    /// Burn's ndarray has neither of the halves.
    fn dtype(self, dtype: DType) -> DType {
        match (self, dtype) {
            (Self::Flex, dtype) => dtype,
            #[cfg(feature = "ndarray")]
            (Self::NdArray, DType::F64) => dtype,
            #[cfg(feature = "ndarray")]
            (Self::NdArray, _) => DType::F32,
        }
    }
}

/// What comes from upstream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Upstream {
    Normal,
    /// 1, from the backward pass of a sum.
    Ones,
    Nothing,
    /// Nothing to some rows.
    ToSome,
    Huge,
    InfiniteAtMasks,
}

/// How scores come to the operator, and the gradient of its result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Path {
    /// As a leaf.
    Leaf,
    /// Owned by the operator alone, which may write in their place.
    Owned,
    /// As a leaf, with a gradient that lies transposed.
    Transposed,
}

/// About the sizes of vectors, of lines that are worked on many at a time, and of blocks.
fn sizes() -> impl Strategy<Value = usize> {
    let multiple = (1usize..=40, 0usize..3).prop_map(|(by, beside)| 16 * by + beside - 1);
    Union::new_weighted(vec![
        (3, prop::sample::select(vec![1, 2, 3]).boxed()),
        (5, (2usize..=20).boxed()),
        (4, multiple.boxed()),
        (2, (20usize..1100).boxed()),
        (1, (1000usize..5000).boxed()),
        (1, (60_000usize..70_000).boxed()),
    ])
}

/// Elements at most.
fn budgets() -> impl Strategy<Value = usize> {
    Union::new_weighted(vec![
        (250, (100usize..600).boxed()),
        (150, (600usize..4000).boxed()),
        (30, (4000usize..20_000).boxed()),
        (8, (20_000usize..80_000).boxed()),
        (1, (80_000usize..400_000).boxed()),
    ])
}

fn betas() -> impl Strategy<Value = f64> {
    prop::sample::select(vec![1.0, 0.0, 1e-3, 0.3, 1.7, 3.0, 20.0, 300.0, 1e4, 1e10])
}

fn schemes() -> impl Strategy<Value = Scheme> {
    let levels = prop::sample::select(vec![0.0, 0.5, 2.0, -1.5, 3.5, -5.0, 4.5]);
    let alphas = prop::sample::select(vec![1.5, 2.0, 1.0, 1.01, 1.2, 1.7]);
    let softmax = betas().prop_map(|beta| Weights::Softmax { beta });
    let above = (betas(), levels).prop_map(|(beta, level)| Weights::Above {
        beta: beta.max(1e-3),
        level,
    });
    let entmax = (betas(), alphas).prop_map(|(beta, alpha)| Weights::Entmax { alpha, beta });
    let given = Just(Weights::Given);
    let weights = Union::new_weighted(vec![
        (3, softmax.boxed()),
        (2, above.boxed()),
        (2, entmax.boxed()),
        (1, given.boxed()),
    ]);
    let radius = prop::option::weighted(
        0.4,
        prop::sample::select(vec![1usize, 2, 4, 30, usize::MAX]),
    );
    (weights, radius).prop_map(|(weights, radius)| Scheme { weights, radius })
}

/// Every case there may be.
pub fn cases() -> impl Strategy<Value = Case> {
    let select = |dtypes: Vec<DType>| prop::sample::select(dtypes);
    let of_call = (
        prop::sample::select(Function::ALL.to_vec()),
        prop::sample::select(Backend::ALL),
        select(vec![
            DType::F32,
            DType::F32,
            DType::F64,
            DType::F16,
            DType::BF16,
        ]),
        schemes(),
        prop::sample::select(vec![
            Coordinates::Index,
            Coordinates::AlignCorners,
            Coordinates::CellCenters,
        ]),
        any::<u64>().no_shrink(),
    );
    let of_shape = (
        1usize..=5,
        0usize..5,
        prop::array::uniform5(sizes()),
        budgets(),
    );
    let of_values = (
        prop::sample::select(Values::ALL.to_vec()),
        prop::sample::select(vec![
            Layout::Contiguous,
            Layout::Transposed,
            Layout::Sliced,
            Layout::SlicedAndTransposed,
            Layout::EverySecond,
            Layout::Flipped,
            Layout::Expanded,
        ]),
        prop::sample::select(vec![
            Upstream::Normal,
            Upstream::Normal,
            Upstream::Ones,
            Upstream::Nothing,
            Upstream::ToSome,
            Upstream::Huge,
            Upstream::InfiniteAtMasks,
        ]),
        prop::sample::select(vec![Path::Leaf, Path::Owned, Path::Transposed]),
    );
    (of_call, of_shape, of_values).prop_map(|(of_call, of_shape, of_values)| {
        let (function, backend, dtype, scheme, coordinates, seed) = of_call;
        let (rank, dim, sizes, budget) = of_shape;
        let (values, layout, upstream, path) = of_values;
        let is_of_maps = function.is_of_maps();
        let rank = if is_of_maps { 3 + rank % 3 } else { rank };
        let dim = dim % rank;
        let values = if function.takes(values) {
            values
        } else {
            Values::Normal
        };
        Case {
            function,
            backend,
            dtype: backend.dtype(dtype),
            shape: shape(&sizes[..rank], dim, is_of_maps, budget),
            dim,
            scheme,
            coordinates,
            values,
            layout,
            upstream,
            path,
            seed,
        }
    })
}

/// Of no more elements than the budget has: what is to be long comes first.
fn shape(sizes: &[usize], dim: usize, is_of_maps: bool, budget: usize) -> Vec<usize> {
    let mut shape = vec![1; sizes.len()];
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    match is_of_maps {
        true => order.reverse(),
        false => order.swap(0, dim),
    }
    let mut left = budget;
    for axis in order {
        shape[axis] = sizes[axis].min(left);
        left /= shape[axis];
    }
    shape
}
