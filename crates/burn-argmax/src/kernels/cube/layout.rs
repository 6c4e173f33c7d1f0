//! A tensor seen as `[outer, n, inner]` about `dim`.

use super::geometry::{Axis, Extent};

/// The widest vector loaded: wider ones only add registers.
const MAX_VECTOR_SIZE: usize = 8;

/// The shape about `dim`, and the vectors that it is read in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) axis: Axis,
    pub(super) outer: usize,
    pub(super) n: usize,
    pub(super) inner: usize,
    pub(super) vector_size: usize,
}

/// Distances in memory, in elements or in vectors, between neighbors of the outer dimensions, along
/// `dim`, and between vectors of the inner dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strides {
    pub(super) outer: usize,
    pub(super) step: usize,
    pub(super) lane: usize,
}

impl Layout {
    /// The widest of `vector_sizes` that the shape, whatever the strides, can be read in: the order
    /// of summation must not depend on the strides.
    pub(super) fn new(
        shape: &[usize],
        dim: usize,
        vector_sizes: impl Iterator<Item = usize>,
    ) -> Self {
        let outer = shape[..dim].iter().product();
        let inner = shape[dim + 1..].iter().product();
        let n = shape[dim];
        let (axis, contiguous) = match inner {
            1 => (Axis::Rows, n),
            _ => (Axis::Columns, inner),
        };
        let vector_size = vector_sizes
            .filter(|&size| size <= MAX_VECTOR_SIZE && contiguous % size == 0)
            .max()
            .unwrap_or(1);
        Self {
            axis,
            outer,
            n,
            inner,
            vector_size,
        }
    }

    /// Vectors beside each other in the inner dimensions.
    pub(super) fn lanes(self) -> usize {
        match self.axis {
            Axis::Rows => 1,
            Axis::Columns => self.inner / self.vector_size,
        }
    }

    /// Vectors of a line.
    pub(super) fn steps(self) -> usize {
        match self.axis {
            Axis::Rows => self.n / self.vector_size,
            Axis::Columns => self.n,
        }
    }

    /// The vector size of what has one entry for each line: results and states.
    pub(super) fn line_vector_size(self) -> usize {
        match self.axis {
            Axis::Rows => 1,
            Axis::Columns => self.vector_size,
        }
    }

    pub(super) fn extent(self, max_units: usize) -> Extent {
        Extent {
            axis: self.axis,
            lines: self.outer * self.lanes(),
            steps: self.steps(),
            max_units,
        }
    }

    /// The strides of a contiguous tensor, in vectors.
    pub(super) fn contiguous(self) -> Strides {
        Strides {
            outer: self.steps() * self.lanes(),
            step: self.lanes(),
            lane: 1,
        }
    }

    /// The strides in elements of a tensor that lines beside each other share.
    pub(super) fn shared(self, shape: &[usize], strides: &[usize], dim: usize) -> Option<Strides> {
        let inner = shape[dim + 1..].iter().zip(&strides[dim + 1..]);
        let is_shared = inner
            .clone()
            .all(|(&size, &stride)| size == 1 || stride == 0);
        let (outer, _) = merge(&shape[..dim], &strides[..dim])?;
        (self.axis == Axis::Columns && is_shared).then_some(Strides {
            outer,
            step: strides[dim],
            lane: 0,
        })
    }

    /// The strides in vectors of a tensor that the kernels can read as it lies.
    pub(super) fn strides(self, shape: &[usize], strides: &[usize], dim: usize) -> Option<Strides> {
        self.in_vectors(Strides::about(shape, strides, dim)?)
    }

    fn in_vectors(self, strides: Strides) -> Option<Strides> {
        let size = self.vector_size;
        let step = match self.axis {
            Axis::Rows if self.n == 1 || strides.step == 1 => 1,
            Axis::Columns if strides.step.is_multiple_of(size) => strides.step / size,
            _ => return None,
        };
        strides.outer.is_multiple_of(size).then_some(Strides {
            outer: strides.outer / size,
            step,
            lane: 1,
        })
    }
}

impl Strides {
    /// The strides of `[outer, n, inner]`, where the outer dimensions are evenly spaced and the
    /// inner ones are contiguous.
    fn about(shape: &[usize], strides: &[usize], dim: usize) -> Option<Self> {
        let (inner_stride, _) = merge(&shape[dim + 1..], &strides[dim + 1..])?;
        let (outer, _) = merge(&shape[..dim], &strides[..dim])?;
        let inner_is_single = shape[dim + 1..].iter().all(|&size| size == 1);
        (inner_is_single || inner_stride == 1).then_some(Self {
            outer,
            step: strides[dim],
            lane: 1,
        })
    }
}

