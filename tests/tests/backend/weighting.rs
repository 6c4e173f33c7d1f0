use burn::tensor::Device;
use burn_argmax::{Coordinates, Weighting, soft_argmax, spatial_soft_argmax};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, uniform, values, widen},
    oracle,
};

use super::device;

/// A Gaussian peak of height 5 and width 2, over a background of 0.
fn peak(size: usize, center: f64) -> Vec<f64> {
    (0..size)
        .map(|i| 5.0 * (-(i as f64 - center).powi(2) / 8.0).exp())
        .collect()
}

/// How far a plain softmax, a window, weights above the background and an entmax are from the peak of a line.
fn errors_on_a_line(size: usize, center: f64, beta: f64, device: &Device) -> [f64; 4] {
    let line: Vec<f32> = peak(size, center).iter().map(|&x| x as f32).collect();
    let x = || tensor(&line, [1, size], device);
    [
        soft_argmax(x(), 1, beta),
        soft_argmax(x(), 1, Weighting::softmax(beta).within(4)),
        soft_argmax(x(), 1, Weighting::softmax(beta).above(0.0)),
        soft_argmax(x(), 1, Weighting::entmax(1.5, beta)),
    ]
    .map(|got| values(got)[0] - center)
}

#[test]
fn the_bias_is_cured() {
    let Some(device) = device() else { return };
    for beta in [0.2, 0.5, 1.0, 2.0] {
        for center in [12.3, 20.0, 31.7, 47.25] {
            let errors = errors_on_a_line(64, center, beta, &device);
            let [plain, within, above, _] = errors;
            println!("beta {beta:<4} peak {center:<6} {plain:>9.4} {within:>9.4} {above:>9.4}");
            assert!(above.abs() < 4e-3, "{errors:?}");
            assert!(within.abs() < 0.35, "{errors:?}");
            if beta <= 1.0 && center != 31.7 {
                assert!(plain.abs() > 10.0 * above.abs(), "{errors:?}");
            }
        }
    }
}

/// The figures of the documentation.
#[test]
fn the_documented_table() {
    let Some(device) = device() else { return };
    let softmax = [
        (64, [17.21, 12.04, 2.89, 0.03]),
        (256, [111.97, 100.29, 47.83, 0.80]),
        (4096, [2031.53, 2016.46, 1870.55, 205.64]),
    ];
    for (size, softmax) in softmax {
        for (row, beta) in [0.2, 0.5, 1.0, 2.0].into_iter().enumerate() {
            let [plain, within, above, entmax] = errors_on_a_line(size, 12.3, beta, &device);
            println!("| {size} | {beta} | {plain:.2} | {within:.2} | {above:.2} | {entmax:.2} |");
            assert!(beta < 0.4 || entmax.abs() < 0.2, "{entmax}");
            assert!((plain - softmax[row]).abs() < 0.006, "{plain}");
            let window = [-0.18, -0.07, -0.01, 0.0][row];
            assert!((within - window).abs() < 0.006, "{within}");
            assert!(above.abs() < 0.005, "{above}");
        }
    }
    let [.., above, _] = errors_on_a_line(64, 12.3, 0.5, &device);
    assert!(above.abs() < 0.0001, "{above}");
}

/// The figures of the documentation: the mean distance from the peak under noise, of 64 lines of 500 with a
/// peak of height 5 and width 3.
#[test]
fn under_noise() {
    let Some(device) = device() else { return };
    let (rows, n, center) = (64, 500, 120.3);
    let peak = |i: usize| 5.0 * (-0.5 * ((i as f64 - center) / 3.0).powi(2)).exp();
    // Of a deviation of 1.
    let noise: Vec<f64> = uniform(17, rows * n)
        .iter()
        .map(|&x| f64::from(x) * 3f64.sqrt() / 4.0)
        .collect();
    for deviation in [0.0, 0.1, 0.3] {
        let lines: Vec<f32> = noise
            .iter()
            .enumerate()
            .map(|(i, noise)| (peak(i % n) + deviation * noise) as f32)
            .collect();
        let error = |weighting: Weighting| {
            let index = values(soft_argmax(
                tensor(&lines, [rows, n], &device),
                1,
                weighting,
            ));
            index
                .iter()
                .map(|index| (index - center).abs())
                .sum::<f64>()
                / rows as f64
        };
        let errors = [
            Weighting::softmax(1.0),
            Weighting::softmax(1.0).within(6),
            Weighting::softmax(1.0).above(0.0),
            Weighting::softmax(1.0).above(1.0),
            Weighting::entmax(1.5, 1.0),
        ]
        .map(error);
        let shown = errors.map(|error| format!("{error:.2}"));
        println!("| {deviation} | {} |", shown.join(" | "));
        let [plain, within, above, higher, entmax] = errors;
        assert!(plain > 50.0 && within < 0.3 && higher < 0.2 && entmax < 0.3);
        assert!(deviation == 0.0 || above > 1.0);
    }
}

