use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{Coordinates, refined_argmax, refined_spatial_argmax, render_gaussian};
use burn_argmax_tests::{
    check::{assert_exact, assert_within, largest},
    data::{tensor, uniform, values, widen},
    device::computes,
    oracle_refine::refined,
    rounding::Rounding,
};

use super::device;

const INF: f32 = f32::INFINITY;

/// Of scores of any size, along one axis and two.
#[test]
fn gradients_of_any_scale() {
    let Some(device) = device() else { return };
    for scale in [1e-30, 1e-20, 1.0, 1e20, 1e30f32] {
        let line = [0.0, 1.0, 0.5].map(|x| x * scale);
        let x = tensor(&line, [1, 3], &device).require_grad();
        let loss = refined_argmax(x.clone(), 1).sum();
        let slopes = values(x.grad(&loss.backward()).expect("a leaf"));
        let scaled = |slopes: Vec<f64>, scale: f32| {
            slopes
                .into_iter()
                .map(|slope| slope * f64::from(scale))
                .collect::<Vec<_>>()
        };
        let want = [-2.0 / 9.0, -2.0 / 9.0, 4.0 / 9.0];
        assert_within(&scaled(slopes, scale), &want, |_| 1e-5);

        let of_map = |scale: f32| {
            let map = [0.1, 0.6, 0.2, 0.5, 1.0, 0.7, 0.3, 0.8, 0.2].map(|x| x * scale);
            let x = tensor(&map, [1, 1, 3, 3], &device).require_grad();
            let loss = refined_spatial_argmax(x.clone(), Coordinates::Index).sum();
            scaled(values(x.grad(&loss.backward()).expect("a leaf")), scale)
        };
        assert_within(&of_map(scale), &of_map(1.0), |_| 1e-5);
    }
}

/// The logarithm of a Gaussian, and the refined index of it.
#[test]
fn of_gaussians() {
    let Some(device) = device() else { return };
    for (n, center) in [(64, 20.3), (1000, 900.5), (100_000, 77_777.75), (3, 1.2)] {
        let line = |i: usize| -((i as f64 - center) / 2.0).powi(2) as f32 / 2.0;
        let line: Vec<f32> = (0..n).map(line).collect();
        let index = values(refined_argmax(tensor(&line, [1, n], &device), 1))[0];
        assert!(
            (index - center).abs() < 1e-5 * center.max(1.0),
            "{index} for {center}"
        );
    }
    for [height, width] in [[64, 48], [256, 256]] {
        let centers = [20.25, 31.5, 0.4, 7.0, 44.8, 60.1];
        let centers: Tensor<3> = tensor(&centers, [1, 3, 2], &device);
        let sizes = [height, width];
        let maps: Tensor<4> =
            render_gaussian(centers.clone(), &sizes, [2.0, 3.0], Coordinates::Index);
        let got = refined_spatial_argmax((maps + 1e-30).log(), Coordinates::Index);
        // The second is at a border along x.
        let want = values(centers)
            .iter()
            .map(|&x| if x < 0.5 { 0.0 } else { x })
            .collect::<Vec<_>>();
        assert_within(&values(got), &want, |_| 1e-3);
    }
}

/// A quadratic form with such bends, which is largest at a center in the middle of the map.
fn quadratic(sizes: [usize; 3], center: [f64; 3], bends: [f64; 6]) -> Vec<f32> {
    let [depth, height, width] = sizes;
    let [xx, yy, zz, xy, xz, yz] = bends;
    let value = |i: usize| {
        let [x, y, z] = [i % width, i / width % height, i / width / height];
        let [x, y, z] = [
            x as f64 - center[0],
            y as f64 - center[1],
            z as f64 - center[2],
        ];
        let pure = xx * x * x + yy * y * y + zz * z * z;
        (-pure / 2.0 - xy * x * y - xz * x * z - yz * y * z) as f32
    };
    (0..depth * height * width).map(value).collect()
}

