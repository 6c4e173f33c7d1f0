use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Weighting, reference, soft_argmax_over};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{side_by_side, tensor, uniform, values, widen, widths},
    device::computes,
    oracle_weighting::{
        Case,
        Weights::{Above, Given, Softmax},
    },
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;
const TOLERANCE: f64 = 2e-4;

/// Positive scores, so that they may be weights, with a mask in every line.
fn scores(lines: usize, n: usize) -> Vec<f32> {
    let mut scores: Vec<f32> = uniform(51, lines * n).iter().map(|x| x + 4.5).collect();
    for line in scores.chunks_mut(n) {
        line[n / 2] = -INF;
        line[0] = 6.25;
    }
    scores
}

/// The bins' shape about lines of `n`, and which of so many each element has.
type Layout = (
    [usize; 3],
    fn(table: usize, index: usize, column: usize, [usize; 3]) -> usize,
);

/// One line, one for each table, one for each column, and a bin for each element.
fn layouts(tables: usize, n: usize, width: usize) -> [Layout; 4] {
    [
        ([1, n, 1], |_, index, _, _| index),
        ([tables, n, 1], |table, index, _, [_, n, _]| {
            table * n + index
        }),
        ([1, n, width], |_, index, column, [_, _, width]| {
            index * width + column
        }),
        ([tables, n, width], |table, index, column, [_, n, width]| {
            (table * n + index) * width + column
        }),
    ]
}

/// The expected bins of lines of `n` scores and both gradients, whatever lies beside a line.
#[track_caller]
fn assert_bins(count: usize, n: usize, case: Case, which: &[usize], device: &Device) {
    let lines = scores(count, n);
    let upstream = uniform(52, count);
    for width in widths(count) {
        let tables = count / width;
        let shape = [tables, n, width];
        for (bins_shape, place) in which.iter().map(|&which| layouts(tables, n, width)[which]) {
            println!("{count} lines of {n}, {width} side by side, bins {bins_shape:?}, {case:?}");
            let mut bins = uniform(53, bins_shape.iter().product());
            let apart = bins_shape[2];
            for (index, bins) in bins.chunks_mut(apart).enumerate() {
                if index % n == n / 2 {
                    bins.fill(INF);
                }
            }
            let mut want = Vec::new();
            let mut of_scores = Vec::new();
            let mut of_bins = vec![0.0; bins.len()];
            for (line, (scores, &g)) in lines.chunks(n).zip(&upstream).enumerate() {
                let (table, column, g) = (line / width, line % width, f64::from(g));
                let places = (0..n).map(|index| place(table, index, column, shape));
                let places: Vec<usize> = places.collect();
                let of_line: Vec<f64> = places.iter().map(|&at| bins[at].into()).collect();
                let (value, slopes, shares) = case.expected_bin(&widen(scores), &of_line);
                want.push(value);
                of_scores.extend(slopes.iter().map(|slope| slope * g));
                for (at, share) in places.into_iter().zip(shares) {
                    of_bins[at] += share * g;
                }
            }
            let scores = side_by_side(&lines, n, width);
            let of_scores = side_by_side(&of_scores, n, width);

            let x = tensor(&scores, shape, device).require_grad();
            let b = tensor(&bins, bins_shape, device).require_grad();
            let y = soft_argmax_over(x.clone(), b.clone(), 1, case.weighting());
            assert_within(&values(y.clone()), &want, |_| 2e-5);
            let upstream = tensor(&upstream, [tables, 1, width], device);
            let grads = (y * upstream.clone()).sum().backward();
            let got = values(x.grad(&grads).expect("a gradient"));
            for (got, want) in rows(&got, shape, 1).iter().zip(rows(&of_scores, shape, 1)) {
                let scale = largest(&want).max(1e-6);
                assert_within(got, &want, |_| TOLERANCE * scale);
            }
            let got = values(b.grad(&grads).expect("a gradient"));
            let scale = largest(&of_bins);
            assert_within(&got, &of_bins, |_| TOLERANCE * scale);

            // In place of scores that nothing else holds, and over bins that are constants.
            let x = tensor(&scores, shape, device).require_grad();
            let b = tensor(&bins, bins_shape, device);
            let y = soft_argmax_over(x.clone() * 1.0, b, 1, case.weighting());
            let grads = (y * upstream).sum().backward();
            let again = values(x.grad(&grads).expect("a gradient"));
            for (got, want) in rows(&again, shape, 1)
                .iter()
                .zip(rows(&of_scores, shape, 1))
            {
                let scale = largest(&want).max(1e-6);
                assert_within(got, &want, |_| TOLERANCE * scale);
            }
        }
    }
}

#[test]
fn of_every_layout() {
    let Some(device) = device() else { return };
    let every = [0, 1, 2, 3];
    for weights in [Softmax(0.7), Softmax(0.0), Above(0.8, 3.0), Given] {
        for radius in [None, Some(2)] {
            assert_bins(20, 33, Case { weights, radius }, &every, &device);
        }
    }
    for n in [3, 300] {
        let case = Case {
            weights: Above(0.8, 3.0),
            radius: None,
        };
        assert_bins(20, n, case, &every, &device);
    }
}

