//! Tensors of every kind of values, as they may lie in memory.

use burn::tensor::{DType, Device, Slice, Tensor, TensorData};
use burn_argmax_tests::rows::join;
use rand::{RngExt, rngs::StdRng, seq::SliceRandom};

/// What rows hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    Normal,
    Ties,
    Constant,
    Peak,
    Masks,
    Tiny,
    Huge,
    Infinite,
    Nan,
    /// Another kind in every row.
    Mixed,
}

/// How a tensor lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    Contiguous,
    Transposed,
    Sliced,
    SlicedAndTransposed,
    EverySecond,
    Flipped,
    Expanded,
}

impl Values {
    pub const ALL: [Self; 10] = [
        Self::Normal,
        Self::Ties,
        Self::Constant,
        Self::Peak,
        Self::Masks,
        Self::Tiny,
        Self::Huge,
        Self::Infinite,
        Self::Nan,
        Self::Mixed,
    ];

    fn row(self, n: usize, dtype: DType, rng: &mut StdRng) -> Vec<f64> {
        let (huge, tiny) = match dtype {
            DType::F16 => (1.5e4, 1e-6),
            _ => (1e30, 1e-30),
        };
        let mut row: Vec<f64> = (0..n).map(|_| rng.random_range(-4.0..4.0)).collect();
        let place = rng.random_range(0..n);
        match self {
            Self::Normal => {}
            Self::Ties => row.iter_mut().for_each(|x| *x = x.round()),
            Self::Constant => row = vec![row[0]; n],
            Self::Peak => {
                let center = rng.random_range(0.0..n as f64);
                let height = |i: usize| 5.0 * (-(i as f64 - center).powi(2) / 8.0).exp();
                row = (0..n).map(height).collect();
            }
            Self::Masks => {
                let share = [0.1, 0.5, 0.95, 1.0][rng.random_range(0..4)];
                for x in &mut row {
                    if rng.random_bool(share) {
                        *x = f64::NEG_INFINITY;
                    }
                }
            }
            Self::Tiny => row.iter_mut().for_each(|x| *x *= tiny),
            Self::Huge => row.iter_mut().for_each(|x| *x *= huge),
            Self::Infinite | Self::Nan => {
                if rng.random_bool(0.3) {
                    row[rng.random_range(0..n)] = f64::NEG_INFINITY;
                }
                if rng.random_bool(0.5) {
                    row[place] = match self {
                        Self::Nan => f64::NAN,
                        _ => f64::INFINITY,
                    };
                }
            }
            Self::Mixed => {
                let kind = Self::ALL[rng.random_range(0..Self::ALL.len() - 1)];
                row = kind.row(n, dtype, rng);
            }
        }
        row
    }
}

/// The lines of a tensor, or its maps.
#[derive(Clone, Copy, Debug)]
pub enum Rows {
    Along(usize),
    Maps,
}

impl Rows {
    pub fn of<const D: usize>(self, values: &[f64], shape: [usize; D]) -> Vec<Vec<f64>> {
        match self {
            Self::Along(dim) => burn_argmax_tests::rows::rows(values, shape, dim),
            Self::Maps => {
                let chunks = values.chunks(shape[2..].iter().product());
                chunks.map(<[f64]>::to_vec).collect()
            }
        }
    }

    /// As they lie in a tensor of this shape.
    pub fn join<const D: usize>(self, rows: &[Vec<f64>], shape: [usize; D]) -> Vec<f64> {
        match self {
            Self::Along(dim) => join(rows, shape, dim),
            Self::Maps => rows.concat(),
        }
    }

    /// How many there are, and how long they are.
    pub fn count<const D: usize>(self, shape: [usize; D]) -> (usize, usize) {
        let n = match self {
            Self::Along(dim) => shape[dim],
            Self::Maps => shape[2..].iter().product(),
        };
        (shape.iter().product::<usize>() / n, n)
    }
}

/// Numbers of a dtype.
pub fn tensor<const D: usize>(
    values: Vec<f64>,
    shape: [usize; D],
    dtype: DType,
    device: &Device,
) -> Tensor<D> {
    let data = TensorData::new(values, shape).convert_dtype(dtype);
    Tensor::from_data(data, (device, dtype))
}

/// Rows of a kind in a tensor that lies so, each value changed by `change`.
pub fn view<const D: usize>(
    (values, layout): (Values, Layout),
    (shape, rows): ([usize; D], Rows),
    change: impl Fn(f64) -> f64,
    (dtype, device): (DType, &Device),
    rng: &mut StdRng,
) -> Tensor<D> {
    let mut of_base = shape;
    if layout == Layout::Expanded {
        for size in &mut of_base {
            if rng.random_bool(0.5) {
                *size = 1;
            }
        }
    }
    let (count, n) = rows.count(of_base);
    let values: Vec<Vec<f64>> = (0..count)
        .map(|_| values.row(n, dtype, rng).into_iter().map(&change).collect())
        .collect();
    let values = rows.join(&values, of_base);
    let base = tensor(values, of_base, dtype, device);
    match layout {
        Layout::Contiguous => base,
        Layout::Transposed => transposed(base, rng),
        Layout::Sliced => {
            let (whole, slices) = around(base, 1, rng);
            copy(whole).slice(slices)
        }
        Layout::SlicedAndTransposed => {
            let (whole, slices) = around(base, 1, rng);
            transposed(whole, rng).slice(slices)
        }
        Layout::EverySecond => {
            let (whole, slices) = around(base, 2, rng);
            copy(whole).slice(slices)
        }
        Layout::Flipped => {
            let axes: Vec<usize> = (0..D).filter(|_| rng.random_bool(0.5)).collect();
            flipped(copy(flipped(base, &axes)), &axes)
        }
        Layout::Expanded => base.expand(shape),
    }
}

/// The same values in memory of their own, one after the other.
fn copy<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let options = (&tensor.device(), tensor.dtype());
    Tensor::from_data(tensor.to_data(), options)
}

/// The same tensor, whose dimensions lie in another order.
fn transposed<const D: usize>(tensor: Tensor<D>, rng: &mut StdRng) -> Tensor<D> {
    let mut order: [usize; D] = std::array::from_fn(|axis| axis);
    order.shuffle(rng);
    let mut back = [0; D];
    for (place, axis) in order.into_iter().enumerate() {
        back[axis] = place;
    }
    copy(tensor.permute(order)).permute(back)
}

/// A tensor of which every `step`-th entry along each dimension is that of another: what is outside of the
/// slices spoils all that it touches.
fn around<const D: usize>(
    tensor: Tensor<D>,
    step: usize,
    rng: &mut StdRng,
) -> (Tensor<D>, [Slice; D]) {
    let shape = tensor.dims();
    let before: [usize; D] = std::array::from_fn(|_| rng.random_range(0..3));
    let last = |axis: usize| before[axis] + (shape[axis] - 1) * step;
    let slices = std::array::from_fn(|axis| {
        let end = last(axis) as isize + 1;
        Slice::new(before[axis] as isize, Some(end), step as isize)
    });
    let whole: [usize; D] = std::array::from_fn(|axis| last(axis) + 1 + rng.random_range(0..3));
    let options = (&tensor.device(), tensor.dtype());
    let outside = Tensor::<D>::full(whole, f64::NAN, options);
    (outside.slice_assign(slices, tensor), slices)
}

fn flipped<const D: usize>(tensor: Tensor<D>, axes: &[usize]) -> Tensor<D> {
    axes.iter()
        .fold(tensor, |tensor, &axis| tensor.flip([axis]))
}