/// The stride of dimensions that can be walked as one, and their size; a dimension of size 1 fits
/// anywhere.
fn merge(shape: &[usize], strides: &[usize]) -> Option<(usize, usize)> {
    let mut merged: Option<(usize, usize)> = None;
    for (&size, &stride) in shape
        .iter()
        .zip(strides)
        .rev()
        .filter(|(size, _)| **size != 1)
    {
        merged = match merged {
            None => Some((stride, size)),
            Some((inner_stride, inner_size)) if stride == inner_stride * inner_size => {
                Some((inner_stride, inner_size * size))
            }
            Some(_) => return None,
        };
    }
    Some(merged.unwrap_or((0, 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_run_along_rows_or_across_columns() {
        let rows = Layout::new(&[3, 64], 1, [1, 2, 4].into_iter());
        assert_eq!((rows.axis, rows.vector_size), (Axis::Rows, 4));
        assert_eq!((rows.lanes(), rows.steps()), (1, 16));

        let columns = Layout::new(&[3, 64, 6], 1, [1, 2, 4].into_iter());
        assert_eq!((columns.axis, columns.vector_size), (Axis::Columns, 2));
        assert_eq!((columns.lanes(), columns.steps()), (3, 64));

        let odd = Layout::new(&[1023], 0, [1, 2, 4].into_iter());
        assert_eq!(odd.vector_size, 1);
    }

    #[test]
    fn contiguous_and_pitched_tensors_are_read_in_place() {
        let lane = 1;
        let strides = |outer, step| Some(Strides { outer, step, lane });
        assert_eq!(Strides::about(&[2, 3, 4], &[12, 4, 1], 2), strides(4, 1));
        assert_eq!(Strides::about(&[2, 3, 4], &[12, 4, 1], 1), strides(12, 4));
        assert_eq!(Strides::about(&[2, 3, 4], &[12, 4, 1], 0), strides(0, 12));
        assert_eq!(Strides::about(&[3, 4], &[128, 1], 1), strides(128, 1));
        assert_eq!(Strides::about(&[5, 4], &[0, 1], 1), strides(0, 1));
        assert_eq!(Strides::about(&[3, 4, 1], &[4, 1, 77], 1), strides(4, 1));
    }

    #[test]
    fn what_lines_share_is_read_in_place() {
        let shared = |shape: &[usize], strides: &[usize], dim| {
            let layout = Layout::new(shape, dim, [1, 2, 4].into_iter());
            layout.shared(shape, strides, dim)
        };
        let strides = |outer, step| {
            let lane = 0;
            Some(Strides { outer, step, lane })
        };
        assert_eq!(shared(&[2, 3, 4], &[0, 1, 0], 1), strides(0, 1));
        assert_eq!(shared(&[2, 3, 4, 5], &[3, 1, 0, 0], 1), strides(3, 1));
        assert_eq!(shared(&[2, 3, 4], &[12, 4, 1], 1), None);
        assert_eq!(shared(&[2, 3, 4, 5], &[0, 4, 1, 0], 1), None);
        assert_eq!(shared(&[2, 3], &[0, 1], 1), None, "rows are as they lie");
    }

    #[test]
    fn scattered_tensors_are_copied() {
        assert_eq!(
            Strides::about(&[2, 3, 4], &[12, 1, 3], 1),
            None,
            "transposed"
        );
        assert_eq!(
            Strides::about(&[2, 3, 4], &[24, 4, 1], 2),
            None,
            "uneven rows"
        );
        assert_eq!(
            Strides::about(&[2, 3, 4], &[12, 4, 0], 1),
            None,
            "expanded columns"
        );

        let layout = Layout::new(&[3, 4], 1, [1, 2, 4].into_iter());
        let lane = 1;
        let in_vectors = |outer, step| layout.in_vectors(Strides { outer, step, lane });
        let wanted = Strides {
            outer: 2,
            step: 1,
            lane,
        };
        assert_eq!(in_vectors(8, 1), Some(wanted));
        assert_eq!(in_vectors(6, 1), None, "rows that start between vectors");
        assert_eq!(in_vectors(8, 3), None, "rows whose entries are apart");
    }
}
