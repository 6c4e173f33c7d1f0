use core::fmt;

use burn_core::tensor::DType;

use crate::Target;

/// A kernel of burn-argmax, compiled.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// What for.
    pub target: Target,
    /// Of the tensors.
    pub dtype: DType,
    /// Of the tensors.
    pub layout: Layout,
    /// The first operator that launched it.
    pub operator: &'static str,
    /// The function that it was made of.
    pub function: String,
    /// What the function was given: the paths of types that are burn-argmax's.
    pub types: Vec<String>,
    /// Units of a cube.
    pub units: u32,
    /// What it was compiled to, or what CubeCL said.
    pub source: Result<Source, String>,
}

/// A kernel in the language of a target.
#[derive(Clone, Debug)]
pub struct Source {
    /// For SPIR-V the disassembly.
    pub text: String,
    /// The module in binary, which SPIR-V alone has.
    pub words: Vec<u32>,
    /// Shared memory of a cube.
    pub shared_bytes: usize,
}

/// How tensors lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// Whether vectors run across lines, and not along them.
    pub columns: bool,
    /// The widest vector that the shapes allow.
    pub width: usize,
    /// Whether lines are so long that several cubes share each.
    pub split: bool,
}

impl Layout {
    /// All of them, up to a width.
    pub(crate) fn up_to(widest: usize) -> impl Iterator<Item = Self> {
        let widths = [1, 4, 8].into_iter().filter(move |&width| width <= widest);
        widths.flat_map(|width| {
            [false, true].into_iter().flat_map(move |columns| {
                [false, true].map(|split| Self {
                    columns,
                    width,
                    split,
                })
            })
        })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axis = if self.columns { "columns" } else { "rows" };
        let split = if self.split { ", split" } else { "" };
        write!(f, "{axis} of {}{split}", self.width)
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} for {}, {:?}, {} ({})",
            self.function,
            self.types.join(", "),
            self.target,
            self.dtype,
            self.layout,
            self.operator,
        )
    }
}