/// Lines that threads share, and lines in pieces.
#[test]
fn many_and_long() {
    let Some(device) = device() else { return };
    let case = Case {
        weights: Softmax(0.7),
        radius: None,
    };
    for (count, n) in [(13_200, 10), (5, 70_003)] {
        assert_bins(count, n, case, &[0, 3], &device);
    }
}

/// A row of masks, a NaN row and an infinite upstream gradient each leave the others alone.
#[test]
fn broken_rows() {
    let Some(device) = device() else { return };
    for width in [1, 4, 20] {
        let n = 40;
        let mut lines = scores(width * 4, n);
        lines[..n].fill(-INF);
        lines[n + 3] = f32::NAN;
        let scores = side_by_side(&lines, n, width);
        let x = tensor(&scores, [4, n, width], &device).require_grad();
        let mut bins = uniform(54, n);
        bins[n / 2] = f32::NAN; // of a mask
        let bins = tensor(&bins, [n], &device).require_grad();
        let y = soft_argmax_over(x.clone(), bins.clone(), 1, 1.0);
        let got = values(y.clone());
        let broken = |line: usize| line < 2;
        for (line, value) in got.iter().enumerate() {
            assert_eq!(value.is_nan(), broken(line), "{width} wide, line {line}");
        }
        // Nothing comes from upstream to the broken rows.
        let upstream: Vec<f32> = (0..got.len()).map(|line| (line >= 2).into()).collect();
        let grads = (y * 1.0)
            .mask_fill(
                tensor(&upstream, [4, 1, width], &device).equal_elem(0.0),
                0.0,
            )
            .sum()
            .backward();
        let of_scores = values(x.grad(&grads).expect("a gradient"));
        let of_lines = rows(&of_scores, [4, n, width], 1);
        assert!(of_scores.iter().all(|slope| slope.is_finite()));
        for line in &of_lines[..2] {
            assert_exact(line, &vec![0.0; n]);
        }
        assert!(of_lines[2..].iter().all(|line| largest(line) > 1e-4));
        let of_bins = values(bins.grad(&grads).expect("a gradient"));
        assert_eq!(of_bins[n / 2], 0.0);
        let sum: f64 = of_bins.iter().sum();
        assert_within(&[sum], &[(width * 4 - 2) as f64], |want| 1e-5 * want);
    }
}

/// Scores and bins of other dtypes: the value has that of the scores, each gradient that of its own.
#[test]
fn in_every_dtype() {
    let Some(device) = device() else { return };
    let (count, n) = (6, 200);
    let half = |dtype, values: &[f32], shape: [usize; 2]| {
        let data = TensorData::new(values.to_vec(), shape).convert_dtype(dtype);
        Tensor::<2>::from_data(data, (&device, dtype))
    };
    for (dtype, ulp) in [(DType::F16, 1e-3), (DType::BF16, 8e-3), (DType::F64, 1e-9)] {
        for of_bins in [DType::F32, dtype] {
            if !computes(&device, dtype) || !computes(&device, of_bins) {
                continue;
            }
            let x = half(dtype, &scores(count, n), [count, n]).require_grad();
            let bins: Vec<f32> = uniform(55, n).iter().map(|x| x + 300.0).collect();
            let b = half(of_bins, &bins, [1, n]).require_grad();
            let y = soft_argmax_over(x.clone(), b.clone(), 1, Weighting::softmax(0.7));
            assert_eq!(y.dtype(), dtype);
            let case = Case {
                weights: Softmax(0.7),
                radius: None,
            };
            let (scores, bins) = (values(x.clone()), values(b.clone()));
            let of_line = |line: &[f64]| case.expected_bin(line, &bins);
            let want: Vec<_> = scores.chunks(n).map(of_line).collect();
            let got = values(y.clone());
            let means: Vec<f64> = want.iter().map(|(value, ..)| *value).collect();
            assert_within(&got, &means, |want| ulp * want);
            let grads = y.sum().backward();
            let of_scores = x.grad(&grads).expect("a gradient");
            let of_bins = b.grad(&grads).expect("a gradient");
            assert_eq!(of_scores.dtype(), dtype);
            assert_eq!(of_bins.dtype(), b.dtype());
            let slopes: Vec<f64> = want
                .iter()
                .flat_map(|(_, slopes, _)| slopes.clone())
                .collect();
            assert_within(&values(of_scores), &slopes, |_| {
                2.0 * ulp * largest(&slopes)
            });
            let shares = (0..n).map(|index| want.iter().map(|(.., shares)| shares[index]).sum());
            let shares: Vec<f64> = shares.collect();
            let ulp = match b.dtype() {
                DType::F32 => 1e-6,
                _ => ulp,
            };
            assert_within(&values(of_bins), &shares, |_| 2.0 * ulp * largest(&shares));
        }
    }
}

