//! A function of scores against its oracle, in every dtype, with rows that are broken.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::{
    check::{assert_exact, assert_within, largest},
    data::{uniform, values},
    device::{UNLISTED, computes},
    functions::{Function, Sizes},
    rounding::Rounding,
};

const ROWS: usize = 6;
/// Of the peak of the first row, of which the rest is 0.
const PEAK: [usize; 2] = [30, 200];

/// The rows: a faint peak, values of all sizes with masks, masks only, a NaN, `+inf`, and a NaN to which
/// nothing comes from upstream.
fn scores([height, width]: Sizes, probabilities: bool) -> Vec<f32> {
    let n = height * width;
    let mut scores = vec![0.0; ROWS * n];
    let peak = (PEAK[0] % height) * width + PEAK[1] % width;
    scores[peak] = 1.0;
    let rest = uniform(71, (ROWS - 1) * n);
    for (score, value) in scores[n..].iter_mut().zip(rest) {
        *score = match probabilities {
            true => value.abs() / 64.0,
            false => value,
        };
    }
    let row = |row: usize, at: usize| row * n + at * n / 8;
    scores[row(1, 3)] = f32::NEG_INFINITY;
    scores[row(1, 5)] = f32::NEG_INFINITY;
    scores[row(1, 4)] = if probabilities { 0.5 } else { 6.0 };
    scores[2 * n..3 * n].fill(f32::NEG_INFINITY);
    scores[row(3, 1)] = f32::NAN;
    scores[row(3, 2)] = f32::NEG_INFINITY;
    scores[row(4, 7)] = f32::INFINITY;
    scores[row(5, 1)] = f32::NAN;
    scores
}

/// The slope of `sum(upstream * oracle(row))` along an entry.
fn slope(function: &Function, row: &[f64], sizes: Sizes, upstream: &[f64], at: usize) -> f64 {
    if row[at] == f64::NEG_INFINITY {
        return 0.0;
    }
    // As large as the rounding of long sums asks for, and small beside the row: near a threshold a slope turns.
    let smallest = if function.probabilities { 1e-2 } else { 0.1 };
    let step = 2e-4 * row[at].abs().max(smallest);
    let mut moved = row.to_vec();
    let [before, after] = [-step, step].map(|step| {
        moved[at] = row[at] + step;
        (function.oracle)(&moved, sizes)
    });
    let terms = before.iter().zip(&after).zip(upstream);
    let terms = terms.filter(|(_, upstream)| upstream.is_finite());
    let (difference, size) = terms.fold((0.0, 0.0), |(sum, size), ((before, after), upstream)| {
        let size = size + (upstream * after).abs();
        (sum + upstream * (after - before), size)
    });
    // Nothing but the rounding of the oracle is none.
    if f64::abs(difference) <= 4.0 * f64::EPSILON * size {
        return 0.0;
    }
    difference / (2.0 * step)
}

/// A function of scores of a dtype, against the oracle on the rounded scores.
#[track_caller]
fn assert_function(
    function: &Function,
    sizes: Sizes,
    scores: &[f32],
    dtype: DType,
    device: &Device,
) {
    println!("{} of {sizes:?} in {dtype:?}", function.name);
    let n = sizes[0] * sizes[1];
    let data = TensorData::new(scores.to_vec(), [1, ROWS, n]).convert_dtype(dtype);
    let x = || Tensor::<3>::from_data(data.clone(), (device, dtype));
    let leaf = x().require_grad();
    let y = (function.ours)(leaf.clone(), sizes);
    assert_eq!(y.dtype(), dtype);
    let rounding = Rounding::of(dtype);
    let rows = values(x());
    let rows: Vec<&[f64]> = rows.chunks(n).collect();
    let got = values(y.clone());
    let results = got.len() / ROWS;
    assert_eq!(y.dims(), [1, ROWS, results]);

    for (row, got) in rows.iter().zip(got.chunks(results)) {
        let want = (function.oracle)(row, sizes);
        // A position is as exact as its unit, wherever that begins.
        let scale = largest(&want).max(if results == n { 0.0 } else { 1.0 });
        assert_within(got, &rounding.round(&want), |want| {
            rounding.ulp(want) + rounding.sums(n) * scale
        });
    }

    // Up to the last row, to which nothing comes; infinite at a mask where there is a number for each.
    let mut upstream: Vec<f32> = (0..results).map(|i| [1.0, -0.5, 2.0][i % 3]).collect();
    upstream = upstream.repeat(ROWS);
    upstream[(ROWS - 1) * results..].fill(0.0);
    if results == n && !UNLISTED {
        upstream[n + 3 * n / 8] = f32::INFINITY;
    }
    let of_y = TensorData::new(upstream.clone(), [1, ROWS, results]).convert_dtype(dtype);
    let gradient = |leaf: Tensor<3>, y: Tensor<3>| {
        let gradients = (y * Tensor::from_data(of_y.clone(), (device, dtype))).backward();
        leaf.grad(&gradients).expect("a leaf")
    };
    // 0 times what is NaN is NaN in the product, but not in the upstream gradient.
    let slopes = gradient(leaf, y);
    assert_eq!(slopes.dtype(), dtype);
    let slopes = values(slopes);
    for (row, slopes) in slopes.chunks(n).enumerate() {
        let x = rows[row];
        let upstream: Vec<f64> = upstream[row * results..][..results]
            .iter()
            .map(|&u| u.into())
            .collect();
        if row == ROWS - 1 {
            assert_exact(slopes, &vec![0.0; n]);
        } else if row > 1 {
            let is_right = |(slope, x): (&f64, &f64)| match *x == f64::NEG_INFINITY {
                true => *slope == 0.0,
                false => function.surrogate || slope.is_nan(),
            };
            assert!(slopes.iter().zip(x).all(is_right), "row {row}");
        } else if !function.surrogate {
            let peak = (0..n).fold(0, |top, i| if x[i] > x[top] { i } else { top });
            let places = [0, n / 3, peak, (peak + 1).min(n - 1)];
            let want = places.map(|at| slope(function, x, sizes, &upstream, at));
            let got = places.map(|at| slopes[at]);
            let scale = largest(&want);
            assert_within(&got, &rounding.round(&want), |want| {
                2.0 * rounding.ulp(want) + 2e-4 * scale
            });
        }
    }

    if dtype != DType::F32 {
        return;
    }
    // A view gives bit for bit what its contiguous copy gives, and nothing gives nothing.
    let apart = x().swap_dims(1, 2).mul_scalar(1.0).require_grad();
    let y = (function.ours)(apart.clone().swap_dims(1, 2), sizes);
    assert_exact(&values(y.clone()), &got);
    let again = gradient(apart, y).swap_dims(1, 2);
    assert_exact(&values(again), &slopes);

    let none = Tensor::<3>::zeros([1, 0, n], (device, dtype)).require_grad();
    let y = (function.ours)(none.clone(), sizes);
    assert_eq!(y.dims(), [1, 0, results]);
    let gradient = none.grad(&y.sum().backward()).expect("a leaf");
    assert_eq!(gradient.dims(), [1, 0, n]);
}

/// Every function in every dtype that the device computes in.
#[track_caller]
pub fn assert_functions(functions: &[Function], sizes: Sizes, device: &Device) {
    let inputs = [false, true].map(|probabilities| scores(sizes, probabilities));
    for function in functions {
        let scores = &inputs[usize::from(function.probabilities)];
        for dtype in [DType::F32, DType::F64, DType::F16, DType::BF16] {
            if computes(device, dtype) {
                assert_function(function, sizes, scores, dtype, device);
            }
        }
    }
}
