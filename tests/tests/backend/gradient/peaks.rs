use burn::tensor::{DType, Tensor};
use burn_argmax::{
    Coordinates, Peaks, Weighting, peaks, spatial_soft_argmax, spatial_soft_argmax_around,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_panics, assert_within, largest},
    data::{tensor, uniform, values},
    device::computes,
};

use super::device;

const INF: f32 = f32::INFINITY;

/// Places `[z, y, x]` of a map of these sizes.
fn place(pixel: usize, [_, height, width]: [usize; 3]) -> [usize; 3] {
    [
        pixel / (height * width),
        pixel / width % height,
        pixel % width,
    ]
}

fn is_near(a: usize, b: usize, sizes: [usize; 3], radius: usize) -> bool {
    let (a, b) = (place(a, sizes), place(b, sizes));
    (0..3).all(|axis| a[axis].abs_diff(b[axis]) <= radius)
}

/// The pixels of the peaks.
fn wanted(map: &[f32], sizes: [usize; 3], k: usize, radius: usize) -> Vec<usize> {
    let n = map.len();
    let near = |at: usize| (0..n).filter(move |&other| is_near(at, other, sizes, radius));
    let highest: Vec<bool> = (0..n)
        .map(|at| near(at).all(|other| map[other] <= map[at]))
        .collect();
    let first = |at: &usize| {
        near(*at).all(|other| other >= *at || map[other] < map[*at] || !highest[other])
    };
    let mut found: Vec<usize> = (0..n)
        .filter(|&at| highest[at] && map[at] > -INF)
        .filter(first)
        .collect();
    found.sort_by(|&a, &b| {
        map[b]
            .partial_cmp(&map[a])
            .expect("numbers")
            .then(a.cmp(&b))
    });
    found.truncate(k);
    found
}

fn assert_peaks(
    got: Peaks,
    maps: &[Vec<f32>],
    sizes: [usize; 3],
    axes: usize,
    k: usize,
    radius: usize,
) {
    let (positions, scores) = (values(got.positions), values(got.scores));
    for (map, (positions, scores)) in maps
        .iter()
        .zip(positions.chunks(k * axes).zip(scores.chunks(k)))
    {
        let found = wanted(map, sizes, k, radius);
        for peak in 0..k {
            let position = &positions[peak * axes..][..axes];
            match found.get(peak) {
                Some(&pixel) => {
                    let [z, y, x] = place(pixel, sizes).map(|place| place as f64);
                    assert_exact(position, &[x, y, z][..axes]);
                    assert_exact(&scores[peak..=peak], &[map[pixel].into()]);
                }
                None => {
                    assert_exact(position, &vec![f64::NAN; axes]);
                    assert_exact(&scores[peak..=peak], &[f64::NEG_INFINITY]);
                }
            }
        }
    }
}

/// Random maps and maps of few levels, with masks.
#[test]
fn against_their_definition() {
    let Some(device) = device() else { return };
    for (levels, mask) in [(1000.0, -5.0), (1.0, 2.0), (0.0, 1.0)] {
        let map = |seed, count| -> Vec<f32> {
            let level = |x: f32| (x * levels).round() / 8.0;
            let map = uniform(seed, count);
            map.iter()
                .map(|&x| if x < mask - 4.0 { -INF } else { level(x) })
                .collect()
        };
        for radius in [1, 2, 5, 40] {
            let maps = [map(1, 53), map(2, 53)];
            let x: Tensor<3> = tensor(&maps.concat(), [2, 1, 53], &device);
            assert_peaks(peaks(x, 6, radius), &maps, [1, 1, 53], 1, 6, radius);
            let maps = [map(3, 35 * 20), map(4, 35 * 20)];
            let x: Tensor<4> = tensor(&maps.concat(), [1, 2, 35, 20], &device);
            assert_peaks(peaks(x, 9, radius), &maps, [1, 35, 20], 2, 9, radius);
            let maps = [map(5, 7 * 9 * 11)];
            let x: Tensor<5> = tensor(&maps.concat(), [1, 1, 7, 9, 11], &device);
            assert_peaks(peaks(x, 5, radius), &maps, [7, 9, 11], 3, 5, radius);
        }
    }
}

