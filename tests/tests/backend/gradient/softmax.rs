use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{softmax, spatial_softmax};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{SHORT, extreme_lines, side_by_side, tensor, uniform, values, widen, widths},
    device::computes,
    gradient::gradient,
    oracle,
    rows::rows,
};

use super::device;

const INF: f32 = f32::INFINITY;

/// The probabilities of lines and their gradient, whatever lies beside a line.
#[track_caller]
fn assert_lines(lines: &[f32], n: usize, beta: f64, device: &Device) {
    let count = lines.len() / n;
    let upstream = uniform(62, lines.len());
    let (mut want, mut slopes) = (Vec::new(), Vec::new());
    for (line, g) in widen(lines).chunks(n).zip(widen(&upstream).chunks(n)) {
        let p = oracle::softmax(line, beta);
        let mean: f64 = p
            .iter()
            .zip(g)
            .filter(|(p, _)| **p > 0.0)
            .map(|(p, g)| p * g)
            .sum();
        slopes.extend(p.iter().zip(g).map(|(p, g)| beta * p * (g - mean)));
        want.extend(p);
    }
    for width in widths(count) {
        println!("{count} lines of {n}, {width} side by side, beta {beta}");
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(lines, n, width), shape, device);
        let got = values(softmax(x.clone(), 1, beta));
        let want = side_by_side(&want, n, width);
        assert_within(&got, &want, |want| 1e-5 * want + 1e-37);
        let upstream = tensor(&side_by_side(&upstream, n, width), shape, device);
        let got = values(gradient(x, upstream, |x| softmax(x, 1, beta)));
        let slopes = side_by_side(&slopes, n, width);
        for (got, want) in rows(&got, shape, 1).iter().zip(rows(&slopes, shape, 1)) {
            let scale = largest(&want).max(1e-6);
            assert_within(got, &want, |_| 2e-4 * scale);
        }
    }
}

#[test]
fn lines() {
    let Some(device) = device() else { return };
    for n in SHORT {
        for beta in [0.0, 0.9, 30.0] {
            let mut lines = uniform(61, 20 * n);
            if n > 2 {
                lines[1] = -INF;
            }
            assert_lines(&lines, n, beta, &device);
        }
    }
}

/// Lines that threads share, and lines in pieces.
#[test]
fn many_and_long() {
    let Some(device) = device() else { return };
    for (count, n) in [(20_000, 10), (600, 600), (5, 70_003)] {
        assert_lines(&uniform(63, count * n), n, 1.3, &device);
    }
}

/// Broken lines are NaN, and so is nothing beside them.
#[test]
fn extremes() {
    let Some(device) = device() else { return };
    let (count, n) = (10, 40);
    let lines = extreme_lines(count, n);
    for width in widths(count) {
        let shape = [count / width, n, width];
        let x = tensor(&side_by_side(&lines, n, width), shape, &device);
        for beta in [0.0, 2.0, 1e30] {
            let got = values(softmax(x.clone(), 1, beta));
            for (line, got) in rows(&got, shape, 1).iter().enumerate() {
                if [1, 2, 7, 8].contains(&line) {
                    assert_exact(got, &vec![f64::NAN; n]);
                } else {
                    let sum: f64 = got.iter().sum();
                    assert_within(&[sum], &[1.0], |_| 1e-5);
                    let scores = &lines[line * n..][..n];
                    let masks = scores.iter().zip(got).filter(|(x, _)| **x == -INF);
                    assert!(masks.into_iter().all(|(_, p)| *p == 0.0));
                }
            }
        }
    }
}

#[test]
fn maps_of_half_precision() {
    let Some(device) = device() else { return };
    for (dtype, ulp) in [(DType::F16, 1e-3), (DType::BF16, 8e-3)] {
        if !computes(&device, dtype) {
            continue;
        }
        let scores = uniform(64, 2 * 3 * 48 * 64);
        let data = TensorData::new(scores, [2, 3, 48, 64]).convert_dtype(dtype);
        let x = Tensor::<4>::from_data(data, (&device, dtype));
        let got = spatial_softmax(x.clone(), 4.0);
        assert_eq!(got.dtype(), dtype);
        let scores = values(x);
        let want = scores
            .chunks(48 * 64)
            .flat_map(|map| oracle::softmax(map, 4.0));
        // Of f16 the smallest steps are apart by 6e-8.
        assert_within(&values(got), &want.collect::<Vec<_>>(), |want| {
            ulp * want + 6e-8
        });
    }
}
