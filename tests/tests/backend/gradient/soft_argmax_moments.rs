use burn::tensor::{DType, Tensor};
use burn_argmax::soft_argmax_moments;
use burn_argmax_tests::{
    check::{assert_exact, assert_index, assert_within, largest},
    data::{side_by_side, tensor, uniform, values, widen, widths},
    device::computes,
    gradient::gradient,
    oracle_weighting::{
        Case,
        Weights::{Above, Given, Softmax},
    },
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;

/// Positive scores, so that they may be weights, with a mask in every line.
fn scores(lines: usize, n: usize) -> Vec<f32> {
    let mut scores: Vec<f32> = uniform(71, lines * n).iter().map(|x| x + 4.5).collect();
    for line in scores.chunks_mut(n) {
        line[n / 2] = -INF;
        line[0] = 6.25;
    }
    scores
}

/// Mean and variance of a line, and the slopes of both along each score.
fn expected(case: Case, line: &[f64]) -> ([f64; 2], [Vec<f64>; 2]) {
    let index = |place: usize| place as f64;
    let indices: Vec<f64> = (0..line.len()).map(index).collect();
    let (mean, of_mean, _) = case.expected_bin(line, &indices);
    // The variance has the slope of the mean square with the mean held fixed.
    let squares: Vec<f64> = indices.iter().map(|at| (at - mean).powi(2)).collect();
    let (variance, of_variance, _) = case.expected_bin(line, &squares);
    ([mean, variance], [of_mean, of_variance])
}

/// One tensor of both moments, so that each has an upstream gradient.
fn moments(x: Tensor<3>, case: Case) -> Tensor<3> {
    let moments = soft_argmax_moments(x, 1, case.weighting());
    Tensor::cat(vec![moments.mean, moments.variance], 1)
}

/// The moments of lines and their gradient, whatever lies beside a line.
#[track_caller]
fn assert_lines(lines: &[f32], n: usize, case: Case, device: &burn::tensor::Device) {
    let count = lines.len() / n;
    let (mut means, mut variances, mut slopes) = (Vec::new(), Vec::new(), Vec::new());
    let upstream = uniform(72, 2 * count);
    for (line, g) in widen(lines).chunks(n).zip(widen(&upstream).chunks(2)) {
        let ([mean, variance], [of_mean, of_variance]) = expected(case, line);
        means.push(mean);
        variances.push(variance);
        let each = of_mean.iter().zip(of_variance);
        slopes.extend(each.map(|(a, b)| g[0] * a + g[1] * b));
    }
    for width in widths(count) {
        println!("{count} lines of {n}, {width} side by side, {case:?}");
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(lines, n, width), shape, device);
        let got = rows(
            &values(moments(x.clone(), case)),
            [count / width, 2, width],
            1,
        );
        let entry = |entry: usize| got.iter().map(|row| row[entry]).collect::<Vec<_>>();
        assert_index(&entry(0), &means, n);
        assert_within(&entry(1), &variances, |want| 1e-5 * want.abs() + 1e-7);

        let upstream = side_by_side(&upstream, 2, width);
        let upstream = tensor(&upstream, [count / width, 2, width], device);
        let op = |x: Tensor<3>| moments(x, case);
        let of_leaf = gradient(x.clone(), upstream.clone(), op);
        // In place of scores that nothing else holds.
        let in_place = gradient(x, upstream, |x| op(x * 1.0));
        let want = side_by_side(&slopes, n, width);
        for got in [of_leaf, in_place].map(values) {
            for (got, want) in rows(&got, shape, 1).iter().zip(rows(&want, shape, 1)) {
                let scale = largest(&want).max(1e-6);
                assert_within(got, &want, |_| 2e-4 * scale);
            }
        }
    }
}

#[test]
fn lines() {
    let Some(device) = device() else { return };
    let weights = [Softmax(0.7), Softmax(0.0), Above(0.8, 3.0), Given];
    for n in [3, 10, 17, 33, 300, 1025] {
        for weights in weights {
            for radius in [None, Some(2)] {
                assert_lines(&scores(20, n), n, Case { weights, radius }, &device);
            }
        }
    }
}

/// Lines that threads share, and lines in pieces.
#[test]
fn many_and_long() {
    let Some(device) = device() else { return };
    for (count, n) in [(13_200, 10), (5, 70_003)] {
        for weights in [Softmax(0.7), Above(2.0, 5.0)] {
            let case = Case {
                weights,
                radius: None,
            };
            assert_lines(&scores(count, n), n, case, &device);
        }
    }
}

/// The maximum is far from all that weighs: the variance is a small difference of large squares.
#[test]
fn a_maximum_far_from_the_weight() {
    let Some(device) = device() else { return };
    // Kernels for a GPU sum about the maximum of the whole line.
    let share = match computes(&device, DType::F64) {
        true => 1e-5,
        false => 1e-3,
    };
    for (n, near) in [(4000, 3000), (100_000, 90_000)] {
        let mut lines = vec![-INF; 4 * n];
        for line in lines.chunks_mut(n) {
            line[0] = 0.5;
            line[near..].fill(0.0);
        }
        let case = Case {
            weights: Softmax(1.0),
            radius: None,
        };
        let ([_, variance], _) = expected(case, &widen(&lines[..n]));
        for width in [1, 4] {
            let shape = [4 / width, n, width];
            let x = tensor(&side_by_side(&lines, n, width), shape, &device);
            let got = values(soft_argmax_moments(x, 1, 1.0).variance);
            assert_within(&got, &[variance; 4], |want| share * want);
        }
    }
}

#[test]
fn broken_lines() {
    let Some(device) = device() else { return };
    let n = 40;
    for width in [1, 5, 20] {
        let mut lines = scores(20, n);
        lines[..n].fill(-INF);
        lines[n + 3] = f32::NAN;
        let shape = [20 / width, n, width];
        let x = tensor(&side_by_side(&lines, n, width), shape, &device);
        let case = Case {
            weights: Softmax(1.0),
            radius: None,
        };
        let got = rows(&values(moments(x.clone(), case)), [20 / width, 2, width], 1);
        for (line, moments) in got.iter().enumerate() {
            assert!(moments.iter().all(|moment| moment.is_nan() == (line < 2)));
        }
        // Nothing comes from upstream, but to the last line: infinite.
        let mut upstream = vec![0.0; 40];
        upstream[39] = INF;
        let upstream = tensor(
            &side_by_side(&upstream, 2, width),
            [20 / width, 2, width],
            &device,
        );
        let slopes = values(gradient(x, upstream, |x| moments(x, case)));
        let slopes = rows(&slopes, shape, 1);
        for slopes in &slopes[..19] {
            assert_exact(slopes, &vec![0.0; n]);
        }
        for (place, slope) in slopes[19].iter().enumerate() {
            match place == n / 2 {
                true => assert_eq!(*slope, 0.0),
                false => assert!(!slope.is_finite()),
            }
        }
    }
}
