//! How wide vectors are, every threshold, and the one choice of the path that lines take.

/// Elements side by side in a vector.
pub(crate) const LANES: usize = 16;

/// Tensors with fewer elements than this are not worth waking another thread for.
pub(crate) const PARALLEL: usize = 1 << 17;

/// Elements of one task, at least.
pub(crate) const TASK: usize = 1 << 14;

/// Elements of a row that threads share in pieces of this size, whatever the number of threads, so
/// that the result does not depend on it.
const PIECE: usize = 1 << 16;

/// The same of a column, which lies between its neighbors.
pub(crate) const COLUMN_PIECE: usize = 1 << 12;

/// Elements from which a row is too long to be transposed. Maps from a state and peaks, which do little with an
/// element, transpose those shorter than a vector only.
pub(crate) const SHORT: usize = 2 * LANES;

/// Elements up to which rows are reduced sixteen at a time: longer ones are read ahead block by
/// block.
pub(crate) const GROUPED: usize = 511;

/// Elements of a row whose maximum is found before their weights are summed: they stay in the first
/// cache between the two, and sums over them stay exact enough.
pub(crate) const BLOCK: usize = 2048;

/// Elements of a column, or rows of a map, that are summed in the accumulator's precision, before they are added to
/// sums in double precision.
pub(crate) const COLUMN_BLOCK: usize = 128;

/// Columns of one tile: as wide as memory is read well, and narrow enough that their sums stay in the
/// first cache.
pub(crate) const TILE: usize = 512;

/// Elements of every column that are held while their maximum is found and their weights are summed.
pub(crate) const REDUCED_ROWS: usize = 8;

/// Elements of every column that are mapped together: few enough for memory to be read and written
/// at as many places at once.
pub(crate) const MAPPED_ROWS: usize = 4;

/// Elements of every column of a task that maps them, at least.
pub(crate) const TASK_ROWS: usize = 16;

/// Columns of a tile whose thresholds are found together, at most.
pub(crate) const THRESHOLD_TILE: usize = 128;

/// Elements of such a tile, if it is wider than a vector: all that is in reach is kept for them, and of
/// flat scores all is.
const THRESHOLD_KEPT: usize = 1 << 18;

/// Columns of such a tile, of `n` elements each.
pub(crate) fn threshold_tile(n: usize) -> usize {
    let vectors = THRESHOLD_KEPT / n / LANES;
    vectors.clamp(1, THRESHOLD_TILE / LANES) * LANES
}

/// Steps to a threshold, at most. Rounding may keep the sum of the weights from 1; each step but the last few
/// gets much nearer.
pub(crate) const THRESHOLD_STEPS: usize = 50;

/// Steps to a level to start from.
pub(crate) const THRESHOLD_START: usize = 3;

/// Vectors of a row below which all of it is searched at once.
pub(crate) const THRESHOLD_SHORT: usize = 8;

/// Vectors of weights that are summed in the accumulator's precision, before they are added to sums in
/// double precision.
pub(crate) const THRESHOLD_BLOCK: usize = 32;

/// Elements of a line up to which every index is exact in single precision.
pub(crate) const EXACT_INDICES: usize = 1 << 24;

/// Bytes ahead that memory is asked for in a loop over a row.
pub(crate) const AHEAD: usize = 8192;

/// The same in each row of a tile, of which there are few.
pub(crate) const TILE_AHEAD: usize = 512;

/// Rows of a tile ahead that memory is asked for where only their maxima are looked for.
pub(crate) const PEAK_ROWS_AHEAD: usize = 4;

/// A contiguous tensor about the dimension of the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines {
    pub outer: usize,
    pub n: usize,
    pub inner: usize,
}

/// How lines are walked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Path {
    /// Contiguous lines, or so few side by side that they are laid out as rows first.
    Rows,
    /// The same, so long that threads share the pieces of one.
    RowPieces,
    /// Lines side by side, lanes across them.
    Columns,
    /// The same, so long that threads share the pieces of one.
    ColumnPieces,
}

impl Lines {
    /// The lines along `dim` of a contiguous tensor of this shape.
    pub fn along(shape: &[usize], dim: usize) -> Self {
        let n = shape[dim];
        let (outer, inner) = (&shape[..dim], &shape[dim + 1..]);
        match inner.iter().product() {
            0 => Self {
                outer: 0,
                n,
                inner: 1,
            },
            inner => Self {
                outer: outer.iter().product(),
                n,
                inner,
            },
        }
    }

    /// The choice.
    pub fn path(self) -> Path {
        if self.inner < LANES {
            match self.n > self.piece() {
                true => Path::RowPieces,
                false => Path::Rows,
            }
        } else {
            match self.n > COLUMN_PIECE {
                true => Path::ColumnPieces,
                false => Path::Columns,
            }
        }
    }

    /// The number of lines.
    pub fn count(self) -> usize {
        self.outer * self.inner
    }

    /// The number of elements.
    pub fn elements(self) -> usize {
        self.count() * self.n
    }

    /// Elements of lines that are interleaved with each other, or of one that is not.
    pub fn table(self) -> usize {
        self.n * self.inner
    }

    /// Elements of each row in one piece: of rows that are interleaved, a piece of all together.
    pub fn piece(self) -> usize {
        PIECE / self.inner
    }

    /// Rows of one task, where they are worked on whole.
    pub fn in_a_task(self) -> usize {
        TASK.div_ceil(self.table()) * self.inner
    }

    /// Whether a map over the rows, which needs nothing of the whole of one, is worth more than one
    /// task for each.
    pub fn exceed_a_task(self) -> bool {
        self.table() > TASK
    }
}
