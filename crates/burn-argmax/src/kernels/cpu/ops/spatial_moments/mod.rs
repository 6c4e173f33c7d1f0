//! Mean and covariance of the coordinates of an image or a volume under the softmax of its values.
//!
//! A *map* is one image or volume, contiguous, with x along its rows. Within a row only x changes,
//! so the inner loops see one axis; what the other axes add is a constant of the row.

mod backward;
mod forward;

pub(crate) use backward::{backward, backward_in_place};
pub(crate) use forward::forward;

use crate::ops::SPATIAL_AXES as AXES;

/// Pairs of axes in the order of the covariances: xx, xy, xz, yy, yz, zz.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// The size of a map along x, y and z.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent(pub [usize; AXES]);

impl Extent {
    /// Of `[maps, depth, height, width]`.
    pub fn of(heatmaps: &[usize]) -> Self {
        let [_, depth, height, width] = heatmaps else {
            unreachable!("the public functions give four dimensions");
        };
        Self([*width, *height, *depth])
    }

    fn len(self) -> usize {
        self.0.iter().product()
    }

    fn position(self, index: usize) -> [i64; AXES] {
        let [width, height, _] = self.0;
        let position = [
            index % width,
            index / width % height,
            index / width / height,
        ];
        position.map(|coordinate| coordinate as i64)
    }
}

/// The parts of rows that a block is made of: their index in it, their length, and the distance of
/// their first element from a position.
#[inline(always)]
fn rows(
    start: usize,
    length: usize,
    extent: Extent,
    center: [i64; AXES],
) -> impl Iterator<Item = (usize, usize, [i64; AXES])> {
    let [width, height, _] = extent.0;
    let [mut x, mut y, mut z] = extent.position(start);
    let mut begin = 0;
    std::iter::from_fn(move || {
        if begin == length {
            return None;
        }
        let taken = (width - x as usize).min(length - begin);
        let row = (begin, taken, [x - center[0], y - center[1], z - center[2]]);
        begin += taken;
        x = 0;
        y += 1;
        if y as usize == height {
            y = 0;
            z += 1;
        }
        Some(row)
    })
}
