//! On what it is run: shapes, scores and bins.

use burn::tensor::{Device, Distribution, ElementConversion, Tensor};

use crate::op::Op;

/// A shape, and the dimension that the operators run along.
#[derive(Clone, Debug)]
pub enum Case {
    /// `[rows, n]` along the last dimension.
    Rows([usize; 2]),
    /// `[n, columns]` along dimension 0.
    Columns([usize; 2]),
    /// `[tables, n, columns]`, few columns, along dimension 1.
    FewColumns([usize; 3]),
    /// `[batch, height, width, n]` along the last dimension.
    Volume([usize; 4]),
    /// The numbers of [`Case::Volume`] laid out as `[batch, n, height, width]`, along dimension 1.
    VolumeColumns([usize; 4]),
}

impl Case {
    /// The cases of an operator in the comparison; small ones for a smoke run.
    pub fn of(op: Op, quick: bool) -> Vec<Self> {
        if let Op::SpatialSoftArgmax
        | Op::SpatialSoftArgmaxWithin
        | Op::SpatialSoftArgmaxAbove
        | Op::SpatialSoftmax
        | Op::JensenShannon = op
        {
            // As many numbers as one of the cases below, and in rows as long.
            return vec![Self::Volume(if quick {
                [1, 17, 64, 64]
            } else {
                [16, 17, 64, 64]
            })];
        }
        if let Op::SoftArgmaxWithin
        | Op::SoftArgmaxAbove
        | Op::SoftArgmaxGiven
        | Op::SoftArgmaxOver
        | Op::SoftArgmaxOverEach
        | Op::SoftArgmaxMoments
        | Op::Softmax
        | Op::Entmax
        | Op::SoftArgmaxEntmax
        | Op::StraightThroughTopK
        | Op::SoftTopK
        | Op::SampledOneHot = op
        {
            // Two of the cases of soft-argmax, beside it.
            return if quick {
                vec![Self::Rows([64, 1024]), Self::Columns([1024, 64])]
            } else {
                vec![Self::Rows([4096, 1024]), Self::Columns([1024, 4096])]
            };
        }
        let (rows, few_columns, volume) = if quick {
            (
                [[64, 1024], [1024, 64], [4, 65536], [17, 4096], [6400, 10]],
                [16, 1024, 4],
                [1, 12, 16, 192],
            )
        } else {
            (
                [
                    [4096, 1024],
                    [65536, 64],
                    [256, 65536],
                    [272, 4096],
                    [409600, 10],
                ],
                [1024, 1024, 4],
                [8, 96, 128, 192],
            )
        };
        let others = [
            Self::Columns(if quick { [1024, 64] } else { [1024, 4096] }),
            Self::FewColumns(few_columns),
            Self::Volume(volume),
            Self::VolumeColumns(volume),
        ];
        rows.into_iter().map(Self::Rows).chain(others).collect()
    }

    /// The shape of the input, as the records name it.
    pub fn shape(&self) -> String {
        match self {
            Self::Rows([rows, n]) => format!("{rows}x{n}"),
            Self::Columns([n, columns]) => format!("{n}x{columns}"),
            Self::FewColumns([tables, n, columns]) => format!("{tables}x{n}x{columns}"),
            Self::Volume([b, h, w, n]) => format!("{b}x{h}x{w}x{n}"),
            Self::VolumeColumns([b, h, w, n]) => format!("{b}x{n}x{h}x{w}"),
        }
    }

    /// The dimension that the operators run along.
    pub fn dim(&self) -> usize {
        match self {
            Self::Columns(_) => 0,
            Self::Rows(_) | Self::FewColumns(_) | Self::VolumeColumns(_) => 1,
            Self::Volume(_) => 3,
        }
    }
}

/// Scores of `shape`: masses for weights that are given, and else logits.
pub fn scores<const D: usize>(op: Op, shape: [usize; D], device: &Device) -> Tensor<D> {
    device.seed(0);
    let distribution = match op {
        Op::SoftArgmaxGiven => Distribution::Uniform(0.0, 1.0),
        _ => Distribution::Normal(0.0, 1.0),
    };
    Tensor::random(shape, distribution, device)
}

/// Bins for scores of `shape`: a line of them, or one for each.
pub fn bins<const D: usize>(
    op: Op,
    mut shape: [usize; D],
    dim: usize,
    device: &Device,
) -> Tensor<D> {
    let n = shape[dim];
    if op != Op::SoftArgmaxOverEach {
        shape = [1; D];
        shape[dim] = n;
    }
    Tensor::random(shape, Distribution::Uniform(0.0, 1.0), device)
}

/// A view's numbers in a contiguous tensor of their own.
pub fn contiguous<const D: usize>(view: Tensor<D>) -> Tensor<D> {
    let device = view.device();
    Tensor::from_data(view.into_data(), &device)
}

/// The largest difference between two tensors.
pub fn max_difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f64 {
    (a - b).abs().max().into_scalar::<f32>().elem()
}
