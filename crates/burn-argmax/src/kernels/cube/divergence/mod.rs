//! Divergences of maps from products of one line an axis: what they are (`terms`), of probabilities
//! that are put together beside the map (`target`), summed up (`sums`) and mapped (`gradient`).

mod gradient;
mod sums;
mod target;
mod terms;

use burn_core::{
    backend::TensorMetadata,
    tensor::{DType, Shape},
};
use burn_cubecl::{cubecl, kernel::into_contiguous, ops::reshape, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{launch::Inputs, lines::Lines, operator::Counts, raster::RasterLaunch};
use crate::losses::{Divergence, TINY};
use target::{ScopeLaunch, Target, TargetLaunch};
use terms::{Tiny, TinyLaunch};

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Summand {
    Value,
    SlopeOfLog,
}

/// `L` is the float that sums run in.
#[derive(CubeType, CubeLaunch)]
struct Sum<L: Float> {
    target: Target<L>,
    tiny: Tiny,
    nan: InputScalar,
    #[cube(comptime)]
    divergence: Divergence,
    #[cube(comptime)]
    summand: Summand,
}

#[derive(CubeType, CubeLaunch)]
struct Gradient<L: Float> {
    target: Target<L>,
    tiny: Tiny,
    nan: InputScalar,
    #[cube(comptime)]
    divergence: Divergence,
}

/// What is a line of maps `[maps, depth, height, width]`.
#[derive(Clone, Copy)]
enum Part {
    Map,
    Row,
    /// The entries of an `x`.
    Column,
}

/// Lines of maps, and the logarithms that belong to them.
struct Pair {
    lines: Lines,
    heatmaps: CubeTensor,
    logs: CubeTensor,
    sizes: [usize; 3],
    part: Part,
}

impl Pair {
    fn new(op: &'static str, heatmaps: CubeTensor, logs: CubeTensor, part: Part) -> Self {
        let shape = heatmaps.shape();
        let [maps, depth, height, width] = shape[..] else {
            panic!(
                "burn-argmax: {op}: heatmaps has the shape {shape:?}, and must have four \
                 dimensions",
            );
        };
        let rows = depth * height;
        let shape = match part {
            Part::Map => Shape::from([maps, rows * width]),
            Part::Row => Shape::from([maps * rows, width]),
            Part::Column => Shape::from([maps, rows, width]),
        };
        let heatmaps = reshape(heatmaps, shape);
        let lines = Lines::new(op, "heatmaps", &heatmaps, 1).within(width);
        let shape = Shape::from([maps, width + height + depth]);
        lines.check("lines", &logs, &shape, lines.accumulator);
        Self {
            lines,
            heatmaps,
            logs: into_contiguous(logs),
            sizes: [width, height, depth],
            part,
        }
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            table: Some(self.logs.clone()),
            ..Inputs::of(self.lines.view(self.heatmaps.clone()))
        }
    }

    fn target<L: Float>(&self) -> TargetLaunch<L> {
        let [width, height, depth] = self.sizes;
        let (tables, step) = match self.part {
            Part::Map => (1, 1),
            Part::Row => (height * depth, 1),
            Part::Column => (1, width),
        };
        // A map has at most 2^30 entries.
        TargetLaunch::new(
            self.logs.clone().into_buffer_arg(),
            width + height + depth,
            RasterLaunch::new(width as i32, height as i32),
            ScopeLaunch::new(tables, step as i32),
        )
    }

    fn tiny(&self) -> TinyLaunch {
        TinyLaunch::new(self.lines.scalar(TINY), self.lines.scalar(TINY.ln()))
    }

    /// One number for each line.
    fn sum(&self, divergence: Divergence, summand: Summand) -> CubeTensor {
        match self.lines.accumulator {
            DType::F64 => self.sum_in::<f64>(divergence, summand),
            _ => self.sum_in::<f32>(divergence, summand),
        }
    }

    fn sum_in<L: Float>(&self, divergence: Divergence, summand: Summand) -> CubeTensor {
        let counts = Counts {
            sums: 2,
            state: 1,
            result: 0,
        };
        let op = || {
            let nan = self.lines.nan();
            SumLaunch::<L>::new(self.target(), self.tiny(), nan, divergence, summand)
        };
        let (sums, _) = self.lines.reduce::<Sum<L>>(self.inputs(), counts, op);
        sums
    }

    fn map<L: Float>(
        &self,
        losses: CubeTensor,
        grad: CubeTensor,
        divergence: Divergence,
    ) -> CubeTensor {
        let nan = self.lines.nan();
        let op = GradientLaunch::<L>::new(self.target(), self.tiny(), nan, divergence);
        let (inputs, grad) = (self.inputs(), Some(grad));
        self.lines
            .map::<Gradient<L>>(inputs, Some(losses), grad, op)
    }
}

/// See [`ArgmaxOps::divergence`](crate::ArgmaxOps::divergence).
pub(crate) fn divergence(
    heatmaps: CubeTensor,
    logs: CubeTensor,
    divergence: Divergence,
) -> CubeTensor {
    let maps = Pair::new("divergence", heatmaps, logs, Part::Map);
    maps.sum(divergence, Summand::Value)
}

/// See [`ArgmaxOps::divergence_backward`](crate::ArgmaxOps::divergence_backward).
pub(crate) fn divergence_backward(
    heatmaps: CubeTensor,
    logs: CubeTensor,
    losses: CubeTensor,
    grad: CubeTensor,
    divergence: Divergence,
) -> CubeTensor {
    let shape = heatmaps.shape();
    let mut maps = Pair::new("divergence_backward", heatmaps, logs, Part::Map);
    let accumulator = maps.lines.accumulator;
    maps.lines.admit("losses", &losses, 1, accumulator);
    maps.lines.admit("grad", &grad, 1, accumulator);
    let slopes = match accumulator {
        DType::F64 => maps.map::<f64>(losses, grad, divergence),
        _ => maps.map::<f32>(losses, grad, divergence),
    };
    reshape(slopes, shape)
}

/// The slopes of every map along the logarithms of its target, summed over what has an x, `[maps,
/// width]`, and over every row, `[maps, depth, height]`. NaN where a map is broken.
pub(crate) fn divergence_slopes(
    heatmaps: CubeTensor,
    logs: CubeTensor,
    divergence: Divergence,
) -> [CubeTensor; 2] {
    let shape = heatmaps.shape();
    let (maps, width) = (shape[0], shape[3]);
    let shapes = [
        Shape::from([maps, width]),
        Shape::from([maps, shape[1], shape[2]]),
    ];
    let parts = [(Part::Column, &shapes[0]), (Part::Row, &shapes[1])];
    parts.map(|(part, shape)| {
        let (heatmaps, logs) = (heatmaps.clone(), logs.clone());
        let lines = Pair::new("divergence_lines_backward", heatmaps, logs, part);
        reshape(lines.sum(divergence, Summand::SlopeOfLog), shape.clone())
    })
}