/// One step reaches the maximum of a quadratic form, however it is turned.
#[test]
fn of_quadratic_forms() {
    let Some(device) = device() else { return };
    let center = [4.2, 3.9, 2.3];
    for bends in [
        [1.0, 2.0, 0.5, 0.2, -0.1, 0.3],
        [1e-20, 3e-20, 2e-20, 0.0, 1e-20, -0.5e-20],
    ] {
        let map = quadratic([5, 8, 9], center, bends);
        let maps: Tensor<5> = tensor(&map, [1, 1, 5, 8, 9], &device);
        let got = values(refined_spatial_argmax(maps, Coordinates::Index));
        assert_within(&got, &center, |_| 1e-4);
    }
}

fn position<const D: usize>(maps: Tensor<D>) -> Tensor<3> {
    refined_spatial_argmax(maps, Coordinates::Index)
}

/// Values and gradients of maps against the oracle and its differences.
#[track_caller]
fn assert_maps<const D: usize>(maps: &[f32], sizes: [usize; D], device: &Device) {
    let axes = D - 2;
    let pixels: usize = sizes[2..].iter().product();
    let count = sizes[0] * sizes[1];
    let upstream = uniform(4, count * axes);
    let leaf: Tensor<D> = tensor(maps, sizes, device).require_grad();
    let got = position(leaf.clone());
    assert_eq!(got.dims(), [sizes[0], sizes[1], axes]);
    let gradients =
        (got.clone() * tensor(&upstream, [sizes[0], sizes[1], axes], device)).backward();
    let slopes = values(leaf.grad(&gradients).expect("a leaf"));
    let got = values(got);
    for (map, index) in widen(maps).chunks(pixels).zip(0..) {
        let want = refined(map, &sizes[2..]);
        assert_within(&got[index * axes..][..axes], &want, |_| 2e-4);
        let upstream = &upstream[index * axes..][..axes];
        let value = |map: &[f64]| -> f64 {
            let position = refined(map, &sizes[2..]);
            position
                .iter()
                .zip(upstream)
                .map(|(p, &u)| p * f64::from(u))
                .sum()
        };
        let slope = |at: usize| {
            if map[at] == f64::NEG_INFINITY {
                return 0.0;
            }
            let step = 1e-6;
            let mut moved = map.to_vec();
            moved[at] += step;
            let after = value(&moved);
            moved[at] -= 2.0 * step;
            (after - value(&moved)) / (2.0 * step)
        };
        let want: Vec<f64> = (0..pixels).map(slope).collect();
        let scale = largest(&want);
        assert_within(&slopes[index * pixels..][..pixels], &want, |_| {
            2e-3 * scale + 1e-6
        });
    }
}

/// Of noise there are maxima of every kind: at borders, without a maximum of the surface, and turned ones.
#[test]
fn of_noise() {
    let Some(device) = device() else { return };
    let few = |n: usize, seed| uniform(seed, n);
    assert_maps(&few(40 * 6, 1), [8, 5, 6], &device);
    assert_maps(&few(60 * 20, 2), [10, 6, 5, 4], &device);
    assert_maps(&few(30 * 60, 3), [5, 6, 3, 4, 5], &device);
    let mut masked = few(40 * 20, 5);
    for mask in masked.iter_mut().step_by(3) {
        *mask = -INF;
    }
    assert_maps(&masked, [8, 5, 5, 4], &device);
}

#[test]
fn along_any_dimension() {
    let Some(device) = device() else { return };
    let x = tensor(&uniform(9, 3 * 20 * 7), [3, 20, 7], &device);
    let middle = refined_argmax(x.clone(), 1);
    assert_eq!(middle.dims(), [3, 1, 7]);
    let last = refined_argmax(x.swap_dims(1, 2), -1).swap_dims(1, 2);
    assert_exact(&values(middle), &values(last));
}