/// Of a size that users have, also through a view, and beside broken maps.
#[test]
fn of_large_and_broken_maps() {
    let Some(device) = device() else { return };
    let (height, width) = (256, 320);
    let pixels = height * width;
    let mut maps = vec![0.0f32; 4 * pixels];
    let spots = [
        (200, 300, 9.0),
        (10, 310, 8.0),
        (10, 312, 8.5),
        (255, 0, 7.0),
    ];
    for (y, x, score) in spots {
        maps[y * width + x] = score;
        maps[3 * pixels + y * width + x] = score;
    }
    maps[pixels + 7] = f32::NAN;
    maps[2 * pixels + 7] = INF;
    let shape = [2, 2, height, width];
    let x: Tensor<4> = tensor(&maps, shape, &device);
    let apart = x.clone().swap_dims(2, 3).mul_scalar(1.0).swap_dims(2, 3);
    for x in [x, apart] {
        let found = peaks(x, 4, 3);
        assert_eq!(found.positions.dims(), [2, 2, 4, 2]);
        let positions = values(found.positions);
        // Where the rest is flat, the first pixel is a peak of it.
        let want = [300.0, 200.0, 312.0, 10.0, 0.0, 255.0, 0.0, 0.0];
        assert_exact(&positions[..8], &want);
        assert!(positions[8..24].iter().all(|position| position.is_nan()));
        assert_exact(&positions[24..], &want);
        let scores = values(found.scores);
        assert_exact(&scores[..4], &[9.0, 8.5, 7.0, 0.0]);
        assert!(scores[4..12].iter().all(|score| score.is_nan()));
    }
    let none: Tensor<4> = tensor(&[], [0, 2, 8, 8], &device);
    let found = peaks(none, 3, 1);
    assert_eq!(
        (found.positions.dims(), found.scores.dims()),
        ([0, 2, 3, 2], [0, 2, 3])
    );
}

/// Of positions that half precision does not have.
#[test]
fn in_each_dtype() {
    let Some(device) = device() else { return };
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        if !computes(&device, dtype) {
            continue;
        }
        let mut line = vec![0.0f32; 5001];
        line[4999] = 2.0;
        line[2049] = 1.5;
        let x: Tensor<3> = tensor(&line, [1, 1, 5001], &device).cast(dtype);
        let found = peaks(x, 2, 3);
        let wide = if dtype == DType::F64 {
            dtype
        } else {
            DType::F32
        };
        assert_eq!(
            (found.positions.dtype(), found.scores.dtype()),
            (wide, wide)
        );
        assert_exact(&values(found.positions), &[4999.0, 2049.0]);
        assert_exact(&values(found.scores), &[2.0, 1.5]);
    }
}

const WEIGHTINGS: [Weighting; 4] = [
    Weighting::softmax(1.5),
    Weighting::softmax(1.0).above(0.0),
    Weighting::entmax(1.5, 1.0),
    Weighting::softmax(2.0).within(1),
];

