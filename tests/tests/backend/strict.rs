use burn::tensor::Tensor;
use burn_argmax::{
    Coordinates, Weighting, soft_argmax, soft_argmax_moments, spatial_soft_argmax_moments,
};
use burn_argmax_tests::{
    check::{assert_index, assert_ulps, assert_within},
    data::{LENGTHS, tensor, uniform, values, widen},
    gradient::gradient,
    oracle, oracle_spatial,
};

use super::device;

/// What a fused kernel owes beyond the contract: the result is the oracle's, rounded, within two
/// representable values.
#[test]
fn within_two_ulp_of_the_rounded_oracle() {
    let Some(device) = device() else { return };
    for n in LENGTHS {
        let x = uniform(9, 3 * n);
        for beta in [0.0, 1.0, 3.0, 20.0] {
            let want: Vec<_> = widen(&x)
                .chunks(n)
                .map(|row| oracle::soft_argmax(row, beta))
                .collect();
            let index = soft_argmax(tensor(&x, [3, 1, n], &device), 2, beta);
            assert_ulps(&values(index), &want, 2);
        }
    }
}

/// Weights that are nearly all far from the maximum: the sums are as large as they get.
#[test]
fn a_maximum_far_from_the_weight() {
    let Some(device) = device() else { return };
    let n = 65_536;
    for (max, width) in [(2e-6, 1000), (0.5, 5000)] {
        let mut x = vec![f32::NEG_INFINITY; n];
        x[0] = max;
        x[60_000..60_000 + width].fill(0.0);
        let want = oracle::soft_argmax(&widen(&x), 1.0);
        let got = soft_argmax(tensor(&x, [1, n], &device), 1, 1.0);
        assert_index(&values(got), &[want], n);
    }
}

/// Masses of which there is no number for the sum, or for one times the square of a distance.
#[test]
fn masses_as_large_as_there_are() {
    let Some(device) = device() else { return };
    for (n, width) in [(9, 1), (9, 16), (3000, 1), (3000, 16), (70_003, 1)] {
        let mut masses = vec![0.0; n * width];
        masses[..width].fill(f32::MAX);
        masses[(n - 1) * width..].fill(f32::MAX);
        let x = || tensor(&masses, [1, n, width], &device);
        let given = Weighting::given();
        let middle = (n - 1) as f64 / 2.0;
        let moments = soft_argmax_moments(x(), 1, given);
        for mean in [soft_argmax(x(), 1, given), moments.mean] {
            assert_index(&values(mean), &vec![middle; width], n);
        }
        let variance = values(moments.variance);
        assert_within(&variance, &vec![middle * middle; width], |want| 1e-5 * want);
        if width == 1 {
            let maps = x().reshape([1, 1, n]);
            let moments = spatial_soft_argmax_moments(maps, given, Coordinates::Index);
            assert_index(&values(moments.mean), &[middle], n);
            let variance = values(moments.covariance);
            assert_within(&variance, &[middle * middle], |want| 1e-5 * want);
        }
    }
}

/// Maps of rows that fill no vector.
#[test]
fn narrow_maps() {
    let Some(device) = device() else { return };
    for [height, width] in [[2000, 1], [1000, 2], [700, 3], [3000, 17]] {
        let scores = uniform(41, height * width);
        let maps = tensor(&scores, [1, 1, height, width], &device);
        let got = spatial_soft_argmax_moments(maps, 0.5, Coordinates::Index);
        let want = oracle_spatial::moments(&widen(&scores), &[height, width], 0.5);
        let mean = values(got.mean);
        assert_index(&mean[..1], &want.mean[..1], width);
        assert_index(&mean[1..], &want.mean[1..], height);
        let along_y = want.covariance[1][1];
        assert_within(&values(got.covariance)[3..], &[along_y], |_| 1e-5 * along_y);
    }
}

/// A factor of both slopes is beyond the largest number, but the slopes are not, or only where the true ones are.
#[test]
fn gradients_of_moments_as_large_as_there_are() {
    let Some(device) = device() else { return };
    let device = device.autodiff();
    let slopes = |x: &[f32], weighting: Weighting, upstream: [f32; 2]| {
        let x = tensor(x, [1, x.len()], &device);
        let upstream = tensor(&upstream, [1, 2], &device);
        values(gradient(x, upstream, |x| {
            let moments = soft_argmax_moments(x, 1, weighting);
            Tensor::cat(vec![moments.mean, moments.variance], 1)
        }))
    };
    let beta = 1e30;
    let got = slopes(&[0.0, -6.9e-29], Weighting::softmax(beta), [1e20, -3e20]);
    // Of two indices the mean is the second's share, and the variance is that times the rest.
    let share = 1.0 / (1.0 + f64::exp(beta * f64::from(6.9e-29f32)));
    let slope = beta * share * (1.0 - share) * (1e20 - 3e20 * (1.0 - 2.0 * share));
    assert_within(&got, &[-slope, slope], |slope| 1e-4 * slope.abs());

    let beyond = [f64::NEG_INFINITY, f64::INFINITY, f64::INFINITY];
    for (faint, upstream) in [(1e-21, 1e20), (1e-30, 1e30)] {
        let masses = [faint, 3.0 * faint, 2.0 * faint];
        let got = slopes(&masses, Weighting::given(), [upstream, -3.0 * upstream]);
        assert_eq!(got, beyond);
    }
}
