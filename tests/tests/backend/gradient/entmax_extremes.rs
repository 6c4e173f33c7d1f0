use burn::tensor::{DType, Tensor, TensorData};
use burn_argmax::{Weighting, entmax, soft_argmax};
use burn_argmax_tests::{
    check::assert_within,
    data::{tensor, values, widen},
    device::{UNLISTED, computes},
    gradient::gradient,
    oracle_entmax::entmax_gradient,
};

use super::device;

/// Above a flat background that weighs next to nothing an entry, and a tenth in all: the level has to be told
/// from that of the background by less than the last digit of a float.
#[test]
fn a_peak_over_a_wide_flat_background() {
    let Some(device) = device() else { return };
    for (n, peak) in [(1_000_000, 0.99f32), (1_000_000, 0.975), (8_400_000, 0.9)] {
        println!("{n}, {peak}");
        let mut line = vec![0.0; n];
        line[n / 3] = peak;
        let x = tensor(&line, [1, n], &device);
        let p = entmax(x.clone(), 1, 2.0, 1.0);
        // All are in the support: the weights differ as the scores do.
        let peak = f64::from(peak);
        let other = (1.0 - peak) / n as f64;
        let near = values(p.clone().slice([0..1, n / 3 - 1..n / 3 + 1]));
        let sum: f64 = values(p).iter().sum();
        assert_within(&near, &[other, other + peak], |p| 2e-6 * p + 1e-4 * other);
        assert_within(&[sum], &[1.0], |_| 2e-5);

        let index = values(soft_argmax(x, 1, Weighting::entmax(2.0, 1.0)));
        let last = (n - 1) as f64;
        let want = peak * (n / 3) as f64 + (1.0 - peak) * last / 2.0;
        assert_within(&index, &[want], |_| 2e-6 * last);
    }
}

/// Longer than a float counts.
#[test]
fn a_long_flat_line() {
    let Some(device) = device() else { return };
    let n = (1 << 24) + 4;
    // Without kernels it takes a minute.
    let alphas: &[f64] = if UNLISTED { &[2.0] } else { &[2.0, 1.99, 1.5] };
    for &alpha in alphas {
        let p = entmax(tensor(&vec![0.0; n], [1, n], &device), 1, alpha, 1.0);
        let first = values(p.slice([0..1, 0..4]));
        println!("alpha {alpha}: {first:?}");
        assert_within(&first, &[1.0 / n as f64; 4], |p| 2e-5 * p);
    }
}

/// Rates and distances that no `f32` has.
#[test]
fn extremes_of_doubles() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F64) {
        return;
    }
    for (row, beta, want) in [
        ([0.0, 1.0], 1e300, [0.0, 1.0]),
        ([0.0, 1.0], 1e39, [0.0, 1.0]),
        ([0.0, -5e39], 1e-40, [0.75, 0.25]),
        ([0.0, -5e99], 1e-100, [0.75, 0.25]),
    ] {
        println!("{row:?}, beta {beta}");
        let data = TensorData::new(row.to_vec(), [1, 2]);
        let x = Tensor::<2>::from_data(data, (&device, DType::F64));
        assert_within(&values(entmax(x, 1, 2.0, beta)), &want, |_| 1e-12);
    }
}

/// The mean of what comes from upstream is finite, also where its sum is not: `n` slopes of 1.
#[test]
fn a_large_upstream_over_a_wide_support() {
    let Some(device) = device() else { return };
    let (n, beta) = (1000, 1e-3);
    let line = vec![0.0f32; n];
    let upstream: Vec<f32> = (0..n)
        .map(|i| if i % 2 == 0 { 1e36 } else { -1e36 })
        .collect();
    let want = entmax_gradient(&widen(&line), 2.0, beta, &widen(&upstream));
    let x = tensor(&line, [1, n], &device);
    let upstream = tensor(&upstream, [1, n], &device);
    let got = values(gradient(x, upstream, |x| entmax(x, 1, 2.0, beta)));
    assert_within(&got, &want, |slope| 1e-5 * slope.abs());
}

/// Groups of scores, each as many as all nearer the maximum together or nearly, at distances for which each of
/// Newton's steps leaves out one group alone.
#[test]
fn a_sparsemax_that_loses_one_group_a_step() {
    let Some(device) = device() else { return };
    for (core, q, groups) in [(8, 0.4, 16), (4, 0.45, 16), (3, 0.5, 19)] {
        let line = slow_line(core, q, groups);
        let n = line.len();
        let p = values(entmax(tensor(&line, [1, n], &device), 1, 2.0, 1.0));
        let sum: f64 = p.iter().sum();
        println!("{n}: sum {sum}, first {}", p[0]);
        assert_within(&[sum], &[1.0], |_| 2e-5);
        assert_within(&p[..core], &vec![1.0 / core as f64; core], |_| 1e-5);
        assert!(p[core..].iter().all(|&p| p == 0.0), "beyond the support");
    }
}

/// The first `core` scores are the support.
fn slow_line(core: usize, q: f64, groups: usize) -> Vec<f32> {
    let mut size = core;
    let (mut counts, mut gaps, mut shares) = (vec![], vec![], vec![]);
    for group in 0..groups {
        let count = (q / (1.0 - q) * size as f64).round_ties_even().max(1.0) as usize;
        let share = count as f64 / (size + count) as f64;
        let gap = match group {
            0 => 1.0,
            _ => gaps[group - 1] * (1.0 - shares[group - 1]) / share * 1.02,
        };
        counts.push(count);
        gaps.push(gap);
        shares.push(share);
        size += count;
    }
    let inner: f64 = (0..groups - 1)
        .map(|group| gaps[group] * shares[group])
        .sum();
    let first = 1.0 / core as f64;
    let scale = (0.98 - first) / (inner + gaps[groups - 1]);
    let mut level = first;
    let mut line = vec![0.0; core];
    for group in 0..groups {
        let distance = level + gaps[group] * scale;
        line.extend(std::iter::repeat_n(-distance as f32, counts[group]));
        level += gaps[group] * scale * shares[group];
    }
    line
}