/// Bins without a graph beside scores with one, and the other way about.
#[test]
fn beside_a_device_without_gradients() {
    let Some(device) = device() else { return };
    let plain = device.clone().inner();
    let (scores, bins) = (scores(6, 40), uniform(56, 40));
    let both = || {
        let x = tensor(&scores, [6, 40], &device).require_grad();
        let b = tensor(&bins, [40], &device).require_grad();
        let y = soft_argmax_over(x.clone(), b.clone(), 1, 0.7);
        let grads = y.clone().sum().backward();
        (values(y), x.grad(&grads).unwrap(), b.grad(&grads).unwrap())
    };
    let (value, of_scores, of_bins) = both();

    let x = tensor(&scores, [6, 40], &device).require_grad();
    let y = soft_argmax_over(x.clone(), tensor(&bins, [40], &plain), 1, 0.7);
    assert_exact(&values(y.clone()), &value);
    let gradient = x.grad(&y.sum().backward()).unwrap();
    assert_exact(&values(gradient), &values(of_scores));

    let b = tensor(&bins, [40], &device).require_grad();
    let y = soft_argmax_over(tensor(&scores, [6, 40], &plain), b.clone(), 1, 0.7);
    assert_exact(&values(y.clone()), &value);
    let gradient = b.grad(&y.sum().backward()).unwrap();
    assert_exact(&values(gradient), &values(of_bins));
}

/// A weight of 0 that is given grows with its score: its bin has a part in the gradient.
#[test]
fn given_weights_of_zero() {
    let Some(device) = device() else { return };
    for (scores, bins, value, slopes) in [
        (
            [0.0f32, 1.0, 3.0],
            [10.0f32, 20.0, 30.0],
            27.5,
            [-4.375, -1.875, 0.625],
        ),
        ([0.0, 0.0, 2.0], [5.0, 7.0, 9.0], 9.0, [-2.0, -1.0, 0.0]),
    ] {
        let [x, line] = [&scores, &bins].map(|values| tensor(values, [1, 3], &device));
        let operator = |x| soft_argmax_over(x, line.clone(), 1, Weighting::given());
        let composed = |x| reference::soft_argmax_over(x, line.clone(), 1, Weighting::given());
        for over in [&operator as &dyn Fn(Tensor<2>) -> Tensor<2>, &composed] {
            let x = x.clone().require_grad();
            let y = over(x.clone());
            assert_within(&values(y.clone()), &[value], |_| 1e-5);
            let got = values(x.grad(&y.backward()).unwrap());
            assert_within(&got, &slopes, |_| 1e-5);
        }
    }
}

/// Masks have no part in the gradient of the bins, in a row of masks alone either.
#[test]
fn a_row_of_masks_beside_others() {
    let Some(device) = device() else { return };
    let scores = [-INF, -INF, -INF, 0.0, 1.0, -INF];
    for weighting in [Weighting::softmax(1.0), Weighting::entmax(1.5, 1.0)] {
        let x = tensor(&scores, [2, 3], &device);
        let bins = tensor(&[1.0, 2.0, 4.0], [3], &device).require_grad();
        let y = soft_argmax_over(x, bins.clone(), 1, weighting);
        let got = values(bins.grad(&y.backward()).expect("a gradient"));
        assert_within(&[got[0] + got[1]], &[1.0], |_| 1e-6);
        assert!(got[1] > got[0] && got[0] > 0.0);
        assert_exact(&got[2..], &[0.0]);
    }
}

/// The gradient of a bin is a long sum, which is rounded once.
#[test]
fn bins_of_half_precision_that_many_rows_share() {
    let Some(device) = device() else { return };
    for (dtype, ulp) in [(DType::F16, 1e-3), (DType::BF16, 8e-3)] {
        if !computes(&device, dtype) {
            continue;
        }
        let rows = 10_000;
        for shape in [[1, 3, 2], [rows, 1, 2], [1, 1, 2], [1, 3, 1]] {
            let x = Tensor::<3>::zeros([rows, 3, 2], (&device, dtype));
            let bins = Tensor::<3>::zeros(shape, (&device, dtype)).require_grad();
            let y = soft_argmax_over(x, bins.clone(), 1, 1.0);
            let got = values(bins.grad(&y.sum().backward()).expect("a gradient"));
            let want = vec![(2 * rows) as f64 / got.len() as f64; got.len()];
            assert_within(&got, &want, |want| ulp * want);
        }
    }
}

/// Over a sum of faint masses there is no number for it, but for the share of each.
#[test]
fn a_large_upstream_gradient_of_faint_masses() {
    let Some(device) = device() else { return };
    let x = tensor(&[1e-30, 0.0, 3e-30], [1, 3], &device);
    let bins = tensor(&[1.0, 2.0, 4.0], [3], &device).require_grad();
    let y = soft_argmax_over(x, bins.clone(), 1, Weighting::given());
    let got = values(bins.grad(&(y * 1e20).backward()).expect("a gradient"));
    assert_within(&got, &[0.25e20, 0.0, 0.75e20], |want| 1e-6 * want);
}