/// A map of which all but what is around a center is masked gives the same, and the same gradient.
#[test]
fn around_centers() {
    let Some(device) = device() else { return };
    let sizes = [40, 50];
    let maps = uniform(31, 2 * sizes[0] * sizes[1]);
    let centers: [[f32; 2]; 5] = [
        [3.2, 4.4],
        [0.0, 0.0],
        [49.4, 38.6],
        [20.0, 30.0],
        [21.0, 31.0],
    ];
    let radius = 3;
    let x: Tensor<4> = tensor(&maps, [1, 2, sizes[0], sizes[1]], &device);
    let of_centers: Tensor<4> =
        tensor(centers.as_flattened(), [1, 1, 5, 2], &device).expand([1, 2, 5, 2]);
    for (index, weighting) in WEIGHTINGS.into_iter().enumerate() {
        let units = [
            Coordinates::Index,
            Coordinates::CellCenters,
            Coordinates::AlignCorners,
        ][index % 3];
        let leaf = x.clone().require_grad();
        let got =
            spatial_soft_argmax_around(leaf.clone(), of_centers.clone(), radius, weighting, units);
        assert_eq!(got.dims(), [1, 2, 5, 2]);
        let upstream = uniform(32, 20);
        let gradients = (got.clone() * tensor(&upstream, [1, 2, 5, 2], &device)).backward();
        let got = values(got);
        let slopes = values(leaf.grad(&gradients).expect("a leaf"));
        let mut want_slopes = vec![0.0; slopes.len()];
        for (of, center) in centers.iter().enumerate() {
            let [column, row] = center.map(|place| place.round() as i64);
            let masked: Vec<f32> = (0..maps.len())
                .map(|pixel| {
                    let (y, x) = (
                        (pixel / sizes[1] % sizes[0]) as i64,
                        (pixel % sizes[1]) as i64,
                    );
                    let near =
                        (y - row).abs() <= radius as i64 && (x - column).abs() <= radius as i64;
                    if near { maps[pixel] } else { -INF }
                })
                .collect();
            let alone = tensor(&masked, [1, 2, sizes[0], sizes[1]], &device).require_grad();
            let want = spatial_soft_argmax(alone.clone(), weighting, units);
            let of_center: Vec<f32> = (0..2)
                .flat_map(|map| upstream[map * 10 + of * 2..][..2].to_vec())
                .collect();
            let gradients = (want.clone() * tensor(&of_center, [1, 2, 2], &device)).backward();
            let want = values(want);
            for map in 0..2 {
                assert_within(&got[map * 10 + of * 2..][..2], &want[map * 2..][..2], |y| {
                    4e-6 * y.abs().max(1.0)
                });
            }
            let alone = values(alone.grad(&gradients).expect("a leaf"));
            want_slopes
                .iter_mut()
                .zip(alone)
                .for_each(|(sum, slope)| *sum += slope);
        }
        let scale = largest(&want_slopes);
        assert_within(&slopes, &want_slopes, |_| 1e-5 * scale);
    }
}

/// Lines and volumes, and the positions that [`peaks`] gives.
#[test]
fn around_peaks() {
    let Some(device) = device() else { return };
    let mut line = vec![0.0f32; 5000];
    for (at, score) in [(4000, 9.0), (4001, 8.0), (17, 7.0)] {
        line[at] = score;
    }
    let x: Tensor<3> = tensor(&line, [1, 1, 5000], &device);
    let found = peaks(x.clone(), 4, 4).positions;
    let got = spatial_soft_argmax_around(x, found, 4, Weighting::given(), Coordinates::Index);
    let got = values(got);
    assert_within(&got[..2], &[4000.0 + 8.0 / 17.0, 17.0], |y| 2e-7 * y);
    // The flat rest has peaks, around which nothing weighs anything.
    assert!(got[2].is_nan());

    let volume = uniform(40, 6 * 7 * 8);
    let x: Tensor<5> = tensor(&volume, [1, 1, 6, 7, 8], &device);
    let found = peaks(x.clone(), 1, 20).positions;
    let got = spatial_soft_argmax_around(x.clone(), found, 20, 2.0, Coordinates::Index);
    let want = spatial_soft_argmax(x, 2.0, Coordinates::Index);
    assert_within(&values(got), &values(want), |_| 2e-6);
}

/// The nearest pixel of a center, and a radius as large as it gets.
#[test]
fn around_the_nearest_pixel() {
    let Some(device) = device() else { return };
    let map = uniform(70, 9);
    let x: Tensor<3> = tensor(&map, [1, 1, 9], &device);
    let around = |center: f32, radius| {
        let center = tensor(&[center], [1, 1, 1, 1], &device);
        values(spatial_soft_argmax_around(
            x.clone(),
            center,
            radius,
            1.0,
            Coordinates::Index,
        ))
    };
    assert_exact(&around(0.499_999_97, 1), &around(0.0, 1));
    let all = values(spatial_soft_argmax(x.clone(), 1.0, Coordinates::Index));
    for (center, radius) in [(3.0, 8), (-5.0, 13), (20.0, 20), (4.0, usize::MAX)] {
        assert_within(&around(center, radius), &all, |_| 2e-6);
    }
}

