use burn_argmax::{soft_argmax, soft_argmax_over, soft_argmin, soft_argmin_over, spatial_softmax};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, uniform, values, widen},
    oracle,
};

use super::device;

#[test]
fn argmin_of_costs() {
    let Some(device) = device() else { return };
    let x = uniform(41, 2 * 5 * 3);
    let negated: Vec<f32> = x.iter().map(|x| -x).collect();
    let got = soft_argmin(tensor(&x, [2, 5, 3], &device), 1, 1.7);
    let want = soft_argmax(tensor(&negated, [2, 5, 3], &device), 1, 1.7);
    assert_exact(&values(got), &values(want));

    let masked = tensor(&[f32::INFINITY, 2.0, 0.0, 2.0], [1, 4], &device);
    assert_exact(&values(soft_argmin(masked, -1, 1e10)), &[2.0]);
}

/// Depths of each pixel, in every layout of the bins.
#[test]
fn argmin_of_costs_over_bins() {
    let Some(device) = device() else { return };
    let shape = [2, 48, 40, 40];
    let x = uniform(44, shape.iter().product());
    let negated: Vec<f32> = x.iter().map(|x| -x).collect();
    for bins_shape in [[1, 48, 1, 1], [2, 48, 1, 1], shape] {
        let bins = uniform(45, bins_shape.iter().product());
        let bins = || tensor(&bins, bins_shape, &device);
        let got = soft_argmin_over(tensor(&x, shape, &device), bins(), 1, 1.7);
        let want = soft_argmax_over(tensor(&negated, shape, &device), bins(), -3, 1.7);
        assert_exact(&values(got), &values(want));
    }
    let masked = tensor(&[f32::INFINITY, 2.0, 0.0, 2.0], [1, 4], &device);
    let bins = tensor(&[f32::NAN, 7.0, 7.25, 9.0], [4], &device);
    assert_exact(&values(soft_argmin_over(masked, bins, -1, 1e10)), &[7.25]);
}

#[test]
fn expected_bins() {
    let Some(device) = device() else { return };
    let (bins, beta) = ([-3.0f32, 0.5, 0.75, 9.0, 1e4], 0.9);
    let x = uniform(42, 2 * 5 * 3);
    let got = soft_argmax_over(
        tensor(&x, [2, 5, 3], &device),
        tensor(&bins, [5], &device),
        1,
        beta,
    );
    assert_eq!(got.dims(), [2, 1, 3]);
    let want: Vec<f64> = (0..6)
        .map(|line| {
            let row: Vec<f64> = (0..5)
                .map(|i| x[(line / 3 * 5 + i) * 3 + line % 3].into())
                .collect();
            let p = oracle::softmax(&row, beta);
            p.iter().zip(widen(&bins)).map(|(p, b)| p * b).sum()
        })
        .collect();
    assert_within(&values(got), &want, |y| 1e-5 * y.abs() + 1e-3);
}

#[test]
fn a_sharp_peak_gives_its_bin() {
    let Some(device) = device() else { return };
    let bins = [0.1f32, 0.3, 12_345.678, -7.7];
    let logits = [0.0f32, 0.0, 1e-3, 0.0, 5.0, -f32::INFINITY, 1.0, 5.0];
    let got = soft_argmax_over(
        tensor(&logits, [2, 4], &device),
        tensor(&bins, [4], &device),
        -1,
        1e10,
    );
    let got = values(got);
    assert_exact(&got[..1], &[f64::from(bins[2])]);
    assert_within(&got[1..], &[-3.8], |_| 1e-6);
}

#[test]
fn broken_rows_of_bins() {
    let Some(device) = device() else { return };
    let inf = f32::INFINITY;
    let rows = [[f32::NAN, 0.0], [inf, 0.0], [-inf, -inf], [1.0, -inf]];
    let x = tensor(&rows.concat(), [4, 2], &device);
    let got = soft_argmax_over(x, tensor(&[3.0, 4.0], [2], &device), 1, 1.0);
    assert_exact(&values(got), &[f64::NAN, f64::NAN, f64::NAN, 3.0]);

    let empty = soft_argmax_over(
        tensor(&[], [0, 2], &device),
        tensor(&[3.0, 4.0], [2], &device),
        1,
        1.0,
    );
    assert_eq!(empty.dims(), [0, 1]);
}

#[test]
fn probabilities_of_heatmaps() {
    let Some(device) = device() else { return };
    let x = uniform(43, 2 * 3 * 4 * 5);
    for beta in [0.0, 1.3, 40.0] {
        let got = spatial_softmax(tensor(&x, [2, 3, 4, 5], &device), beta);
        assert_eq!(got.dims(), [2, 3, 4, 5]);
        let maps = widen(&x);
        let want: Vec<f64> = maps
            .chunks(20)
            .flat_map(|map| oracle::softmax(map, beta))
            .collect();
        assert_within(&values(got), &want, |_| 1e-6);
    }
    let inf = f32::INFINITY;
    let maps = [[-inf, 1.0, -inf, 1.0], [f32::NAN, 0.0, 0.0, 0.0]];
    let got = values(spatial_softmax(
        tensor(&maps.concat(), [2, 1, 2, 2], &device),
        0.0,
    ));
    assert_exact(&got, &[[0.0, 0.5, 0.0, 0.5], [f64::NAN; 4]].concat());
}