/// What is outside of a window has no part, whatever else is broken about its line.
#[test]
fn outside_of_a_window() {
    let Some(device) = device() else { return };
    if !device.is_autodiff() {
        return;
    }
    let line = |scores: &[f32], weighting: Weighting, upstream: f32| {
        let shape = [1, scores.len()];
        let x = tensor(scores, shape, &device).require_grad();
        let y = soft_argmax(x.clone(), 1, weighting) * upstream;
        let map = tensor(scores, [1, 1, scores.len()], &device).require_grad();
        let at = spatial_soft_argmax(map.clone(), weighting, Coordinates::Index) * upstream;
        [
            values(x.grad(&y.backward()).unwrap()),
            values(map.grad(&at.backward()).unwrap()),
        ]
    };
    // Weights that sum to 0.
    for slopes in line(&[0.0; 5], Weighting::given().within(1), 1.0) {
        assert!(slopes[0].is_nan() && slopes[1].is_nan());
        assert_exact(&slopes[2..], &[0.0; 3]);
    }
    for upstream in [f32::INFINITY, f32::NAN] {
        let weighting = Weighting::softmax(1.0).within(1);
        for slopes in line(&[0.0, 3.0, 0.0, 1.0, 2.0], weighting, upstream) {
            assert!(slopes[..3].iter().all(|slope| !slope.is_finite()));
            assert_exact(&slopes[3..], &[0.0; 2]);
        }
    }
    // A line that is broken is so everywhere.
    for slopes in line(
        &[0.0, f32::NAN, 0.0, 1.0],
        Weighting::softmax(1.0).within(1),
        1.0,
    ) {
        assert!(slopes.iter().all(|slope| slope.is_nan()));
    }
}

#[test]
fn images_too() {
    let Some(device) = device() else { return };
    let (x, y) = (10.4, 30.6);
    let (along_x, along_y) = (peak(40, x), peak(48, y));
    let image: Vec<f32> = along_y
        .iter()
        .flat_map(|y| along_x.iter().map(move |x| (x * y / 5.0) as f32))
        .collect();
    let heatmaps = || tensor(&image, [1, 1, 48, 40], &device);
    let error = |got| {
        let got = values(got);
        (got[0] - x).hypot(got[1] - y)
    };
    let plain = error(spatial_soft_argmax(heatmaps(), 1.0, Coordinates::Index));
    let within = error(spatial_soft_argmax(
        heatmaps(),
        Weighting::softmax(1.0).within(4),
        Coordinates::Index,
    ));
    let above = error(spatial_soft_argmax(
        heatmaps(),
        Weighting::softmax(1.0).above(0.0),
        Coordinates::Index,
    ));
    println!("{plain} {within} {above}");
    assert!(plain > 1.0 && within < 0.3 && above < 2e-3);

    let units = spatial_soft_argmax(
        heatmaps(),
        Weighting::softmax(1.0).above(0.0),
        Coordinates::CellCenters,
    );
    let want = [(2.0 * x + 1.0) / 40.0 - 1.0, (2.0 * y + 1.0) / 48.0 - 1.0];
    assert_within(&values(units), &want, |_| 1e-4);
}

#[test]
fn the_window_is_a_mask() {
    let Some(device) = device() else { return };
    let x = uniform(6, 5 * 20);
    let want: Vec<f64> = widen(&x)
        .chunks(20)
        .map(|row| {
            let argmax = oracle::one_hot(row).iter().position(|&x| x == 1.0).unwrap();
            let inside = |i: usize| i.abs_diff(argmax) <= 3;
            let window = row.iter().enumerate();
            let window: Vec<f64> = window
                .map(|(i, &x)| if inside(i) { x } else { f64::NEG_INFINITY })
                .collect();
            oracle::soft_argmax(&window, 0.7)
        })
        .collect();
    let rows = soft_argmax(
        tensor(&x, [5, 20], &device),
        -1,
        Weighting::softmax(0.7).within(3),
    );
    assert_within(&values(rows), &want, |_| 1e-5);
    let columns = tensor(&x, [5, 20], &device).swap_dims(0, 1);
    let columns = soft_argmax(columns, 0, Weighting::softmax(0.7).within(3));
    assert_within(&values(columns), &want, |_| 1e-5);
}

#[test]
fn a_wide_window_is_the_whole() {
    let Some(device) = device() else { return };
    let x = uniform(8, 2 * 3 * 5 * 7);
    let heatmaps = || tensor(&x, [2, 3, 5, 7], &device);
    let whole = spatial_soft_argmax(heatmaps(), 1.0, Coordinates::AlignCorners);
    let within = spatial_soft_argmax(
        heatmaps(),
        Weighting::softmax(1.0).within(usize::MAX),
        Coordinates::AlignCorners,
    );
    assert_exact(&values(within), &values(whole));
}

#[test]
fn broken_rows_and_flat_rows() {
    let Some(device) = device() else { return };
    let inf = f32::INFINITY;
    let rows = [
        [5.0, 0.0, 0.0, 0.0, f32::NAN],
        [0.0, inf, 0.0, 0.0, 0.0],
        [-inf; 5],
        [0.0; 5],
        [-inf, -inf, 3.0, -inf, 3.0],
    ];
    let x = || tensor(&rows.concat(), [5, 5], &device);
    let nan = f64::NAN;
    let within = values(soft_argmax(x(), 1, Weighting::softmax(1.0).within(1)));
    assert_exact(&within[..3], &[nan; 3]);
    assert_exact(&within[4..], &[2.0]);
    let above = values(soft_argmax(x(), 1, Weighting::softmax(1.0).above(0.0)));
    assert_exact(&above[..3], &[nan; 3]);
    assert_within(&above[3..], &[2.0, 3.0], |_| 1e-5);
}