/// Centers that are nowhere, and maps that are broken in one place.
#[test]
fn around_nothing() {
    let Some(device) = device() else { return };
    let mut map = uniform(50, 30 * 30);
    map[5 * 30 + 5] = f32::NAN;
    map[20 * 30 + 20] = INF;
    let x = tensor(&map, [1, 1, 30, 30], &device).require_grad();
    let nan = f32::NAN;
    let centers = [
        [6.0, 6.0],
        [20.0, 21.0],
        [nan, 3.0],
        [-3.0, 10.0],
        [1e30, 10.0],
        [10.0, 32.0],
        [10.0, 31.0],
        [-INF, INF],
    ];
    let of_centers: Tensor<4> = tensor(centers.as_flattened(), [1, 1, 8, 2], &device);
    let got = spatial_soft_argmax_around(x.clone(), of_centers, 2, 1.0, Coordinates::Index);
    let positions = values(got.clone());
    for (center, position) in positions.chunks(2).enumerate() {
        assert_eq!(
            position.iter().all(|position| position.is_nan()),
            center != 6,
            "{center}"
        );
    }
    assert_within(&positions[13..14], &[29.0], |_| 1e-5);

    let loss = got.slice([0..1, 0..1, 6..7, 0..2]).sum();
    let slopes = values(x.grad(&loss.backward()).expect("a leaf"));
    assert!(slopes.iter().all(|slope| slope.is_finite()));
    assert!(slopes[29 * 30 + 8..][..5].iter().any(|slope| *slope != 0.0));

    let none: Tensor<4> = tensor(&[], [0, 2, 8, 8], &device).require_grad();
    let centers: Tensor<4> = tensor(&[], [0, 2, 3, 2], &device);
    let got = spatial_soft_argmax_around(none.clone(), centers, 2, 1.0, Coordinates::Index);
    assert_eq!(got.dims(), [0, 2, 3, 2]);
    assert!(none.grad(&got.sum().backward()).is_some());
}

#[test]
fn around_in_half_precision() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F16) {
        return;
    }
    let map = uniform(60, 100 * 100);
    let x: Tensor<4> = tensor(&map, [1, 1, 100, 100], &device).cast(DType::F16);
    let centers: Tensor<4> = tensor(&[90.0, 95.0], [1, 1, 1, 2], &device);
    let around =
        |x| spatial_soft_argmax_around(x, centers.clone(), 6, 1.0, Coordinates::CellCenters);
    let got = around(x.clone());
    assert_eq!(got.dtype(), DType::F16);
    let want = values(around(x.cast(DType::F32)).cast(DType::F16));
    assert_exact(&values(got), &want);
}

#[test]
fn what_has_no_peaks() {
    let Some(device) = device() else { return };
    let x = || tensor(&[0.0; 16], [1, 1, 4, 4], &device);
    let find = |k, radius| peaks(x(), k, radius).scores;
    assert_panics(|| find(0, 1), &["peaks: k must be at least 1, got 0"]);
    assert_panics(|| find(1, 0), &["peaks: radius must be at least 1, got 0"]);
    let around = |shape: [usize; 4], radius, beta| {
        let centers = tensor(&vec![0.0; shape.iter().product()], shape, &device);
        spatial_soft_argmax_around(x(), centers, radius, beta, Coordinates::Index)
    };
    let op = "spatial_soft_argmax_around: ";
    assert_panics(
        || around([1, 1, 3, 1], 1, 1.0),
        &[op, "centers must be [1, 1, center, 2]", "[1, 1, 3, 1]"],
    );
    assert_panics(
        || around([1, 2, 3, 2], 1, 1.0),
        &[op, "centers must be [1, 1, center, 2]"],
    );
    assert_panics(
        || around([1, 1, 3, 2], 0, 1.0),
        &[op, "radius must be at least 1, got 0"],
    );
    assert_panics(
        || around([1, 1, 3, 2], 1, -1.0),
        &[op, "beta must be finite and >= 0, got -1"],
    );
}