#[test]
fn borders_plateaus_and_broken_rows() {
    let Some(device) = device() else { return };
    let rows = [
        [3.0, 2.0, 1.0, 0.0],
        [0.0, 1.0, 2.0, 3.0],
        [1.0, 1.0, 1.0, 1.0],
        [0.0, 2.0, 2.0, 0.0],
        [0.0, 2.0, -INF, 1.0],
        [f32::NAN, 2.0, 1.0, 0.0],
        [0.0, INF, 0.0, 0.0],
        [-INF; 4],
    ];
    let x = tensor(rows.as_flattened(), [8, 4], &device).require_grad();
    let got = refined_argmax(x.clone(), 1);
    let nan = f64::NAN;
    assert_exact(
        &values(got.clone()),
        &[0.0, 3.0, 0.0, 1.5, 1.0, nan, nan, nan],
    );
    // Nothing comes to the broken rows, and leaves nothing.
    let gradient = x.grad(&got.clone().slice([0..5, 0..1]).sum().backward());
    let gradient = values(gradient.expect("a leaf"));
    assert_exact(&gradient[20..], &[0.0; 12]);
    assert!(
        gradient.iter().all(|slope| slope.is_finite()),
        "{gradient:?}"
    );
    let got = refined_argmax(x.clone(), 1);
    let gradient = values(x.grad(&got.sum().backward()).expect("a leaf"));
    assert!(
        gradient[20..28].iter().all(|slope| slope.is_nan()),
        "{gradient:?}"
    );
    assert_exact(&gradient[28..], &[0.0; 4]);

    let empty = tensor(&[], [0, 1, 4, 5], &device).require_grad();
    let got = position(empty.clone());
    assert_eq!(got.dims(), [0, 1, 2]);
    assert_eq!(
        empty.grad(&got.sum().backward()).expect("a leaf").dims(),
        [0, 1, 4, 5]
    );
}

/// Rounded once, in the units asked for.
#[test]
fn half_precision() {
    let Some(device) = device() else { return };
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        if !computes(&device, dtype) {
            continue;
        }
        let rounding = Rounding::of(dtype);
        let map = quadratic(
            [1, 40, 300],
            [250.3, 17.75, 0.0],
            [0.5, 0.25, 0.0, 0.1, 0.0, 0.0],
        );
        let data = TensorData::new(map, [1, 1, 40, 300]).convert_dtype(dtype);
        let maps = Tensor::<4>::from_data(data, (&device, dtype));
        let rounded = values(maps.clone());
        let want = refined(&rounded, &[40, 300]);
        let units = [
            (Coordinates::Index, want.clone()),
            (
                Coordinates::CellCenters,
                want.iter()
                    .zip([300.0, 40.0])
                    .map(|(i, n)| (2.0 * i + 1.0) / n - 1.0)
                    .collect(),
            ),
        ];
        for (coordinates, want) in units {
            let got = refined_spatial_argmax(maps.clone(), coordinates);
            assert_eq!(got.dtype(), dtype);
            assert_within(&values(got), &rounding.round(&want), |x| {
                rounding.ulp(x) + 1e-6
            });
        }
    }
}

/// Large negative numbers that stand for masks beside a peak, and a surface that is steep along one axis.
#[test]
fn neighbors_far_below_and_long_ridges() {
    let Some(device) = device() else { return };
    let noise = uniform(12, 5 * 5 * 5);
    for far in [-1e9f32, -1e30, f32::MIN] {
        for neighbor in [[1, 1, 1], [0, 0, 1], [0, 1, 1], [1, 0, 0]] {
            let mut map: Vec<f32> = noise.iter().map(|x| x * 0.1).collect();
            map[2 * 25 + 2 * 5 + 2] = 3.0;
            let [z, y, x] = neighbor.map(|step: usize| 2 + step);
            map[25 * z + 5 * y + x] = far;
            let maps: Tensor<5> = tensor(&map, [1, 1, 5, 5, 5], &device).require_grad();
            let got = position(maps.clone());
            let want = refined(&widen(&map), &[5, 5, 5]);
            println!("{far} at {neighbor:?}");
            assert_within(&values(got.clone()), &want, |_| 1e-4);
            let slopes = values(maps.grad(&got.sum().backward()).expect("a leaf"));
            assert!(slopes.iter().all(|slope| slope.is_finite()), "{slopes:?}");
        }
    }
    // Steep along z, flat and turned in the plane.
    let center = [4.2, 3.9, 2.3];
    let map = quadratic([5, 8, 9], center, [1e-3, 1e-3, 16.0, 8e-4, 0.0, 0.0]);
    let maps: Tensor<5> = tensor(&map, [1, 1, 5, 8, 9], &device);
    let got = values(position(maps));
    assert_within(&got, &center, |_| 5e-3);
}
